//! Networks of addresses, and the caller behind a reverse proxy.

use std::net::IpAddr;

/// A network in CIDR notation (RFC 4632 section 3.1), or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
        (prefix <= bits).then_some(Self { address, prefix })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let (differs, bits) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (u128::from(own.to_bits() ^ other.to_bits()), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        differs.checked_shr(bits - self.prefix).unwrap_or(0) == 0
    }
}

/// The reverse proxies whose word on their callers' addresses is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Returns the caller's address: the last one in the chain that no trusted proxy has. `forwarded` and
    /// `x_forwarded_for` are the values of these headers (RFC 7239). A proxy writes one of them and passes the other
    /// as its caller sent it, so neither is believed if they differ.
    pub fn caller(&self, peer: IpAddr, forwarded: &[&str], x_forwarded_for: &[&str]) -> IpAddr {
        let chains = [chain(forwarded, forwarded_for), chain(x_forwarded_for, |hop| Some(hop))];
        let [by_forwarded, by_old_header] = chains.map(|hops| self.first_untrusted(peer, &hops));
        match (forwarded.is_empty(), x_forwarded_for.is_empty()) {
            (true, _) => by_old_header,
            (false, true) => by_forwarded,
            (false, false) if by_forwarded == by_old_header => by_forwarded,
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

/// Returns the addresses of a chain, the nearest last; None for what is no address.
fn chain(values: &[&str], address_of: impl Fn(&str) -> Option<&str>) -> Vec<Option<IpAddr>> {
    let hops = values.iter().flat_map(|value| value.split(','));
    hops.map(|hop| address_of(hop.trim()).and_then(parse_address)).collect()
}

/// Returns the parameter `for` of a hop.
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
