//! The configured values of the refresh protocol.

use std::time::Duration;

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// The tokens that the provider ends when a refresh token is revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RevocationScope {
    /// All tokens of the same login.
    Family,
    /// All tokens of this client and account, including those of newer logins.
    #[default]
    Grant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// How long callers wait for a token response. Then the account is in doubt; a late response is still stored.
    pub http_timeout: Duration,
    /// The duration of a lease. It must be more than twice `http_timeout`.
    pub lease: Duration,
    /// A refresh starts at most this long before the access token expires, within the limits of [`Self::lead_for`].
    pub lead: Duration,
    /// An access token is not served during this time before its expiry.
    pub serve_margin: Duration,
    /// The shortest pause after a failed refresh.
    pub backoff_min: Duration,
    /// The longest pause after a failed refresh, unless the provider states a longer one.
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

    /// Returns how long before its expiry a token with this lifetime is refreshed: a tenth of the lifetime and at most
    /// `lead`, but at least five minutes, and never more than half of the lifetime.
    pub fn lead_for(&self, lifetime: Duration) -> Duration {
        (lifetime / 2).min(FIVE_MINUTES.max(self.lead.min(lifetime / 10)))
    }

    /// Returns how long before its expiry a token with this lifetime is no longer served.
    pub(super) fn serve_margin_for(&self, lifetime: Duration) -> Duration {
        self.serve_margin.min(lifetime / 10)
    }

    /// Returns how long before its expiry the one retry out of doubt may risk an access token with this lifetime.
    pub(super) fn last_minutes_of(lifetime: Duration) -> Duration {
        FIVE_MINUTES.min(lifetime / 10)
    }

    /// Returns how long after the request of a lease the token may be sent. The call then ends well within the lease.
    pub fn latest_send(&self) -> Duration {
        self.lease.saturating_sub(self.http_timeout * 3 / 2)
    }

    /// Returns how long after sending the token its caller waits at most for the response, with a margin.
    pub fn longest_call(&self) -> Duration {
        self.http_timeout + Duration::from_secs(5).min(self.http_timeout / 4)
    }

    /// Returns how long after sending the token a retry still falls into the grace window, with a margin.
    pub(super) fn grace_left_after_send(&self) -> Duration {
        self.grace - Duration::from_secs(5).min(self.grace / 4)
    }

    /// Returns the pause after consecutive failures. Its upper limit doubles with each failure. `spread` picks a value
    /// from `backoff_min` (at 0) to the limit (at `u16::MAX`), so that accounts that failed together retry apart.
    pub fn backoff(&self, failures: u32, spread: u16) -> Duration {
        let longest = self.backoff_min.saturating_mul(1 << failures.min(16)).min(self.backoff_max);
        let range = longest.saturating_sub(self.backoff_min);
        self.backoff_min + range.mul_f64(f64::from(spread) / f64::from(u16::MAX))
    }
}
