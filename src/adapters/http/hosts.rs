//! The host names that the gateway accepts, against DNS rebinding: an attacker's page can make its own host name
//! resolve to 127.0.0.1, and the browser then treats the gateway as the same origin. The `Host` header still has the
//! attacker's name.

use std::net::IpAddr;

use poem::http::{HeaderMap, header, uri::Authority};

/// The loopback names and addresses.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Names and addresses, without ports: a tunnel or a container may map the port.
#[derive(Debug, Clone)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Allows the loopback names, the listen address and the configured names.
    pub fn new(listens_on: IpAddr, listed: &[String]) -> Self {
        let own = (!listens_on.is_unspecified()).then(|| match listens_on {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
        Self(LOOPBACK.map(str::to_owned).into_iter().chain(own).chain(listed.iter().cloned()).collect())
    }

    /// Returns whether the single `Host` header (RFC 9112 section 3.2) names the gateway.
    pub(super) fn are_named_by(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
        !authority.as_str().contains('@') && self.0.iter().any(|name| name.eq_ignore_ascii_case(authority.host()))
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn headers(hosts: &[&str]) -> HeaderMap {
        hosts.iter().map(|host| (header::HOST, HeaderValue::from_str(host).unwrap())).collect()
    }

    #[test]
    fn a_name_is_ours_if_it_is_the_machine_s_or_listed() {
        let hosts = Hosts::new("192.0.2.7".parse().unwrap(), &["gateway.example".to_owned()]);
        for host in ["localhost", "LOCALHOST:3577", "127.0.0.1:8080", "[::1]:3577", "192.0.2.7", "Gateway.Example:443"]
        {
            assert!(hosts.are_named_by(&headers(&[host])), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:3577",
            "192.0.2.8",
            "localhost@evil.example",
            "evil@localhost",
            "[::2]",
            "127.0.0.2",
            "0.0.0.0",
            "",
            "a b",
        ] {
            assert!(!hosts.are_named_by(&headers(&[host])), "{host}");
        }
        assert!(!hosts.are_named_by(&headers(&[])) && !hosts.are_named_by(&headers(&["localhost", "localhost"])));
        let anywhere = Hosts::new("0.0.0.0".parse().unwrap(), &[]);
        assert!(!anywhere.are_named_by(&headers(&["0.0.0.0"])) && anywhere.are_named_by(&headers(&["localhost"])));
    }
}
