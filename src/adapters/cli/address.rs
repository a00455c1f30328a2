//! The gateway's address: which URLs are one, and which of them stay on this machine.

use url::{Host, Url};

use super::error::InvalidAddress;

/// An http(s) URL without credentials, query or fragment; it may have a path, if a reverse proxy wants one.
#[derive(Debug, Clone)]
pub(super) struct GatewayAddress(Url);

impl GatewayAddress {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let url = Url::parse(text.trim()).map_err(|_not_repeated| InvalidAddress::NotAUrl)?;
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

    /// The URL of an endpoint. Each segment is one segment, whatever is in it.
    pub(super) fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        // An http URL always has a path, so there is always something to extend.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// As people write it, without the slash at the end.
    pub(super) fn shown(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn is_on_this_machine(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Host and port, if they alone say where the gateway is.
    pub(super) fn host_and_port(&self) -> (String, u16) {
        let host = match self.0.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Domain(name)) => name.to_owned(),
            None => String::new(),
        };
        (host, self.0.port_or_known_default().unwrap_or_default())
    }

    pub(super) fn is_only_host_and_port(&self) -> bool {
        !self.is_encrypted() && self.0.path() == "/"
    }
}

/// Whether what is sent to `url` cannot leave this machine.
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
    fn an_address_is_an_http_url_without_secrets() {
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
    fn endpoints_keep_the_path_and_cannot_climb_out_of_it() {
        let endpoint =
            |base: &str, segments: &[&str]| GatewayAddress::parse(base).unwrap().endpoint(segments).to_string();
        assert_eq!(endpoint("http://127.0.0.1:3577", &["v1", "providers"]), "http://127.0.0.1:3577/v1/providers");
        assert_eq!(endpoint("https://host/goclaw/", &["v1", "a/b?c"]), "https://host/goclaw/v1/a%2Fb%3Fc");
    }

    #[test]
    fn loopback_is_told_from_the_network() {
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
    fn shown_without_the_slash_and_split_for_the_environment() {
        let address = GatewayAddress::parse("http://[::1]:3577/").unwrap();
        assert_eq!(address.shown(), "http://[::1]:3577");
        assert_eq!(address.host_and_port(), ("::1".to_owned(), 3577));
        assert!(address.is_only_host_and_port());
        assert!(!GatewayAddress::parse("https://gateway").unwrap().is_only_host_and_port());
    }
}
