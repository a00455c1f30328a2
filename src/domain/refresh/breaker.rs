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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn the_breaker_opens_when_most_of_five_responses_are_rejections_and_closes_after_the_pause() {
        let mut breaker = Breaker::default();
        for second in 0..4 {
            assert!(!breaker.note(true, at(second)));
        }
        assert_eq!(breaker.open_until(at(4)), None, "four are too few");
        assert!(breaker.note(true, at(4)));
        assert_eq!(breaker.open_until(at(5)), Some(at(304)));
        assert_eq!(breaker.open_until(at(304)), None);
        assert!(!breaker.note(true, at(305)), "the count starts again");
    }

    #[test]
    fn the_breaker_ignores_old_responses_and_stays_closed_at_half() {
        let mut breaker = Breaker::default();
        for (second, was_rejected) in [(0, false), (1, true), (2, false), (3, true), (4, false), (5, true)] {
            assert!(!breaker.note(was_rejected, at(second)), "{second}");
        }
        let mut breaker = Breaker::default();
        for second in 0..4 {
            breaker.note(true, at(second));
        }
        assert!(!breaker.note(true, at(302)), "the first ones are too old");
    }
}
