//! The history of presented refresh tokens: times and outcomes, but no tokens. Tests use it to check that each
//! generation is presented once and that presentations never overlap.

use serde::{Deserialize, Serialize};

use crate::journal::{FamilyId, machine_time};

/// One presentation of a refresh token at the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presentation {
    /// The sequence number of its journal entry, which has the status and the fault.
    pub sequence: u64,
    /// The token's SHA-256 prefix.
    pub token_sha256: String,
    /// The family of the token; `None` if the provider never issued it.
    pub family: Option<FamilyId>,
    /// The number of refresh tokens before this one in the family.
    pub generation: Option<u32>,
    /// When the body was read, by the machine's clock, in Unix milliseconds.
    pub began_unix_ms: u64,
    /// When it was answered or abandoned; `None` while in flight.
    pub ended_unix_ms: Option<u64>,
    /// The outcome.
    pub outcome: PresentationOutcome,
}

/// The outcome of a presentation at the provider, whether or not the client received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentationOutcome {
    /// Nothing changed: a fault came first, or the client disconnected.
    NotActed,
    /// New tokens, including a new refresh token.
    Rotated,
    /// New tokens; the refresh token stays valid.
    Kept,
    /// The token was spent and accepted within the grace window.
    GraceAnswered,
    /// The token was spent and refused; the family is unchanged.
    ReuseRefused,
    /// The token was spent and refused, and its family was revoked.
    FamilyKilled,
    /// Refused for another reason, named as in the journal.
    Refused(String),
}

/// The totals of all presentations. With a client that never loses a generation, `rotated` equals `presentations`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentationTotals {
    /// All presentations.
    pub presentations: u32,
    /// In flight.
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
    /// The maximum number of presentations of one family in flight at once.
    pub max_concurrent_in_a_family: u32,
}

/// All presentations since the last reset.
#[derive(Default)]
pub(crate) struct Presentations(Vec<Presentation>);

impl Presentations {
    /// Records the beginning of a presentation; `sequence` identifies it.
    pub(crate) fn record_begin(
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
    pub(crate) fn record_outcome(&mut self, sequence: u64, outcome: PresentationOutcome) {
        if let Some(presentation) = self.find(sequence) {
            presentation.outcome = outcome;
        }
    }

    /// Records the end.
    pub(crate) fn record_end(&mut self, sequence: u64) {
        if let Some(presentation) = self.find(sequence) {
            presentation.ended_unix_ms = Some(unix_ms());
        }
    }

    pub(crate) fn all(&self) -> Vec<Presentation> {
        self.0.clone()
    }

    /// Returns the totals. The maximum comes from `Families`, which counts the presentations in flight.
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

    /// Searches from the end, because the presentations in flight are there.
    fn find(&mut self, sequence: u64) -> Option<&mut Presentation> {
        self.0.iter_mut().rev().find(|presentation| presentation.sequence == sequence)
    }
}

fn unix_ms() -> u64 {
    u64::try_from(machine_time().as_millis()).unwrap_or(u64::MAX)
}
