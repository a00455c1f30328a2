//! The times and promises that the protocol works with, as configured.

use std::time::Duration;

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// What a provider's revocation of one refresh token ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RevocationScope {
    /// The tokens that came from the same login.
    Family,
    /// All that the account granted to this client, newer logins included.
    #[default]
    Grant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// The longest a refresh call takes, from its first byte to the last of the answer.
    pub http_timeout: Duration,
    /// How long one acquisition of the right to present lasts: more than twice `http_timeout`.
    pub lease: Duration,
    /// The earliest that a refresh starts before the access token ends.
    pub lead: Duration,
    /// An access token is handed out until this long before its end.
    pub serve_margin: Duration,
    /// The shortest pause after a failed call.
    pub backoff_min: Duration,
    /// The longest.
    pub backoff_max: Duration,
    /// How long the provider answers a spent refresh token once more; zero unless it is known to.
    pub grace: Duration,
    pub revocation: RevocationScope,
}

/// Why a policy cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    #[error("refresh.lease must be more than twice refresh.http_timeout")]
    LeaseTooShort,
    #[error("refresh.backoff_max must not be less than refresh.backoff_min")]
    BackoffInverted,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            http_timeout: Duration::from_secs(20),
            lease: Duration::from_secs(60),
            lead: Duration::from_secs(24 * 60 * 60),
            serve_margin: Duration::from_secs(30),
            backoff_min: Duration::from_secs(30),
            backoff_max: FIVE_MINUTES,
            grace: Duration::ZERO,
            revocation: RevocationScope::Grant,
        }
    }
}

impl RefreshPolicy {
    pub fn validate(&self) -> Result<(), InvalidPolicy> {
        if self.lease <= self.http_timeout * 2 {
            return Err(InvalidPolicy::LeaseTooShort);
        }
        if self.backoff_max < self.backoff_min {
            return Err(InvalidPolicy::BackoffInverted);
        }
        Ok(())
    }

    /// How long before the end of a token of that lifetime its refresh is due. The seed's five minutes are the least, half
    /// a life the most.
    pub(super) fn lead_for(&self, lifetime: Duration) -> Duration {
        (lifetime / 2).min(FIVE_MINUTES.max(self.lead.min(lifetime / 10)))
    }

    /// How long before its end a token of that lifetime is no longer handed out.
    pub(super) fn serve_margin_for(&self, lifetime: Duration) -> Duration {
        self.serve_margin.min(lifetime / 10)
    }

    /// How long before its end a token of that lifetime is worth so little that the one retry out of doubt may cost it.
    pub(super) fn last_minutes_of(lifetime: Duration) -> Duration {
        FIVE_MINUTES.min(lifetime / 10)
    }

    /// How long after asking for the lease the token may still be sent: a call that begins then ends well within the lease.
    pub fn latest_send(&self) -> Duration {
        self.lease.saturating_sub(self.http_timeout * 3 / 2)
    }

    /// How long after a send nobody can still be waiting for its answer.
    pub fn longest_call(&self) -> Duration {
        self.http_timeout + Duration::from_secs(5).min(self.http_timeout / 4)
    }

    /// How long after a send a retry surely falls into the grace window.
    pub(super) fn grace_left_after_send(&self) -> Duration {
        self.grace - Duration::from_secs(5).min(self.grace / 4)
    }

    /// The pause after that many failures in a row: doubled each time, and spread over its upper part (`spread` of
    /// `u16::MAX`), so that many accounts that failed together do not come back together.
    pub(super) fn backoff(&self, failures: u32, spread: u16) -> Duration {
        let longest = self.backoff_min.saturating_mul(1 << failures.min(16)).min(self.backoff_max);
        let range = longest.saturating_sub(self.backoff_min);
        self.backoff_min + range.mul_f64(f64::from(spread) / f64::from(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_refresh_starts_early_and_never_before_half_a_life() {
        let policy = RefreshPolicy::default();
        for (lifetime, lead) in [
            (seconds(10 * 86_400), seconds(86_400)),
            (seconds(5 * 86_400), seconds(43_200)),
            (seconds(3_600), seconds(360)),
            (seconds(1_800), seconds(300)),
            (seconds(60), seconds(30)),
            (seconds(4), seconds(2)),
            (seconds(0), seconds(0)),
        ] {
            assert_eq!(policy.lead_for(lifetime), lead, "{lifetime:?}");
        }
    }

    #[test]
    fn pauses_grow_to_their_limit_and_are_never_shorter_than_the_least() {
        let policy = RefreshPolicy::default();
        assert_eq!(policy.backoff(1, 0), seconds(30));
        assert_eq!(policy.backoff(1, u16::MAX), seconds(60));
        assert_eq!(policy.backoff(2, u16::MAX), seconds(120));
        assert_eq!(policy.backoff(u32::MAX, u16::MAX), seconds(300));
    }

    #[test]
    fn a_lease_outlives_two_calls() {
        let policy = RefreshPolicy::default();
        assert_eq!(policy.validate(), Ok(()));
        let short = RefreshPolicy { lease: seconds(40), ..policy.clone() };
        assert_eq!(short.validate(), Err(InvalidPolicy::LeaseTooShort));
        let inverted = RefreshPolicy { backoff_max: seconds(1), ..policy };
        assert_eq!(inverted.validate(), Err(InvalidPolicy::BackoffInverted));
    }
}
