//! The journal entry of one request in flight. Each stage of the request adds to it.

use std::{future::Future, sync::Arc};

use super::Provider;
use crate::{
    cancellations::Cancelled,
    http::{ConnectionCut, Reply},
    journal::{JournalEntry, body_sha256},
};

/// The journal entry of one request in flight.
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
            self.answered(reply.status());
        }
        answered
    }

    /// Records that the client disconnected.
    pub(crate) fn cancelled(&self, how: Cancelled) {
        self.note(|entry| entry.cancelled = Some(how));
    }

    pub(crate) fn note(&self, complete: impl FnOnce(&mut JournalEntry)) {
        self.provider.state().journal.note(self.sequence, complete);
    }

    /// Records the size and the digest of the body.
    pub(crate) fn body(&self, body: &[u8]) {
        self.note(|entry| {
            entry.body_bytes = u64::try_from(body.len()).ok();
            entry.body_sha256 = Some(body_sha256(body));
        });
    }

    /// Records the status, which is also the outcome unless one is set.
    fn answered(&self, status: u16) {
        self.note(|entry| {
            entry.status = Some(status);
            if entry.outcome == "undecided" {
                entry.outcome = status.to_string();
            }
        });
    }

    pub(crate) fn outcome(&self, outcome: &str) {
        self.note(|entry| outcome.clone_into(&mut entry.outcome));
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
            self.entry.cancelled(Cancelled::BeforeHead);
        }
    }
}
