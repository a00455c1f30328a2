//! Parses the gateway's address, and decides whether traffic to a URL stays on this machine.

use std::net::IpAddr;

use url::Url;

use crate::domain::networks::is_this_machine;

/// An http(s) URL without credentials, query or fragment. It may have a path, for a gateway behind a reverse proxy.
#[derive(Debug, Clone)]
pub struct GatewayAddress(Url);

/// Why a gateway address is invalid. The messages do not repeat the address, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    #[error("it is not a URL")]
    NotAUrl,
    #[error("it must begin with http:// or https://")]
    WrongScheme,
    #[error("it must not contain a user name or a password")]
    HoldsCredentials,
    #[error("it must not have a query or a fragment")]
    HoldsQuery,
}

impl GatewayAddress {
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let url = Url::parse(text.trim()).map_err(|_may_hold_a_password| InvalidAddress::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidAddress::WrongScheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidAddress::HoldsCredentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidAddress::HoldsQuery);
        }
        Ok(Self(url))
    }

    /// Returns the URL of an endpoint. Each segment is percent-encoded.
    pub fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        // This never fails: an http URL always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Returns the URL without the trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub fn is_on_this_machine(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Returns the host (an IPv6 address without brackets) and the port.
    pub fn host_and_port(&self) -> (&str, u16) {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        (host, self.0.port_or_known_default().unwrap_or_default())
    }

    /// Returns whether host and port alone identify the gateway: `http` and no path.
    pub fn is_only_host_and_port(&self) -> bool {
        !self.is_encrypted() && self.0.path() == "/"
    }
}

/// Returns whether traffic to `url` stays on this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    // A connection to 0.0.0.0 or :: goes to this machine.
    is_this_machine(host) || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_unspecified())
}
