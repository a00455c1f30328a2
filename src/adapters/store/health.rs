//! Logs database failures: one line when they begin and one when they end, independent of the number of failed calls.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{error::is_rollback, timed::query_failed};
use crate::ports::{Clock, StoreError, chain};

/// After this time without a failure, the next failure counts as new trouble and is logged.
const NEW_TROUBLE_AFTER: Duration = Duration::from_secs(60);

/// The current failures of a database.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Trouble>);

#[derive(Debug, Default)]
struct Trouble {
    /// The failing operations. The trouble ends when one of them succeeds. The success of another operation does not
    /// count: a full disk can still be read.
    failing: BTreeSet<&'static str>,
    since: Duration,
    last: Duration,
}

impl Health {
    /// Records the outcome of an operation and returns it. `doing` names the operation.
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
                if trouble.failing.is_empty() || now.saturating_sub(trouble.last) > NEW_TROUBLE_AFTER {
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
