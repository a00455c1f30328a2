//! Every refresh token that was ever presented, when, and what came of it. By this the promise "each generation is
//! presented once, and never two at a time" is judged. No token enters it.

use serde::{Deserialize, Serialize};

use crate::journal::{FamilyId, machine_time};

/// A refresh token presented at the token endpoint, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presentation {
    /// The entry of the request in the journal, which knows the status and the fault.
    pub sequence: u64,
    /// The beginning of the token's SHA-256.
    pub token_sha256: String,
    /// The family of the token; none when the provider never issued it.
    pub family: Option<FamilyId>,
    /// How many refresh tokens the family had before this one.
    pub generation: Option<u32>,
    /// When it was read, by the machine's clock, in Unix milliseconds.
    pub began_unix_ms: u64,
    /// When it was answered or given up; none while it is under way.
    pub ended_unix_ms: Option<u64>,
    /// What came of it.
    pub outcome: PresentationOutcome,
}

/// What came of a presentation at the provider, whether or not the client ever learnt it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentationOutcome {
    /// Nothing, so far or for ever: a fault struck first, or the client went away.
    NotActed,
    /// New tokens, and another refresh token in its place.
    Rotated,
    /// New tokens; the refresh token stays.
    Kept,
    /// It was spent, and still worked within the grace.
    GraceAnswered,
    /// It was spent and was refused; the family lives on (or was dead before).
    ReuseRefused,
    /// It was spent and was refused, and the family is dead for it.
    FamilyKilled,
    /// Refused for another reason, with this name in the journal.
    Refused(String),
}

/// The sum of all presentations. With a client that never loses a generation `rotated` equals `presentations`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentationTotals {
    /// All.
    pub presentations: u32,
    /// Neither answered nor given up.
    pub under_way: u32,
    /// See [`PresentationOutcome`].
    pub not_acted: u32,
    /// See [`PresentationOutcome`].
    pub rotated: u32,
    /// See [`PresentationOutcome`].
    pub kept: u32,
    /// See [`PresentationOutcome`].
    pub grace_answered: u32,
    /// See [`PresentationOutcome`].
    pub reuse_refused: u32,
    /// See [`PresentationOutcome`].
    pub families_killed: u32,
    /// See [`PresentationOutcome`].
    pub refused: u32,
    /// The most presentations of one family that were under way at the same time.
    pub max_concurrent_in_a_family: u32,
}

/// All presentations since the last reset.
#[derive(Default)]
pub(crate) struct Presentations(Vec<Presentation>);

impl Presentations {
    /// Records the beginning. `sequence` names the presentation from now on.
    pub(crate) fn began(
        &mut self,
        sequence: u64,
        token_sha256: String,
        family: Option<FamilyId>,
        generation: Option<u32>,
    ) {
        self.0.push(Presentation {
            sequence,
            token_sha256,
            family,
            generation,
            began_unix_ms: unix_ms(),
            ended_unix_ms: None,
            outcome: PresentationOutcome::NotActed,
        });
    }

    /// Records the decision.
    pub(crate) fn decided(&mut self, sequence: u64, outcome: PresentationOutcome) {
        if let Some(presentation) = self.find(sequence) {
            presentation.outcome = outcome;
        }
    }

    /// Records the end.
    pub(crate) fn ended(&mut self, sequence: u64) {
        if let Some(presentation) = self.find(sequence) {
            presentation.ended_unix_ms = Some(unix_ms());
        }
    }

    pub(crate) fn all(&self) -> Vec<Presentation> {
        self.0.clone()
    }

    /// The sum; what was concurrent is the families' to know.
    pub(crate) fn totals(&self, max_concurrent_in_a_family: u32) -> PresentationTotals {
        let mut totals = PresentationTotals { max_concurrent_in_a_family, ..PresentationTotals::default() };
        for presentation in &self.0 {
            totals.presentations += 1;
            totals.under_way += u32::from(presentation.ended_unix_ms.is_none());
            *match presentation.outcome {
                PresentationOutcome::NotActed => &mut totals.not_acted,
                PresentationOutcome::Rotated => &mut totals.rotated,
                PresentationOutcome::Kept => &mut totals.kept,
                PresentationOutcome::GraceAnswered => &mut totals.grace_answered,
                PresentationOutcome::ReuseRefused => &mut totals.reuse_refused,
                PresentationOutcome::FamilyKilled => &mut totals.families_killed,
                PresentationOutcome::Refused(_) => &mut totals.refused,
            } += 1;
        }
        totals
    }

    /// From the end, where those under way are.
    fn find(&mut self, sequence: u64) -> Option<&mut Presentation> {
        self.0.iter_mut().rev().find(|presentation| presentation.sequence == sequence)
    }
}

fn unix_ms() -> u64 {
    u64::try_from(machine_time().as_millis()).unwrap_or(u64::MAX)
}
