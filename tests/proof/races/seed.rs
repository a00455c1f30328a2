//! The order of things, drawn from a seed that is printed, so that it can be had again.

use std::time::SystemTime;

/// Repeats an order.
pub(super) const VARIABLE: &str = "PROOF_SEED";

#[expect(clippy::disallowed_methods, reason = "a seed comes from outside, or from the clock")]
pub(super) fn from_environment() -> u64 {
    let given = std::env::var(VARIABLE).ok().map(|text| text.parse().expect("PROOF_SEED wants a number"));
    let now =
        || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_millis() as u64;
    given.unwrap_or_else(now)
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to shuffle with.
#[derive(Debug)]
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn from(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
