//! Stops refreshes at a provider that suddenly rejects most of them. If the provider is broken, each further refresh
//! can cost a login; a pause spares them.

use std::{collections::VecDeque, time::Duration};

use crate::domain::time::Timestamp;

/// Age up to which a response counts.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// The breaker does not open on fewer responses.
const MIN_RESPONSES: usize = 5;
/// How long the breaker stays open.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// The circuit breaker of one provider.
#[derive(Debug, Default)]
pub struct Breaker {
    /// The time of each definite response, and whether it was a rejection.
    recent: VecDeque<(Timestamp, bool)>,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// Counts a definite response. Returns whether it opens the breaker.
    pub fn note(&mut self, was_rejected: bool, now: Timestamp) -> bool {
        self.recent.push_back((now, was_rejected));
        self.recent.retain(|(at, _)| at.plus(WINDOW) > now);
        let rejections = self.recent.iter().filter(|(_, was_rejected)| *was_rejected).count();
        let opens = self.recent.len() >= MIN_RESPONSES && rejections * 2 > self.recent.len();
        if opens {
            self.open_until = Some(now.plus(PAUSE));
            self.recent.clear();
        }
        opens
    }

    /// Returns the time until which the provider must not be called; None if the breaker is closed.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.open_until.filter(|until| now < *until)
    }
}
