//! A circuit breaker: stops refreshes at a server that does not respond, because each further refresh would leave
//! another login in doubt.
//!
//! Only faults of the server count: timeouts, 5xx responses and lost connections. A definite refusal concerns one
//! account, and shows that the server works.

use std::time::Duration;

use crate::domain::{ids::AccountName, time::Timestamp};

/// The number of consecutive faults that open the breaker.
const FAULTS: usize = 5;

/// The circuit breaker of one server.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Consecutive faults.
    faults: usize,
    /// The account of the first of them.
    first: Option<AccountName>,
    /// Whether the faults are from several accounts.
    are_of_several: bool,
    /// Until when no call is permitted; afterwards one call may probe. None if the breaker is closed.
    open_until: Option<Timestamp>,
    /// Whether a call is probing.
    is_probed: bool,
}

impl Breaker {
    /// Takes permission for a call.
    ///
    /// # Errors
    /// The time before which the server must not be called.
    pub fn admit(&mut self, pause: Duration, now: Timestamp) -> Result<(), Timestamp> {
        match self.open_until {
            Some(until) if now < until => Err(until),
            // One call probes, and the others wait for its outcome.
            Some(_) => {
                (self.open_until, self.is_probed) = (Some(now.plus(pause)), true);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Returns until when the server must not be called; None if it may be.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.open_until.filter(|until| now < *until)
    }

    /// Gives permission back that was not used, so that another call may probe.
    pub fn give_back(&mut self, now: Timestamp) {
        if self.is_probed {
            (self.open_until, self.is_probed) = (Some(now), false);
        }
    }

    /// Counts a fault. The breaker opens after [`FAULTS`] consecutive faults, from at least two accounts unless there
    /// `is_one` account only. Returns whether it opens or stays open.
    pub fn fault(&mut self, account: &AccountName, is_one: bool, pause: Duration, now: Timestamp) -> bool {
        self.faults = self.faults.saturating_add(1);
        self.are_of_several |= *self.first.get_or_insert_with(|| account.clone()) != *account;
        let opens = self.faults >= FAULTS && (is_one || self.are_of_several);
        if opens {
            (self.open_until, self.is_probed) = (Some(now.plus(pause)), false);
        }
        opens
    }

    /// Notes a definite response: the server works.
    pub fn works(&mut self) {
        *self = Self::default();
    }
}
