//! Tracks whether a connection waits for its caller. At the connection limit, `connections` closes such a connection.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The next progress number. These numbers order the progress of all connections without a clock.
static PROGRESS: AtomicU64 = AtomicU64::new(0);

/// The response extension of a stream whose client reconnects. Its connection may be closed at the connection limit.
#[derive(Debug, Clone, Copy)]
pub struct ClosableAtLimit;

/// The activity of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// The number of the last progress: bytes were read or written, or a response ended.
    last: AtomicU64,
    /// Whether a write is pending because the caller does not read.
    has_unread_output: AtomicBool,
    /// Whether a request was received completely and its response has not ended, unless that is [`ClosableAtLimit`].
    is_answering: AtomicBool,
}

impl Activity {
    pub(super) fn note_progress(&self) {
        self.last.store(PROGRESS.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn note_write(&self) {
        self.has_unread_output.store(false, Ordering::Relaxed);
        self.note_progress();
    }

    pub(super) fn note_blocked_write(&self) {
        self.has_unread_output.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_request(&self) {
        self.is_answering.store(true, Ordering::Relaxed);
    }

    /// Returns whether a request was received completely and waits for its response.
    pub(super) fn is_answering(&self) -> bool {
        self.is_answering.load(Ordering::Relaxed)
    }

    pub(super) fn note_closable_response(&self) {
        self.is_answering.store(false, Ordering::Relaxed);
    }

    pub(super) fn note_response_end(&self) {
        self.is_answering.store(false, Ordering::Relaxed);
        self.note_progress();
    }

    /// Returns the number of the last progress if the connection waits for its caller: its output is unread, it is
    /// idle, or its request is incomplete. A [`ClosableAtLimit`] response counts as waiting too. Returns `None` if the
    /// caller waits for the gateway, for example for a model.
    pub(super) fn waits_since(&self) -> Option<u64> {
        let waits = self.has_unread_output.load(Ordering::Relaxed) || !self.is_answering();
        waits.then(|| self.last.load(Ordering::Relaxed))
    }
}
