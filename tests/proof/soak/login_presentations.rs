//! Checks the presentations of each login: each token may be presented once, and again only after a kill.

use std::collections::BTreeMap;

use goclaw_simulator::{FamilyId, Presentation, PresentationOutcome};

use super::LIFETIME;
use crate::testbed::millis;

/// The presentations of one login by generation, in order.
pub(super) struct LoginPresentations {
    family: FamilyId,
    generations: BTreeMap<u32, Vec<Presentation>>,
}

impl LoginPresentations {
    pub(super) fn by_login(presentations: &[Presentation]) -> Vec<Self> {
        let mut families: BTreeMap<FamilyId, BTreeMap<u32, Vec<Presentation>>> = BTreeMap::new();
        for one in presentations {
            let (family, generation) =
                (one.family.expect("a token of this simulator"), one.generation.expect("a token of this simulator"));
            families.entry(family).or_default().entry(generation).or_default().push(one.clone());
        }
        families.into_iter().map(|(family, generations)| Self { family, generations }).collect()
    }

    /// Returns the number of presented tokens. All but the last one were replaced.
    pub(super) fn count_presented(&self) -> usize {
        self.generations.len()
    }

    /// Returns how many tokens were presented more than once.
    pub(super) fn count_presented_again(&self) -> usize {
        self.generations.values().filter(|presented| presented.len() > 1).count()
    }

    /// Returns the presentations that these kills do not explain. The times are in Unix milliseconds.
    pub(super) fn problems(&self, kills: &[u64]) -> Vec<String> {
        let mut problems = Vec::new();
        let mut issued_at = None;
        for (generation, presented) in &self.generations {
            let token = format!("family {:?}, generation {generation}", self.family);
            for one in presented {
                use PresentationOutcome::{GraceAnswered, NotActed, Rotated};
                if !matches!(one.outcome, GraceAnswered | NotActed | Rotated) {
                    problems.push(format!("{token} was {:?}", one.outcome));
                }
            }
            for (before, again) in presented.iter().zip(presented.iter().skip(1)) {
                let between = before.began_unix_ms..=again.began_unix_ms;
                if !kills.iter().any(|kill| between.contains(kill)) {
                    problems.push(format!("{token} was presented again without a kill in between"));
                }
                if before.ended_unix_ms.is_none_or(|end| end > again.began_unix_ms) {
                    problems.push(format!("{token} was presented twice at once"));
                }
            }
            // At most two presentations before the last tenth of the access token's life. Its `exp` has whole seconds.
            let valid_until = issued_at.map(|at: u64| at + (millis(LIFETIME) - 1_000) * 9 / 10);
            if let (Some(third), Some(valid_until)) = (presented.get(2), valid_until)
                && third.began_unix_ms < valid_until
            {
                problems.push(format!("{token} was presented a third time while its access token was valid"));
            }
            issued_at = presented.last().map(|last| last.began_unix_ms);
        }
        problems
    }
}
