//! When a refresh is due, and when it may begin. The schedule and [`step`](super::step) use the same rules.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use crate::domain::time::Timestamp;

use super::{Cause, RefreshPolicy, RefreshState, RefreshTrigger, TokenState};

/// How often a refresh token may be presented while its access token is valid: once, and once more out of doubt.
const PRESENTATIONS_WHILE_VALID: u32 = 2;

const IMMEDIATELY: Timestamp = Timestamp::from_unix_millis(i64::MIN);

impl RefreshState {
    /// Returns the earliest time of a refresh; None if none can begin. The state must come from [`RefreshState::at`].
    pub fn ready_at(&self, policy: &RefreshPolicy, trigger: RefreshTrigger, now: Timestamp) -> Option<Timestamp> {
        if !self.refreshable {
            return None;
        }
        let not_before = self.next_attempt_at.unwrap_or(IMMEDIATELY);
        match &self.state {
            TokenState::Active => match trigger {
                RefreshTrigger::Due => Some(self.due_at(policy)?.max(not_before)),
                // Nothing was sent, so a caller's request skips the pause. The breaker limits such calls.
                RefreshTrigger::Now | RefreshTrigger::Consented | RefreshTrigger::AccessDead
                    if self.cause.is_some_and(Cause::is_unreachable) =>
                {
                    Some(IMMEDIATELY)
                }
                RefreshTrigger::Now | RefreshTrigger::Consented | RefreshTrigger::AccessDead => Some(not_before),
                RefreshTrigger::Continued => Some(IMMEDIATELY),
            },
            TokenState::Refreshing(lease) => Some(lease.until),
            TokenState::InDoubt => self.retry_at(policy, trigger, now, not_before),
            TokenState::NeedsReauth => None,
        }
    }

    /// Returns when the next refresh is due. A jitter, equal on all replicas, spreads accounts over a tenth of `lead`.
    pub fn due_at(&self, policy: &RefreshPolicy) -> Option<Timestamp> {
        let lead = policy.lead_for(self.lifetime()?);
        Some(self.expires_at?.minus(lead).plus(lead.mul_f64(self.jitter() / 10.0)))
    }

    /// Returns when the access token is no longer served; None if it does not expire.
    pub fn served_until(&self, policy: &RefreshPolicy) -> Option<Timestamp> {
        Some(self.expires_at?.minus(policy.serve_margin_for(self.lifetime()?)))
    }

    /// Whether the token may be presented again because the provider's grace window is open. The window opens with the
    /// first call that may have consumed the token, and later calls do not extend it. If `now` is before that call, the
    /// clock was set back, and the window counts as closed.
    pub(super) fn has_grace(&self, policy: &RefreshPolicy, now: Timestamp) -> bool {
        let Some(sent_at) = self.sent_at else { return false };
        !self.cookie_rotates
            && self.has_retry()
            && (sent_at..sent_at.plus(policy.grace_left_after_send())).contains(&now)
    }

    fn has_retry(&self) -> bool {
        self.attempt < PRESENTATIONS_WHILE_VALID
    }

    /// Returns when the one retry out of doubt is due; None if it is not permitted, or if the expiry of the access
    /// token is unknown. If the provider consumed the token, presenting it again may end the whole family, including
    /// the valid access token. The retry therefore waits until the access token is about to expire. It does not wait if
    /// the owner consents, a grace window is open, or the access token is dead.
    fn retry_at(
        &self,
        policy: &RefreshPolicy,
        trigger: RefreshTrigger,
        now: Timestamp,
        not_before: Timestamp,
    ) -> Option<Timestamp> {
        // The token is or may be spent. Only the owner may decide to present it.
        if self.is_restored() && trigger != RefreshTrigger::Consented {
            return None;
        }
        if !self.is_restored() && self.has_grace(policy, now) {
            return Some(not_before);
        }
        let permitted_at = match trigger {
            RefreshTrigger::AccessDead => IMMEDIATELY,
            RefreshTrigger::Consented if self.has_retry() => IMMEDIATELY,
            RefreshTrigger::Due | RefreshTrigger::Consented if self.has_retry() => {
                self.served_until(policy)?.min(self.last_minutes_at()?)
            }
            // No retry while the access token is served.
            RefreshTrigger::Due | RefreshTrigger::Now | RefreshTrigger::Consented | RefreshTrigger::Continued => {
                self.served_until(policy)?
            }
        };
        let call_over_at = self.sent_at.unwrap_or(IMMEDIATELY).plus(policy.longest_call());
        Some(permitted_at.max(not_before).max(call_over_at))
    }

    fn last_minutes_at(&self) -> Option<Timestamp> {
        Some(self.expires_at?.minus(RefreshPolicy::last_minutes_of(self.lifetime()?)))
    }

    /// Returns the time from the access token's receipt to its expiry.
    fn lifetime(&self) -> Option<Duration> {
        Some(self.obtained_at.until(self.expires_at?))
    }

    /// Returns a number from 0 to 1 that depends only on the token version. FNV-1a has no random seed.
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
