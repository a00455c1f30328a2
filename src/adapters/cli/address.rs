//! The gateway's address: which URLs are valid, and which hosts are loopback.

use url::{Host, Url};

use super::error::InvalidAddress;

/// An http(s) URL without credentials, query or fragment. It may have a path, for a gateway behind a reverse proxy.
#[derive(Debug, Clone)]
pub(super) struct GatewayAddress(Url);

impl GatewayAddress {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidAddress> {
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
    pub(super) fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        // An http URL always has a path, so this never fails.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Returns the URL without the trailing slash.
    pub(super) fn shown(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn is_on_this_machine(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Returns the host (an IPv6 address without brackets) and the port.
    pub(super) fn host_and_port(&self) -> (String, u16) {
        let host = match self.0.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Domain(name)) => name.to_owned(),
            None => String::new(),
        };
        (host, self.0.port_or_known_default().unwrap_or_default())
    }

    /// Returns whether host and port alone identify the gateway: `http` and no path.
    pub(super) fn is_only_host_and_port(&self) -> bool {
        !self.is_encrypted() && self.0.path() == "/"
    }
}

/// Returns whether traffic to `url` stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        // A connection to the unspecified address goes to this machine.
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_addresses_are_rejected_without_repeating_secrets() {
        for (text, expected) in [
            ("127.0.0.1:3577", InvalidAddress::NotAUrl),
            ("localhost:3577", InvalidAddress::WrongScheme),
            ("ftp://gateway", InvalidAddress::WrongScheme),
            ("http://user:canary@gateway", InvalidAddress::HoldsCredentials),
            ("http://gateway/?token=canary", InvalidAddress::HoldsQuery),
        ] {
            let error = GatewayAddress::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn endpoints_keep_the_base_path_and_encode_segments() {
        let endpoint =
            |base: &str, segments: &[&str]| GatewayAddress::parse(base).unwrap().endpoint(segments).to_string();
        assert_eq!(endpoint("http://127.0.0.1:3577", &["v1", "providers"]), "http://127.0.0.1:3577/v1/providers");
        assert_eq!(endpoint("https://host/goclaw/", &["v1", "a/b?c"]), "https://host/goclaw/v1/a%2Fb%3Fc");
    }

    #[test]
    fn loopback_addresses_are_recognised() {
        for (url, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:1", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://0.0.0.0:3577", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(GatewayAddress::parse(url).unwrap().is_on_this_machine(), expected, "{url}");
        }
    }

    #[test]
    fn an_ipv6_address_is_split_without_brackets() {
        let address = GatewayAddress::parse("http://[::1]:3577/").unwrap();
        assert_eq!(address.shown(), "http://[::1]:3577");
        assert_eq!(address.host_and_port(), ("::1".to_owned(), 3577));
        assert!(address.is_only_host_and_port());
        assert!(!GatewayAddress::parse("https://gateway").unwrap().is_only_host_and_port());
    }
}
