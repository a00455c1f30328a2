//! The journal entry of one request under way: whoever works on the request writes down what becomes of it.

use std::{future::Future, sync::Arc};

use super::Provider;
use crate::{
    cancellations::Cancelled,
    http::{ConnectionCut, Reply},
    journal::{JournalEntry, body_sha256},
};

/// The journal entry of one request under way.
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

    /// Waits for the answer and writes down its status; or, when nobody waits for it any more, that the client left.
    pub(crate) async fn attended<A>(&self, answering: A) -> Result<Reply, ConnectionCut>
    where
        A: Future<Output = Result<Reply, ConnectionCut>>,
    {
        let mut attendance = Attendance { entry: self, over: false };
        let answered = answering.await;
        attendance.over = true;
        if let Ok(reply) = &answered {
            self.answered(reply.status());
        }
        answered
    }

    /// Writes down that the client left.
    pub(crate) fn cancelled(&self, how: Cancelled) {
        self.note(|entry| entry.cancelled = Some(how));
    }

    pub(crate) fn note(&self, complete: impl FnOnce(&mut JournalEntry)) {
        self.provider.state().journal.note(self.sequence, complete);
    }

    /// Writes down the size and the digest of the body.
    pub(crate) fn body(&self, body: &[u8]) {
        self.note(|entry| {
            entry.body_bytes = u64::try_from(body.len()).ok();
            entry.body_sha256 = Some(body_sha256(body));
        });
    }

    /// Writes down the status, which is the outcome where nothing says more.
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

/// Somebody waits for the answer. Dropped before it is over, nobody does: hyper gives an answer up when its client is
/// gone.
struct Attendance<'a> {
    entry: &'a Entry,
    over: bool,
}

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.entry.cancelled(Cancelled::BeforeHead);
        }
    }
}
