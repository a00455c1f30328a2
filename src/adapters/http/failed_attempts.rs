//! Counts requests without the right token, and slows down whoever sends many.
//!
//! A token of 256 bits cannot be guessed; this keeps a caller with a wrong one, or a scanner, from costing anything.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::{InMemoryState, NotKeyed, keyed::HashMapStateStore},
};
use poem::{Addr, web::RemoteAddr};

const PER_ADDRESS: Quota = Quota::per_second(NonZeroU32::new(1).unwrap()).allow_burst(NonZeroU32::new(20).unwrap());
const IN_ALL: Quota = Quota::per_second(NonZeroU32::new(20).unwrap()).allow_burst(NonZeroU32::new(200).unwrap());

/// Addresses remembered at most; beyond that, those that have been quiet are forgotten.
const ADDRESSES: usize = 10_000;

pub(super) struct FailedAttempts {
    per_address: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    in_all: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
    clock: DefaultClock,
}

impl Default for FailedAttempts {
    fn default() -> Self {
        Self {
            per_address: RateLimiter::hashmap(PER_ADDRESS),
            in_all: RateLimiter::direct(IN_ALL),
            clock: DefaultClock::default(),
        }
    }
}

impl FailedAttempts {
    /// Counts one more. The error says how long this caller should wait.
    pub(super) fn count(&self, caller: &RemoteAddr) -> Result<(), Duration> {
        let ip = match caller.0 {
            Addr::SocketAddr(address) => address.ip(),
            Addr::Unix(_) | Addr::Custom(..) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        if self.per_address.len() > ADDRESSES {
            self.per_address.retain_recent();
        }
        let now = self.clock.now();
        self.per_address.check_key(&ip).map_err(|early| early.wait_time_from(now))?;
        self.in_all.check().map_err(|early| early.wait_time_from(now))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn one_address_is_slowed_down_and_others_are_not() {
        let attempts = FailedAttempts::default();
        let caller = |last: u8| RemoteAddr(Addr::SocketAddr(SocketAddr::from(([10, 0, 0, last], 1))));
        let let_through = (0..100).filter(|_| attempts.count(&caller(1)).is_ok()).count();
        assert!((20..30).contains(&let_through), "{let_through}");
        assert!(attempts.count(&caller(1)).unwrap_err() <= Duration::from_secs(1));
        assert!(attempts.count(&caller(2)).is_ok());
    }

    #[test]
    fn many_addresses_together_are_slowed_down_too() {
        let attempts = FailedAttempts::default();
        let callers = (0..=255).flat_map(|a| (0..4).map(move |b| SocketAddr::from(([10, 0, b, a], 1))));
        let refused = callers.filter(|caller| attempts.count(&RemoteAddr(Addr::SocketAddr(*caller))).is_err()).count();
        assert!(refused > 700, "{refused}");
    }
}
