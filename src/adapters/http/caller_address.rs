//! The address of a request's caller: the peer's, or the one that a trusted reverse proxy reports.

use std::net::{IpAddr, Ipv4Addr};

use poem::{
    Addr, Request,
    http::{HeaderMap, HeaderName, header},
};

use crate::domain::networks::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The IP address to which limits and logs attribute a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallerAddress(pub(super) IpAddr);

impl CallerAddress {
    pub(super) fn of(request: &Request, proxies: &TrustedProxies) -> Self {
        let peer = match request.remote_addr().0 {
            // A listener on `::` reports IPv4 peers as IPv4-mapped IPv6 addresses.
            Addr::SocketAddr(address) => address.ip().to_canonical(),
            Addr::Unix(_) | Addr::Custom(..) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        if !proxies.contain(peer) {
            return Self(peer);
        }
        let headers = request.headers();
        Self(proxies.caller(peer, &values(headers, &header::FORWARDED), &values(headers, &X_FORWARDED_FOR)))
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    // A value that is not ASCII text contains no address.
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect()
}
