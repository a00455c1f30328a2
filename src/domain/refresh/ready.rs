//! When a refresh may begin: the one rule that the scheduler waits by and the store grants by.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use crate::domain::time::Timestamp;

use super::{RefreshPolicy, RefreshState, RefreshTrigger, TokenState};

/// How often a token may be presented while its access token is good: once, and once more out of doubt.
const PRESENTATIONS_WHILE_GOOD: u32 = 2;

const ALWAYS: Timestamp = Timestamp::from_unix_millis(i64::MIN);

impl RefreshState {
    /// From when on a refresh may begin; None if never again. For a state [`RefreshState::at`] `now`.
    pub fn ready_at(&self, policy: &RefreshPolicy, trigger: RefreshTrigger, now: Timestamp) -> Option<Timestamp> {
        if !self.refreshable {
            return None;
        }
        let not_before = self.next_attempt_at.unwrap_or(ALWAYS);
        match &self.state {
            TokenState::Active => match trigger {
                RefreshTrigger::Due => Some(self.due_at(policy)?.max(not_before)),
                RefreshTrigger::Now | RefreshTrigger::Consented | RefreshTrigger::AccessDead => Some(not_before),
            },
            TokenState::Refreshing(lease) => Some(lease.until),
            TokenState::InDoubt => self.retry_at(policy, trigger, now, not_before),
            TokenState::NeedsReauth => None,
        }
    }

    /// When the next refresh is due, a little later for some accounts than for others, so that many that were connected
    /// together are not refreshed together. The same on every replica.
    pub fn due_at(&self, policy: &RefreshPolicy) -> Option<Timestamp> {
        let lead = policy.lead_for(self.lifetime()?);
        Some(self.expires_at?.minus(lead).plus(lead.mul_f64(self.jitter() / 10.0)))
    }

    /// Until when the access token is handed out; None means for ever.
    pub fn served_until(&self, policy: &RefreshPolicy) -> Option<Timestamp> {
        Some(self.expires_at?.minus(policy.serve_margin_for(self.lifetime()?)))
    }

    /// Whether the token may be presented once more because the provider's grace window is still open. It opened, at the
    /// earliest, with the first call that may have taken the token; a later call does not open it anew. A clock that was
    /// set back cannot tell.
    pub(super) fn has_grace(&self, policy: &RefreshPolicy, now: Timestamp) -> bool {
        let Some(sent_at) = self.sent_at else { return false };
        self.has_retry() && (sent_at..sent_at.plus(policy.grace_left_after_send())).contains(&now)
    }

    fn has_retry(&self) -> bool {
        self.attempt < PRESENTATIONS_WHILE_GOOD
    }

    /// When the one retry out of doubt is due. If the provider did take the token, presenting it again may end the whole
    /// family, the good access token with it; so it waits until that is worth little, unless its owner consents or the
    /// provider is known to have a grace window. Once the access token is dead there is nothing to lose; None if nobody can
    /// say when that is.
    fn retry_at(
        &self,
        policy: &RefreshPolicy,
        trigger: RefreshTrigger,
        now: Timestamp,
        not_before: Timestamp,
    ) -> Option<Timestamp> {
        if self.has_grace(policy, now) {
            return Some(not_before);
        }
        let worth_it_at = match trigger {
            RefreshTrigger::AccessDead => ALWAYS,
            RefreshTrigger::Consented if self.has_retry() => ALWAYS,
            RefreshTrigger::Due | RefreshTrigger::Consented if self.has_retry() => {
                self.served_until(policy)?.min(self.last_minutes_at()?)
            }
            // Joins whatever is under way, but starts no retry while there is something to lose.
            RefreshTrigger::Due | RefreshTrigger::Now | RefreshTrigger::Consented => self.served_until(policy)?,
        };
        let settled_at = self.sent_at.unwrap_or(ALWAYS).plus(policy.longest_call());
        Some(worth_it_at.max(not_before).max(settled_at))
    }

    fn last_minutes_at(&self) -> Option<Timestamp> {
        Some(self.expires_at?.minus(RefreshPolicy::last_minutes_of(self.lifetime()?)))
    }

    /// How long the access token lives in all, as it was when it was received.
    fn lifetime(&self) -> Option<Duration> {
        Some(self.obtained_at.until(self.expires_at?))
    }

    /// 0 to 1, the same for the same tokens everywhere: FNV-1a, spread enough and free of a seed.
    fn jitter(&self) -> f64 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        self.version.hash(&mut hash);
        (hash.finish() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
