//! A circuit breaker for refreshes. It stops refreshes at a server that does not respond or fails, because each
//! further one would leave another login in doubt.
//!
//! Only faults of the server count: failed and lost connections, timeouts and 5xx responses. A definite refusal
//! concerns one account, and shows that the server works.

use std::time::Duration;

use crate::domain::{ids::AccountName, time::Timestamp};

/// The number of consecutive faults that open the breaker.
const FAULTS_TO_OPEN: usize = 5;

/// The circuit breaker of one server.
#[derive(Debug, Default)]
pub struct Breaker {
    /// The number of consecutive faults.
    faults: usize,
    /// The account of the first of these faults.
    first: Option<AccountName>,
    /// Whether these faults concern several accounts.
    has_several_accounts: bool,
    /// No call is permitted before this time. After it, one call may probe. None if the breaker is closed.
    open_until: Option<Timestamp>,
    /// The account whose call probes the server.
    probe: Option<AccountName>,
}

impl Breaker {
    /// Requests permission for a call for this account.
    ///
    /// # Errors
    /// The time before which the server must not be called.
    pub fn acquire_permission(
        &mut self,
        account: &AccountName,
        pause: Duration,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        match self.open_until {
            Some(until) if now < until => Err(until),
            // One call probes the server. The others wait for its outcome.
            Some(_) => {
                (self.open_until, self.probe) = (Some(now.plus(pause)), Some(account.clone()));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Returns the time before which the server must not be called; None if it may be called.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.open_until.filter(|until| now < *until)
    }

    /// Lets another call probe, if this account's call was the probe.
    pub fn release_probe(&mut self, account: &AccountName, now: Timestamp) {
        if self.probe.as_ref() == Some(account) {
            (self.open_until, self.probe) = (Some(now), None);
        }
    }

    /// Records a fault. The breaker opens after [`FAULTS_TO_OPEN`] consecutive faults. They must concern several
    /// accounts, unless the account is the only one at this server (`is_only`). Returns whether this fault
    /// opened it or kept it open.
    pub fn record_fault(&mut self, account: &AccountName, is_only: bool, pause: Duration, now: Timestamp) -> bool {
        self.faults = self.faults.saturating_add(1);
        self.has_several_accounts |= *self.first.get_or_insert_with(|| account.clone()) != *account;
        let opens = self.faults >= FAULTS_TO_OPEN && (is_only || self.has_several_accounts);
        if opens {
            (self.open_until, self.probe) = (Some(now.plus(pause)), None);
        }
        opens
    }

    /// Records a definite response, which closes the breaker.
    pub fn record_response(&mut self) {
        *self = Self::default();
    }
}
