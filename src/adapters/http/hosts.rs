//! Checks the `Host` header against DNS rebinding: an attacker's page can make its own host name resolve to 127.0.0.1,
//! and the browser then treats the gateway as the same origin. The `Host` header still has the attacker's name.

use std::net::IpAddr;

use poem::http::{
    HeaderMap, header,
    uri::{Authority, Uri},
};

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The accepted names and addresses, without ports, because a tunnel or a container may map the port.
#[derive(Debug, Clone)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Accepts the loopback names, the listen address and the configured names.
    pub fn new(listens_on: IpAddr, listed: &[String]) -> Self {
        let own = (!listens_on.is_unspecified()).then(|| match listens_on {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
        Self(LOOPBACK.map(str::to_owned).into_iter().chain(own).chain(listed.iter().cloned()).collect())
    }

    /// Returns whether the request has exactly one `Host` header (RFC 9112, section 3.2) and its name is accepted. A
    /// target in absolute form must have an accepted name too, because a proxy may route by either.
    pub fn accept(&self, target: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let Ok(host) = Authority::try_from(host.as_bytes()) else { return false };
        self.contain(&host) && target.authority().is_none_or(|authority| self.contain(authority))
    }

    fn contain(&self, authority: &Authority) -> bool {
        // `Authority` accepts any text after the colon, such as `localhost:80.evil.example`, and a user name.
        let port = authority.as_str().strip_prefix(authority.host()).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
        port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
            && self.0.iter().any(|name| name.eq_ignore_ascii_case(authority.host()))
    }
}
