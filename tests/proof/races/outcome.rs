//! The result of a run: counts for the table, and problems.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::pair::{Pair, Revocation};
use crate::races_and_faults::Totals;

pub(super) const HEADINGS: [&str; 8] =
    ["provider", "operations", "logins completed", "presentations", "reuse", "at once", "database polls", "responses"];

pub(super) struct Outcome {
    pub(super) operations: usize,
    pub(super) logins: usize,
    pub(super) totals: Totals,
    /// How often the observer polled.
    pub(super) polls: usize,
    /// The number of responses by operation and status.
    pub(super) answers: BTreeMap<String, usize>,
    pub(super) problems: Vec<String>,
}

impl Outcome {
    pub(super) fn row(&self, revocation: Revocation) -> Vec<String> {
        let Totals { presentations, reuse, at_once, .. } = self.totals;
        let answers: Vec<String> = self.answers.iter().map(|(what, times)| format!("{times} x {what}")).collect();
        let counts = [self.operations as u64, self.logins as u64, presentations, reuse, at_once, self.polls as u64];
        let counts = counts.iter().map(ToString::to_string);
        std::iter::once(revocation.in_words().to_owned()).chain(counts).chain([answers.join(", ")]).collect()
    }
}

/// Returns problems with the presentations. Each token may be presented once. It may be refused only if the gateway had
/// revoked its login.
pub(super) async fn check_presentations(pair: &Pair, totals: &Totals) -> Vec<String> {
    let (presentations, families) = (pair.query("/presentations").await, pair.query("/ledger").await);
    let revoked_by = |id: &Value| {
        let family = families.as_array()?.iter().find(|family| family["family"] == *id)?;
        family["revoked"].as_str()
    };
    let (mut seen, mut problems) = (HashSet::new(), Vec::new());
    for presentation in presentations.as_array().expect("a list") {
        let is_ended = presentation["outcome"] == json!({"refused": "refresh_token_invalidated"})
            && revoked_by(&presentation["family"]) == Some("revoked_by_client");
        if presentation["outcome"] != "rotated" && !is_ended {
            problems.push(format!("unexplained: {presentation}"));
        }
        if !seen.insert(presentation["token_sha256"].clone()) {
            problems.push(format!("presented again: {presentation}"));
        }
    }
    if totals.reuse != 0 || totals.at_once > 1 {
        problems.push(format!("{totals:?}"));
    }
    problems
}
