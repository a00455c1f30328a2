//! Requests whose client left before it had the whole answer: by these a test sees that whoever gives up on the gateway
//! frees what the gateway holds upstream.

use serde::{Deserialize, Serialize};

use crate::journal::JournalEntry;

/// How far an answer had come when its client left (or an outage took it away).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancelled {
    /// Not even its head was sent: it hung, or was decided slowly.
    BeforeHead,
    /// It was a stream that had not come to its end.
    MidAnswer,
}

/// How many requests were cancelled, on all origins. The journal says which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellations {
    /// Before the head of the answer.
    pub before_head: usize,
    /// In the middle of a stream.
    pub mid_answer: usize,
}

impl Cancellations {
    pub(crate) fn of(entries: &[JournalEntry]) -> Self {
        let count = |how| entries.iter().filter(|entry| entry.cancelled == Some(how)).count();
        Self { before_head: count(Cancelled::BeforeHead), mid_answer: count(Cancelled::MidAnswer) }
    }
}
