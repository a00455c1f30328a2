//! Checks that every presentation of one login is explained: each token once, and once more only after a kill.

use std::collections::BTreeMap;

use goclaw_simulator::{FamilyId, Presentation, PresentationOutcome};

use super::{LIFETIME, millis};

/// The presentations of one login by generation, each in order.
pub(super) struct Account {
    family: FamilyId,
    generations: BTreeMap<u32, Vec<Presentation>>,
}

impl Account {
    pub(super) fn all(presentations: &[Presentation]) -> Vec<Self> {
        let mut families: BTreeMap<FamilyId, BTreeMap<u32, Vec<Presentation>>> = BTreeMap::new();
        for one in presentations {
            let (family, generation) = (one.family.expect("an own token"), one.generation.expect("an own token"));
            families.entry(family).or_default().entry(generation).or_default().push(one.clone());
        }
        families.into_iter().map(|(family, generations)| Self { family, generations }).collect()
    }

    /// Returns the number of presented tokens; each but the last was replaced.
    pub(super) fn generations(&self) -> usize {
        self.generations.len()
    }

    /// Returns how many of them were presented more than once.
    pub(super) fn presented_again(&self) -> usize {
        self.generations.values().filter(|presented| presented.len() > 1).count()
    }

    /// Returns the presentations that these kills do not explain.
    pub(super) fn flaws(&self, kills: &[u64]) -> Vec<String> {
        let mut flaws = Vec::new();
        let mut issued_at = None;
        for (generation, presented) in &self.generations {
            let token = format!("family {:?}, generation {generation}", self.family);
            for one in presented {
                use PresentationOutcome::{GraceAnswered, NotActed, Rotated};
                if !matches!(one.outcome, GraceAnswered | NotActed | Rotated) {
                    flaws.push(format!("{token} was {:?}", one.outcome));
                }
            }
            for (before, again) in presented.iter().zip(presented.iter().skip(1)) {
                let between = before.began_unix_ms..=again.began_unix_ms;
                if !kills.iter().any(|kill| between.contains(kill)) {
                    flaws.push(format!("{token} was presented again without a kill between"));
                }
                if before.ended_unix_ms.is_none_or(|end| end > again.began_unix_ms) {
                    flaws.push(format!("{token} was presented twice at once"));
                }
            }
            // At most twice while the access token is good; its `exp` has whole seconds.
            let good_until = issued_at.map(|at: u64| at + (millis(LIFETIME) - 1_000) * 9 / 10);
            if let (Some(third), Some(good_until)) = (presented.get(2), good_until)
                && third.began_unix_ms < good_until
            {
                flaws.push(format!("{token} was presented a third time while its access token was good"));
            }
            issued_at = presented.last().map(|last| last.began_unix_ms);
        }
        flaws
    }
}
