//! Reproducible random choices from a printed seed.

use std::time::SystemTime;

/// Returns a new seed.
#[expect(clippy::disallowed_methods, reason = "no result depends on it")]
pub(crate) fn from_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(now.as_millis()).expect("a time before the year 500,000,000")
}

/// SplitMix64 (Steele, Lea, Flood 2014), which is small and sufficient for shuffling.
#[derive(Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn from(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a random number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
