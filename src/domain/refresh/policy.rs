//! The configured times of the refresh protocol.

use std::time::Duration;

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// The tokens that the provider ends when one refresh token is revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RevocationScope {
    /// All tokens of the same login.
    Family,
    /// All tokens that the account granted to this client, including those of newer logins.
    #[default]
    Grant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// Timeout of a refresh request, including its response.
    pub http_timeout: Duration,
    /// Duration of a lease: more than twice `http_timeout`.
    pub lease: Duration,
    /// A refresh starts at most this long before the access token expires.
    pub lead: Duration,
    /// An access token is no longer served this long before it expires.
    pub serve_margin: Duration,
    /// The shortest pause after a failed refresh.
    pub backoff_min: Duration,
    /// The longest pause after a failed refresh.
    pub backoff_max: Duration,
    /// The provider's grace window, in which it accepts a spent refresh token once more; zero if it has none.
    pub grace: Duration,
    pub revocation: RevocationScope,
}

/// Why a policy is invalid.
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

    /// Returns how long before its expiry a token with this lifetime is refreshed: at least five minutes, at most half
    /// of the lifetime.
    pub(super) fn lead_for(&self, lifetime: Duration) -> Duration {
        (lifetime / 2).min(FIVE_MINUTES.max(self.lead.min(lifetime / 10)))
    }

    /// Returns how long before its expiry a token with this lifetime is no longer served.
    pub(super) fn serve_margin_for(&self, lifetime: Duration) -> Duration {
        self.serve_margin.min(lifetime / 10)
    }

    /// Returns how long before its expiry a token with this lifetime is worth so little that the one retry out of doubt
    /// may risk it.
    pub(super) fn last_minutes_of(lifetime: Duration) -> Duration {
        FIVE_MINUTES.min(lifetime / 10)
    }

    /// Returns how long after the lease request the token may still be sent, so that the call ends within the lease.
    pub fn latest_send(&self) -> Duration {
        self.lease.saturating_sub(self.http_timeout * 3 / 2)
    }

    /// Returns how long after sending the token its response can still arrive.
    pub fn longest_call(&self) -> Duration {
        self.http_timeout + Duration::from_secs(5).min(self.http_timeout / 4)
    }

    /// Returns how long after sending the token a retry still falls into the grace window.
    pub(super) fn grace_left_after_send(&self) -> Duration {
        self.grace - Duration::from_secs(5).min(self.grace / 4)
    }

    /// Returns the pause after consecutive failures. It doubles each time. `spread` (of `u16::MAX`) varies it, so that
    /// accounts that failed together do not retry together.
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
    fn backoff_doubles_between_its_minimum_and_maximum() {
        let policy = RefreshPolicy::default();
        assert_eq!(policy.backoff(1, 0), seconds(30));
        assert_eq!(policy.backoff(1, u16::MAX), seconds(60));
        assert_eq!(policy.backoff(2, u16::MAX), seconds(120));
        assert_eq!(policy.backoff(u32::MAX, u16::MAX), seconds(300));
    }

    #[test]
    fn invalid_policies_are_rejected() {
        let policy = RefreshPolicy::default();
        assert_eq!(policy.validate(), Ok(()));
        let short = RefreshPolicy { lease: seconds(40), ..policy.clone() };
        assert_eq!(short.validate(), Err(InvalidPolicy::LeaseTooShort));
        let inverted = RefreshPolicy { backoff_max: seconds(1), ..policy };
        assert_eq!(inverted.validate(), Err(InvalidPolicy::BackoffInverted));
    }
}
