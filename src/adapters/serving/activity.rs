//! What a connection is doing. It decides which one makes room for another.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Numbers the progress of all connections, so that it can be ordered without a clock.
static PROGRESS: AtomicU64 = AtomicU64::new(0);

/// The activity of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// When bytes last moved.
    last: AtomicU64,
    /// Whether the caller does not take what was written.
    has_unread_output: AtomicBool,
    /// Whether a request was received completely and its response has not ended.
    is_answering: AtomicBool,
}

impl Activity {
    pub(super) fn progress(&self) {
        self.last.store(PROGRESS.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn wrote(&self) {
        self.has_unread_output.store(false, Ordering::Relaxed);
        self.progress();
    }

    pub(super) fn cannot_write(&self) {
        self.has_unread_output.store(true, Ordering::Relaxed);
    }

    pub(super) fn answer(&self) {
        self.is_answering.store(true, Ordering::Relaxed);
    }

    pub(super) fn finish(&self) {
        self.is_answering.store(false, Ordering::Relaxed);
        self.progress();
    }

    /// Returns the last progress of a connection that waits for its caller: it has unread output, is idle, or has an
    /// unfinished request. None if the caller waits for the gateway, for example for a model.
    pub(super) fn waits_since(&self) -> Option<u64> {
        let waits = self.has_unread_output.load(Ordering::Relaxed) || !self.is_answering.load(Ordering::Relaxed);
        waits.then(|| self.last.load(Ordering::Relaxed))
    }
}
