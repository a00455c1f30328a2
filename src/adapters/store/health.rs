//! Reports trouble with the database in the log: one line when it begins and one when it is over, however many callers
//! fail meanwhile.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{error::is_rollback, timed::query_failed};
use crate::ports::{Clock, StoreError, chain};

/// After this long without a failure, the next one counts as new trouble.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// Whether operations on a database fail.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Trouble>);

#[derive(Debug, Default)]
struct Trouble {
    /// The failing operations. The trouble is over when one of them succeeds. Other operations do not count: a full
    /// disk can still be read.
    failing: BTreeSet<&'static str>,
    since: Duration,
    last: Duration,
}

impl Health {
    /// Notes the outcome of an operation and returns it.
    pub(super) fn note<T>(
        &self,
        doing: &'static str,
        outcome: Result<T, StoreError>,
        clock: &dyn Clock,
    ) -> Result<T, StoreError> {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Err(error @ StoreError::Unavailable { source, .. }) if !is_rollback(source.as_ref()) => {
                let now = clock.since_boot();
                if trouble.failing.is_empty() || now.saturating_sub(trouble.last) > FORGOTTEN_AFTER {
                    *trouble = Trouble { since: now, ..Trouble::default() };
                    tracing::warn!(error = chain(error), "the database fails; tokens in memory stay in use");
                }
                trouble.last = now;
                trouble.failing.insert(doing);
                query_failed(doing);
            }
            Ok(_) if trouble.failing.contains(doing) => {
                let seconds = clock.since_boot().saturating_sub(trouble.since).as_secs();
                *trouble = Trouble::default();
                tracing::info!(after_seconds = seconds, "the database works again");
            }
            Ok(_) | Err(_) => {}
        }
        outcome
    }
}
