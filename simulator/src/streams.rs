//! The streams the backend and DashScope have open: by these a test sees that a client's leaving reaches the upstream.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{
    cancellations::Cancelled,
    provider::{Entry, Provider},
};

/// How many streams there are and how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCounts {
    /// Not ended.
    pub open: u32,
    /// Sent to their end.
    pub completed: u32,
    /// Ended by a fault on order, in the middle or before the first byte.
    pub broken: u32,
    /// Given up by the client (or by an outage).
    pub abandoned: u32,
}

impl StreamCounts {
    /// Forgets those that have ended. The open ones will end.
    pub(crate) fn forget(&mut self) {
        *self = Self { open: self.open, ..Self::default() };
    }
}

/// How a stream ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StreamEnd {
    Completed,
    Broken,
    Abandoned,
}

/// A stream: open until the last clone held by the answer is dropped.
pub(crate) struct OpenStream {
    provider: Arc<Provider>,
    entry: Entry,
    end: Arc<Mutex<StreamEnd>>,
}

/// With this the writer of a stream tells how it ends.
#[derive(Clone)]
pub(crate) struct StreamEnding(Arc<Mutex<StreamEnd>>);

impl StreamEnding {
    pub(crate) fn is(&self, end: StreamEnd) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

impl OpenStream {
    pub(crate) fn new(provider: &Arc<Provider>, entry: &Entry) -> Self {
        provider.state().streams.open += 1;
        entry.outcome("streaming");
        // A stream that never begins was kept from it by a fault.
        let end = Arc::new(Mutex::new(StreamEnd::Broken));
        Self { provider: Arc::clone(provider), entry: entry.clone(), end }
    }

    pub(crate) fn ending(&self) -> StreamEnding {
        StreamEnding(Arc::clone(&self.end))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = {
            let streams = &mut self.provider.state().streams;
            streams.open = streams.open.saturating_sub(1);
            let (count, outcome) = match end {
                StreamEnd::Completed => (&mut streams.completed, "stream_completed"),
                StreamEnd::Broken => (&mut streams.broken, "stream_broken"),
                StreamEnd::Abandoned => (&mut streams.abandoned, "stream_abandoned"),
            };
            *count += 1;
            outcome
        };
        self.entry.outcome(outcome);
        if matches!(end, StreamEnd::Abandoned) {
            self.entry.cancelled(Cancelled::MidAnswer);
        }
    }
}
