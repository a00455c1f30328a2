//! The journal entry of one request in flight. Each stage of the request adds to it.

use std::{future::Future, sync::Arc};

use super::Provider;
use crate::{
    cancellations::Cancelled,
    http::{ConnectionCut, Reply},
    journal::{JournalEntry, body_sha256},
};

#[derive(Clone)]
pub(crate) struct Entry {
    sequence: u64,
    provider: Arc<Provider>,
}

impl Entry {
    pub(super) fn new(provider: &Arc<Provider>, sequence: u64) -> Self {
        Self { sequence, provider: Arc::clone(provider) }
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Waits for the response and records its status, or records that the client disconnected.
    pub(crate) async fn record_response<A>(&self, answering: A) -> Result<Reply, ConnectionCut>
    where
        A: Future<Output = Result<Reply, ConnectionCut>>,
    {
        let mut guard = DisconnectGuard { entry: self, over: false };
        let answered = answering.await;
        guard.over = true;
        if let Ok(reply) = &answered {
            self.record_status(reply.status());
        }
        answered
    }

    /// Records that the client disconnected or an outage began.
    pub(crate) fn record_cancellation(&self, how: Cancelled) {
        self.update(|entry| entry.cancelled = Some(how));
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut JournalEntry)) {
        self.provider.state().journal.update(self.sequence, change);
    }

    /// Records the size and the digest of the body.
    pub(crate) fn record_body(&self, body: &[u8]) {
        self.update(|entry| {
            entry.body_bytes = u64::try_from(body.len()).ok();
            entry.body_sha256 = Some(body_sha256(body));
        });
    }

    /// Records the status, which is also the outcome unless one is set.
    fn record_status(&self, status: u16) {
        self.update(|entry| {
            entry.status = Some(status);
            if entry.outcome == "undecided" {
                entry.outcome = status.to_string();
            }
        });
    }

    pub(crate) fn set_outcome(&self, outcome: &str) {
        self.update(|entry| outcome.clone_into(&mut entry.outcome));
    }
}

/// Records a disconnect when it is dropped early: hyper drops the response future when the client disconnects.
struct DisconnectGuard<'a> {
    entry: &'a Entry,
    over: bool,
}

impl Drop for DisconnectGuard<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.entry.record_cancellation(Cancelled::BeforeHead);
        }
    }
}
