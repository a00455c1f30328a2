//! One step of the refresh protocol: computes the next row, the caller's next action and the account's events.

use std::time::Duration;

use crate::domain::{history::EventKind, time::Timestamp};

use super::{
    Cause, Effect, Ending, Failure, Lease, LeaseId, RefreshEvent, RefreshPolicy, RefreshState, RefreshTrigger,
    RevocationScope, Rotation, TokenState, TokenVersion,
};

/// The result of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The row after the step; None if the account is not connected.
    pub row: Option<RefreshState>,
    pub effect: Effect,
    /// The changes of the row, oldest first. Empty if and only if the row stays the same.
    pub events: Vec<StepEvent>,
}

/// A change of the row, for the account's events.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEvent {
    pub kind: EventKind,
    /// The row after the change.
    pub state: RefreshState,
}

/// Applies `event` to `row` at `now`, by the store's clock. `row` is None if the account is not connected. Idempotent.
///
/// The protocol has two main rules:
///
/// - New tokens are stored if the row still has the presented login and generation, even if another replica now holds
///   the lease: no other token is valid. They are also stored if the row has an older generation of the login. Such a
///   row comes from a restored database, and its token is spent.
/// - Only the holder of the lease records a failure: any other caller would clear another replica's lease. A definite
///   rejection is the exception, because it is true for every holder.
pub fn step(row: Option<&RefreshState>, event: &RefreshEvent, policy: &RefreshPolicy, now: Timestamp) -> Step {
    let Some(stored) = row else {
        let effect = match event {
            RefreshEvent::Begin { .. } => Effect::UseCurrent,
            RefreshEvent::Succeeded(_) => Effect::Revoke,
            RefreshEvent::Failed { .. } | RefreshEvent::Restored { .. } | RefreshEvent::Returned { .. } => {
                Effect::Recorded
            }
        };
        return Step { row: None, effect, events: Vec::new() };
    };
    let before = stored.clone().at(now);
    let mut row = before.clone();
    let effect = match event {
        RefreshEvent::Begin { seen, lease, trigger } => begin(&mut row, seen, lease, *trigger, policy, now),
        RefreshEvent::Succeeded(rotation) => succeeded(&mut row, rotation, policy, now),
        RefreshEvent::Failed { seen, lease, failure, spread } => {
            failed(&mut row, seen, lease, *failure, *spread, policy, now)
        }
        RefreshEvent::Restored { known, attempt } => restored(&mut row, known, *attempt, now),
        RefreshEvent::Returned { ended, .. } if row.version.login_id != *ended => Effect::Recorded,
        RefreshEvent::Returned { ending: Ending::LoggedOut, .. } => {
            let removed = StepEvent { kind: EventKind::SignedOut, state: before };
            return Step { row: None, effect: Effect::Recorded, events: vec![removed] };
        }
        RefreshEvent::Returned { ending: Ending::ReplacedBy(rotation), .. } => store(&mut row, rotation, policy, now),
        RefreshEvent::Returned { ending: Ending::ReplacedByUnknown, .. } => doubt_restored(&mut row, 1, now),
    };
    // A lease that expired before this step has an event of its own.
    let events = [event_between(stored, &before), event_between(&before, &row)].into_iter().flatten().collect();
    Step { row: Some(row), effect, events }
}

/// Returns the event between two rows, if they differ.
fn event_between(before: &RefreshState, after: &RefreshState) -> Option<StepEvent> {
    let kind = match after.state {
        _ if before.version.login_id != after.version.login_id => EventKind::SignedIn,
        _ if before.version != after.version => EventKind::Refreshed,
        _ if (&before.state, before.cause) == (&after.state, after.cause) => return None,
        TokenState::Active => EventKind::RefreshPostponed,
        TokenState::Refreshing(_) => EventKind::RefreshStarted,
        TokenState::InDoubt => EventKind::InDoubt,
        TokenState::NeedsReauth => EventKind::NeedsReauth,
    };
    Some(StepEvent { kind, state: after.clone() })
}

fn begin(
    row: &mut RefreshState,
    seen: &TokenVersion,
    lease: &LeaseId,
    trigger: RefreshTrigger,
    policy: &RefreshPolicy,
    now: Timestamp,
) -> Effect {
    if row.version != *seen {
        return Effect::UseCurrent;
    }
    // An earlier call took this lease, but the store's reply was lost.
    if holds(row, lease) {
        return Effect::Present;
    }
    match row.ready_at(policy, trigger, now) {
        None => Effect::UseCurrent,
        Some(at) if at > now => Effect::Wait(at),
        Some(_) => {
            row.state = TokenState::Refreshing(Lease { id: lease.clone(), until: now.plus(policy.lease) });
            // A token in doubt may have been consumed by the first call, so the time of that call stays.
            if row.attempt == 0 {
                row.sent_at = Some(now);
            }
            row.attempt = row.attempt.saturating_add(1);
            Effect::Present
        }
    }
}

fn succeeded(row: &mut RefreshState, rotation: &Rotation, policy: &RefreshPolicy, now: Timestamp) -> Effect {
    if row.version.login_id != rotation.version.login_id {
        // Revoking the grant would end the newer login too.
        return match policy.revocation {
            RevocationScope::Family => Effect::Revoke,
            RevocationScope::Grant => Effect::Discard,
        };
    }
    if row.version.generation >= rotation.version.generation {
        return Effect::Discard;
    }
    if !rotation.same_account {
        give_up(row, Cause::AccountMismatch);
        return Effect::Discard;
    }
    store(row, rotation, policy, now)
}

/// Replaces the tokens of the row with those of a rotation.
fn store(row: &mut RefreshState, rotation: &Rotation, policy: &RefreshPolicy, now: Timestamp) -> Effect {
    let is_same_login = row.version.login_id == rotation.version.login_id;
    let reset = RefreshState::after_login(
        rotation.version.login_id.clone(),
        if is_same_login { row.refreshable } else { rotation.refresh_token.is_some() },
        rotation.metadata.obtained_at,
        rotation.metadata.expires_at,
    );
    let cookie_rotates = rotation.metadata.cookie_rotates;
    *row = RefreshState { version: rotation.version.clone(), sent_at: row.sent_at, cookie_rotates, ..reset };
    // The response may have no new access token, so that the old one is still due. Do not retry at once.
    if row.due_at(policy).is_some_and(|due_at| due_at <= now) {
        row.next_attempt_at = Some(now.plus(policy.backoff_min));
    }
    Effect::Stored
}

fn failed(
    row: &mut RefreshState,
    seen: &TokenVersion,
    lease: &LeaseId,
    failure: Failure,
    spread: u16,
    policy: &RefreshPolicy,
    now: Timestamp,
) -> Effect {
    if row.version != *seen {
        return Effect::UseCurrent;
    }
    let backoff = |failures| now.plus(policy.backoff(failures, spread));
    match failure {
        // A rejection is true for every replica, so it needs no lease.
        Failure::Rejected(cause) => give_up(row, cause),
        Failure::NotConsumed { .. } | Failure::Unknown(_) if !holds(row, lease) => return Effect::UseCurrent,
        Failure::NotConsumed { cause, retry_after } => {
            row.attempt = row.attempt.saturating_sub(1);
            // A token that was in doubt before stays in doubt.
            row.state = if row.attempt == 0 { TokenState::Active } else { TokenState::InDoubt };
            row.set_cause(cause);
            row.failures = row.failures.saturating_add(1);
            // A pause must leave time to refresh before the access token expires.
            let longest_pause = row.expires_at.map_or(Duration::MAX, |end| now.until(end) / 4);
            let retry_at = retry_after.map(|wait| now.plus(wait.min(longest_pause)));
            row.next_attempt_at = Some(backoff(row.failures)).max(retry_at);
        }
        Failure::Unknown(cause) => {
            row.state = TokenState::InDoubt;
            row.set_cause(cause);
            row.failures = row.failures.saturating_add(1);
            // In the grace window the token may be presented again at once.
            row.next_attempt_at = (!row.has_grace(policy, now)).then(|| backoff(row.failures));
        }
    }
    Effect::Recorded
}

/// Marks a restored row whose refresh token is or may be spent, because the row lacks a later presentation.
fn restored(row: &mut RefreshState, known: &TokenVersion, attempt: u32, now: Timestamp) -> Effect {
    let is_spent = row.version.login_id == known.login_id && row.version.generation < known.generation;
    let may_be_spent = row.version == *known && row.attempt < attempt;
    if is_spent || may_be_spent {
        doubt_restored(row, if may_be_spent { attempt } else { 1 }, now)
    } else {
        Effect::Recorded
    }
}

fn doubt_restored(row: &mut RefreshState, attempt: u32, now: Timestamp) -> Effect {
    if row.state != TokenState::NeedsReauth && !row.is_restored() {
        row.state = TokenState::InDoubt;
        row.cause = Some(Cause::Restored);
        row.attempt = row.attempt.max(attempt);
        // A call from before the restore may still be in flight.
        row.sent_at = Some(now);
        row.next_attempt_at = None;
    }
    Effect::Recorded
}

fn holds(row: &RefreshState, lease: &LeaseId) -> bool {
    matches!(&row.state, TokenState::Refreshing(held) if held.id == *lease)
}

/// Sets `NeedsReauth`. A row in that state keeps its first cause.
fn give_up(row: &mut RefreshState, cause: Cause) {
    if row.state != TokenState::NeedsReauth {
        row.state = TokenState::NeedsReauth;
        row.cause = Some(cause);
    }
}
