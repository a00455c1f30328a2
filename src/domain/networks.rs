//! Networks of IP addresses, and the address of a caller behind reverse proxies.

use std::net::IpAddr;

pub use ipnet::IpNet;

/// Parses a network in CIDR notation (RFC 4632 section 3.1), or a single address.
pub fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Whether a host is `localhost` or a loopback address. An IPv6 address has no brackets. Names below `localhost` do not
/// count, because some resolvers look them up in the network.
pub fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// The reverse proxies whose headers with the caller's address are trusted.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Returns the caller's address: the last one in the chain that is not a trusted proxy's. `forwarded` and
    /// `x_forwarded_for` are the values of these headers (RFC 7239). A proxy writes one of them and may forward the
    /// other one from its caller. If the two contradict each other, neither is trusted.
    pub fn caller(&self, peer: IpAddr, forwarded: &[&str], x_forwarded_for: &[&str]) -> IpAddr {
        let chains = [chain(forwarded, forwarded_for), chain(x_forwarded_for, |hop| Some(hop))];
        let [by_forwarded, by_x_forwarded_for] = chains.map(|hops| self.first_untrusted(peer, &hops));
        match (forwarded.is_empty(), x_forwarded_for.is_empty()) {
            (true, _) => by_x_forwarded_for,
            (false, true) => by_forwarded,
            (false, false) if by_forwarded == by_x_forwarded_for => by_forwarded,
            (false, false) => peer,
        }
    }

    fn first_untrusted(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut caller = peer.to_canonical();
        for hop in hops.iter().rev() {
            match hop {
                Some(before) if self.contain(caller) => caller = *before,
                _ => break,
            }
        }
        caller
    }
}

/// Returns the addresses of a chain, the nearest last. An entry that is not an address becomes None.
fn chain(values: &[&str], address_of: impl Fn(&str) -> Option<&str>) -> Vec<Option<IpAddr>> {
    let hops = values.iter().flat_map(|value| value.split(','));
    hops.map(|hop| address_of(hop.trim()).and_then(parse_address)).collect()
}

/// Returns the parameter `for` of an element of `Forwarded`.
fn forwarded_for(hop: &str) -> Option<&str> {
    let pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value.trim_matches('"')).next()
}

/// Parses an address with or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let plain = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    let address = plain.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().map(|address| address.ip()).ok());
    address.map(|address: IpAddr| address.to_canonical())
}
