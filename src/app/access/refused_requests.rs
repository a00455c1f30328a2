//! Counts requests with a wrong token and logs the number once a minute, so that an attack does not fill the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::select;

use super::Access;
use crate::app::counters;

/// The period that one log line covers.
const PERIOD: Duration = Duration::from_secs(60);

/// Number of refused requests since the last log line.
#[derive(Debug, Default)]
pub(super) struct RefusedRequests(AtomicU64);

impl Access {
    /// Counts a request with an unknown token. The first one after a log line starts the next period.
    pub fn note_refused_token(self: &Arc<Self>) {
        counters::token_refused();
        if self.refused.0.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let access = Arc::clone(self);
        self.tasks.start(async move {
            select! {
                () = access.clock.sleep(PERIOD) => {}
                () = access.tasks.stopping().cancelled() => {}
            }
            let requests = access.refused.0.swap(0, Ordering::Relaxed);
            tracing::warn!(requests, "requests with a wrong token were refused within a minute");
        });
    }
}
