//! Counts the streams of the backend and DashScope. A test can check that a disconnect of the gateway's client reaches
//! the provider.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{
    cancellations::Cancelled,
    provider::{Entry, Provider},
};

/// The number of streams by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCounts {
    /// Still open.
    pub open: u32,
    /// Sent completely.
    pub completed: u32,
    /// Cut off by a queued fault or a script, mid-stream or before the first byte.
    pub broken: u32,
    /// Abandoned by the client, or ended by an outage.
    pub abandoned: u32,
}

impl StreamCounts {
    /// Resets the counts of ended streams. Open streams still count.
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

/// A stream. It counts as open until the response drops this value.
pub(crate) struct OpenStream {
    provider: Arc<Provider>,
    entry: Entry,
    end: Arc<Mutex<StreamEnd>>,
}

/// Lets the writer of a stream record how the stream ends.
#[derive(Clone)]
pub(crate) struct EndRecorder(Arc<Mutex<StreamEnd>>);

impl EndRecorder {
    pub(crate) fn set(&self, end: StreamEnd) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

impl OpenStream {
    pub(crate) fn new(provider: &Arc<Provider>, entry: &Entry) -> Self {
        provider.state().streams.open += 1;
        entry.set_outcome("streaming");
        // The writer changes this when it starts; only a fault prevents that.
        let end = Arc::new(Mutex::new(StreamEnd::Broken));
        Self { provider: Arc::clone(provider), entry: entry.clone(), end }
    }

    pub(crate) fn end_recorder(&self) -> EndRecorder {
        EndRecorder(Arc::clone(&self.end))
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
        self.entry.set_outcome(outcome);
        if matches!(end, StreamEnd::Abandoned) {
            self.entry.record_cancellation(Cancelled::MidAnswer);
        }
    }
}
