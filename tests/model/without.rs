//! The mechanisms of the protocol that [`crate::ablations`] removes, one at a time.
//!
//! The production code has no switches for them. The model removes a mechanism by changing the input or output of
//! `step`, the replica's moves or the policy.

use std::time::Duration;

use goclaw::domain::refresh::{
    Cause, Effect, Failure, Lease, LeaseId, RefreshEvent, RefreshPolicy, RefreshState, RefreshTrigger, RevocationScope,
    Step, TokenState, step,
};

use crate::stepper::NOW;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// Without it, a begun refresh stores no lease.
    LeaseBetweenReplicas,
    /// Without it, the lease may run out while its holder waits for the response.
    CallShorterThanLease,
    /// The state for an unknown outcome. Without it, the token is sent again.
    Doubt,
    /// Without it, a response is dropped if its commit fails.
    AnswerKeptOnDatabaseError,
    /// Without it, a crash loses received tokens.
    Journal,
    /// Without it, a response is stored whatever version the row has, and even without a row.
    VersionCheckAtCommit,
    /// Without it, only the holder of the lease commits.
    CommitWhoeverHoldsTheLease,
    /// Without it, only an active or refreshing row stores a response.
    CommitFromInDoubt,
    /// Without it, a row that needs a new login stores no response.
    CommitFromNeedsReauth,
    /// Without it, a rejection applies to the row's version, whichever version was presented.
    RereadOnRejection,
    /// Without it, a replica records a failure even if it has lost its lease.
    LeaseFenceOnFailures,
    /// Without it, a refused retry ends the doubt.
    DoubtKeptThroughRefusal,
    /// Without it, a refused presentation counts as an attempt.
    RefundOfRefusal,
    /// Without it, a replica that got no response to its begin cannot repeat it.
    LeaseNamedByItsCaller,
    /// Without it, each retry out of doubt counts as the first attempt.
    AttemptKeptOnTakeOver,
    /// Without it, a retry out of doubt begins at once.
    DeferralOfRetry,
    /// Without it, the policy has no grace window.
    RetryAtOnceUnderGrace,
    /// Without it, each call restarts the grace window.
    GraceCountedFromFirstCall,
    /// Without it, a forced refresh applies to any version, with consent.
    ForcedRefreshBoundToVersion,
    /// Without it, late tokens of an older login are not revoked.
    RevocationAfterNewLogin,
    /// Without it, late tokens are revoked even if this ends the whole grant.
    RevocationByFamily,
    /// Without it, login numbers are counted in the row and restart at 0 after a logout.
    LoginIdNeverUsedAgain,
    /// Without it, newer tokens are stored only if the row has exactly the presented version.
    CommitToARestoredRow,
    /// Without it, a restored row stays as it is.
    DoubtAfterRestore,
    /// Without it, doubt after a restore is retried like any other doubt.
    ConsentAfterRestore,
    /// Without it, a restored row is in doubt only if its generation is older.
    PresentationRemembered,
    /// Without it, a login that a restore brings back stays.
    EndsRemembered,
    /// Without it, a response for the login that replaced a restored one is discarded.
    CommitOfASuccessor,
}

use Mechanism::*;

impl Mechanism {
    /// Changes the policy, if the mechanism depends on it.
    pub(crate) fn change_policy(self, policy: &mut RefreshPolicy) {
        if self == RetryAtOnceUnderGrace {
            policy.grace = Duration::ZERO;
        } else if self == RevocationAfterNewLogin {
            policy.revocation = RevocationScope::Grant;
        } else if self == RevocationByFamily {
            policy.revocation = RevocationScope::Family;
        }
    }

    /// Runs `step` without the mechanism. Changes `row` to the input that `step` got.
    pub(crate) fn step_without(
        self,
        row: &mut Option<RefreshState>,
        mut event: RefreshEvent,
        lease: &LeaseId,
        policy: &RefreshPolicy,
    ) -> Step {
        self.change_input(row, &mut event);
        let mut step = step(row.as_ref(), &event, policy, NOW);
        self.change_output(row.as_ref(), &event, lease, &mut step);
        step
    }

    fn change_input(self, row: &mut Option<RefreshState>, event: &mut RefreshEvent) {
        match (self, event, row) {
            (VersionCheckAtCommit, RefreshEvent::Succeeded(rotation), Some(row)) => {
                rotation.version = row.version.next()
            }
            (VersionCheckAtCommit, RefreshEvent::Succeeded(rotation), row @ None) => {
                let mut revived = RefreshState::after_login(rotation.version.login_id.clone(), true, NOW, None);
                revived.version = rotation.version.clone();
                revived.version.generation.0 -= 1;
                *row = Some(revived);
            }
            (RereadOnRejection, RefreshEvent::Failed { seen, failure: Failure::Rejected(_), .. }, Some(row)) => {
                *seen = row.version.clone();
            }
            (
                LeaseFenceOnFailures,
                RefreshEvent::Failed {
                    seen, lease, failure: Failure::NotConsumed { .. } | Failure::Unknown(_), ..
                },
                Some(row),
            ) if row.version == *seen && row.state != TokenState::NeedsReauth => {
                row.state =
                    TokenState::Refreshing(Lease { id: lease.clone(), until: NOW.plus(Duration::from_secs(1)) });
            }
            (AttemptKeptOnTakeOver, RefreshEvent::Begin { .. }, Some(row)) if row.state == TokenState::InDoubt => {
                row.attempt = 0;
            }
            (DeferralOfRetry, RefreshEvent::Begin { trigger, .. }, Some(row)) if row.state == TokenState::InDoubt => {
                *trigger = RefreshTrigger::AccessDead;
            }
            (ForcedRefreshBoundToVersion, RefreshEvent::Begin { seen, trigger, .. }, Some(row))
                if *trigger != RefreshTrigger::Due =>
            {
                (*seen, *trigger) = (row.version.clone(), RefreshTrigger::Consented);
            }
            (PresentationRemembered, RefreshEvent::Restored { attempt, .. }, Some(_)) => *attempt = 0,
            (ConsentAfterRestore, RefreshEvent::Begin { .. }, Some(row)) => {
                row.cause = row.cause.filter(|cause| *cause != Cause::Restored);
            }
            _ => {}
        }
    }

    fn change_output(self, before: Option<&RefreshState>, event: &RefreshEvent, lease: &LeaseId, step: &mut Step) {
        self.forget_doubt(step);
        let (Some(before), Some(row)) = (before, &mut step.row) else { return };
        match (self, event, step.effect) {
            (LeaseBetweenReplicas, RefreshEvent::Begin { .. }, Effect::Present) => *row = before.clone(),
            (GraceCountedFromFirstCall, RefreshEvent::Begin { .. }, Effect::Present) => row.sent_at = Some(NOW),
            (CommitWhoeverHoldsTheLease | CommitFromInDoubt | CommitFromNeedsReauth, _, Effect::Stored)
                if !self.may_commit(&before.state, lease) =>
            {
                *step = Step { row: Some(before.clone()), effect: Effect::Discard, events: Vec::new() };
            }
            (
                DoubtKeptThroughRefusal,
                RefreshEvent::Failed { failure: Failure::NotConsumed { .. }, .. },
                Effect::Recorded,
            ) => {
                row.state = TokenState::Active;
            }
            (CommitToARestoredRow, RefreshEvent::Succeeded(rotation), Effect::Stored)
                if rotation.version != before.version.next() =>
            {
                *step = Step { row: Some(before.clone()), effect: Effect::Discard, events: Vec::new() };
            }
            (DoubtAfterRestore, RefreshEvent::Restored { .. }, _) => *row = before.clone(),
            (RefundOfRefusal, RefreshEvent::Failed { failure: Failure::NotConsumed { .. }, .. }, Effect::Recorded) => {
                row.attempt = before.attempt;
            }
            _ => {}
        }
    }

    /// Returns whether the holder of `lease` may commit to a row in `state` without the mechanism.
    fn may_commit(self, state: &TokenState, lease: &LeaseId) -> bool {
        match state {
            TokenState::Active => self != CommitWhoeverHoldsTheLease,
            TokenState::Refreshing(held) => self != CommitWhoeverHoldsTheLease || held.id == *lease,
            TokenState::InDoubt => self == CommitFromNeedsReauth,
            TokenState::NeedsReauth => false,
        }
    }

    /// Without [`Doubt`], makes a row in doubt active again.
    pub(crate) fn forget_doubt(self, step: &mut Step) {
        if let (Doubt, Some(row)) = (self, &mut step.row)
            && row.state == TokenState::InDoubt
        {
            (row.state, row.attempt) = (TokenState::Active, 0);
        }
    }
}
