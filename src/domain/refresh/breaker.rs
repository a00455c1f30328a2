//! Stops the refreshes at a provider that suddenly refuses most of them: when it has invalidated sessions by the thousand,
//! or is broken, going on costs logins that a pause would have spared.

use std::{collections::VecDeque, time::Duration};

use crate::domain::time::Timestamp;

/// What is judged by: the definite answers of the last minutes.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Fewer say nothing about the provider.
const LEAST: usize = 5;
/// How long nothing is asked then.
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// The circuit breaker of one provider.
#[derive(Debug, Default)]
pub struct Breaker {
    /// When there was a definite answer, and whether it was a rejection.
    recent: VecDeque<(Timestamp, bool)>,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// Notes a definite answer; true if it was the one that opens the breaker.
    pub fn note(&mut self, was_rejected: bool, now: Timestamp) -> bool {
        self.recent.push_back((now, was_rejected));
        self.recent.retain(|(at, _)| at.plus(WINDOW) > now);
        let rejections = self.recent.iter().filter(|(_, was_rejected)| *was_rejected).count();
        let opens = self.recent.len() >= LEAST && rejections * 2 > self.recent.len();
        if opens {
            self.open_until = Some(now.plus(PAUSE));
            self.recent.clear();
        }
        opens
    }

    /// Until when nothing is to be asked; None if it is closed.
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
    fn it_opens_when_most_of_at_least_five_are_rejected_and_closes_by_itself() {
        let mut breaker = Breaker::default();
        for second in 0..4 {
            assert!(!breaker.note(true, at(second)));
        }
        assert_eq!(breaker.open_until(at(4)), None, "four say nothing");
        assert!(breaker.note(true, at(4)));
        assert_eq!(breaker.open_until(at(5)), Some(at(304)));
        assert_eq!(breaker.open_until(at(304)), None);
        assert!(!breaker.note(true, at(305)), "it starts anew");
    }

    #[test]
    fn half_is_not_most_and_old_answers_do_not_count() {
        let mut breaker = Breaker::default();
        for (second, was_rejected) in [(0, false), (1, true), (2, false), (3, true), (4, false), (5, true)] {
            assert!(!breaker.note(was_rejected, at(second)), "{second}");
        }
        let mut breaker = Breaker::default();
        for second in 0..4 {
            breaker.note(true, at(second));
        }
        assert!(!breaker.note(true, at(302)), "the first have been forgotten");
    }
}
