//! Limits the rate of requests without a valid token.
//!
//! The limit bounds the load of scanners and misconfigured callers. A generated token has 256 random bits and cannot be
//! guessed.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::{InMemoryState, NotKeyed, keyed::HashMapStateStore},
};

/// One attempt a second, after a burst of 20.
const PER_NETWORK: Quota = Quota::per_second(NonZeroU32::new(1).unwrap()).allow_burst(NonZeroU32::new(20).unwrap());
const IN_ALL: Quota = Quota::per_second(NonZeroU32::new(20).unwrap()).allow_burst(NonZeroU32::new(200).unwrap());

/// Maximum number of networks that are counted. From it on, only the limit of all applies, and idle ones are removed.
const MAX_NETWORKS: usize = 10_000;

/// Counts failed attempts by network and in total. The network of a caller is its IPv4 address, or the first 64 bits of
/// its IPv6 address: every host there has 2^64 addresses to choose from (RFC 4291 section 2.5.4).
pub struct FailedAttempts {
    per_network: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    in_all: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
    clock: DefaultClock,
}

impl Default for FailedAttempts {
    fn default() -> Self {
        Self {
            per_network: RateLimiter::hashmap(PER_NETWORK),
            in_all: RateLimiter::direct(IN_ALL),
            clock: DefaultClock::default(),
        }
    }
}

impl FailedAttempts {
    /// Counts a failed attempt.
    ///
    /// # Errors
    ///
    /// A limit is exceeded. The error is the time to wait until the next attempt.
    pub fn count(&self, caller: IpAddr) -> Result<(), Duration> {
        let now = self.clock.now();
        let count_in_all = || self.in_all.check().map_err(|not_until| not_until.wait_time_from(now));
        if self.per_network.len() >= MAX_NETWORKS {
            count_in_all()?;
            self.per_network.retain_recent();
            return Ok(());
        }
        self.per_network.check_key(&network_of(caller)).map_err(|not_until| not_until.wait_time_from(now))?;
        count_in_all()
    }
}

fn network_of(caller: IpAddr) -> IpAddr {
    match caller.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}
