//! Requests whose client disconnected before the whole response was sent. Tests use them to check that the gateway
//! cancels an upstream request when its own client disconnects.

use serde::{Deserialize, Serialize};

use crate::journal::JournalEntry;

/// How much of a response was sent when the client disconnected or an outage began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancelled {
    /// Not even the head.
    BeforeHead,
    /// Part of a stream.
    MidAnswer,
}

/// The number of cancelled requests on all origins. The journal identifies them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellations {
    /// Before the head of the response.
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
