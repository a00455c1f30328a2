//! One step of the protocol: a row, an event, and what becomes of both.

use crate::domain::time::Timestamp;

use super::{
    Cause, Effect, Failure, Lease, LeaseId, RefreshEvent, RefreshPolicy, RefreshState, RefreshTrigger, RevocationScope,
    Rotation, TokenState, TokenVersion,
};

/// What a step comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The row as it is to be from now on; None if there is none.
    pub row: Option<RefreshState>,
    pub effect: Effect,
}

/// Applies `event` to `row` (None: the account is not connected) at `now`, on the store's clock.
///
/// Two rules carry the whole protocol. An *answer* is stored if the row still has the login and generation that were
/// presented, whoever holds a lease by now: it is the only live token. A *failure* is written down only by the holder of
/// the lease: anybody else would clear another one's. Applying an event twice changes nothing more.
pub fn step(row: Option<&RefreshState>, event: &RefreshEvent, policy: &RefreshPolicy, now: Timestamp) -> Step {
    let row = row.cloned().map(|row| row.at(now));
    match event {
        RefreshEvent::Begin { seen, lease, trigger } => begin(row, seen, lease, *trigger, policy, now),
        RefreshEvent::Answered(rotation) => answered(row, rotation, policy, now),
        RefreshEvent::Failed { seen, lease, failure, spread } => {
            failed(row, seen, lease, *failure, *spread, policy, now)
        }
    }
}

fn begin(
    row: Option<RefreshState>,
    seen: &TokenVersion,
    lease: &LeaseId,
    trigger: RefreshTrigger,
    policy: &RefreshPolicy,
    now: Timestamp,
) -> Step {
    let Some(mut row) = row else { return Step { row: None, effect: Effect::Adopt } };
    if row.version != *seen {
        return Step { row: Some(row), effect: Effect::Adopt };
    }
    // The answer to an earlier try of the same acquisition was lost.
    if let TokenState::Refreshing(held) = &row.state
        && held.id == *lease
    {
        return Step { row: Some(row), effect: Effect::Send };
    }
    let effect = match row.ready_at(policy, trigger, now) {
        None => Effect::Adopt,
        Some(at) if at > now => Effect::Wait(at),
        Some(_) => {
            row.state = TokenState::Refreshing(Lease { id: lease.clone(), until: now.plus(policy.lease) });
            // A token in doubt may have been taken by the first call.
            if row.attempt == 0 {
                row.sent_at = Some(now);
            }
            row.attempt = row.attempt.saturating_add(1);
            Effect::Send
        }
    };
    Step { row: Some(row), effect }
}

fn answered(row: Option<RefreshState>, rotation: &Rotation, policy: &RefreshPolicy, now: Timestamp) -> Step {
    let Some(mut row) = row else { return Step { row: None, effect: Effect::Revoke } };
    if row.version.login_id != rotation.seen.login_id {
        // Revoking the whole grant would end the newer login too.
        let effect = match policy.revocation {
            RevocationScope::Family => Effect::Revoke,
            RevocationScope::Grant => Effect::Discard,
        };
        return Step { row: Some(row), effect };
    }
    if row.version != rotation.seen {
        return Step { row: Some(row), effect: Effect::Discard };
    }
    if !rotation.same_account {
        // What was given up before keeps its cause.
        if row.state != TokenState::NeedsReauth {
            row.state = TokenState::NeedsReauth;
            row.cause = Some(Cause::AccountMismatch);
        }
        return Step { row: Some(row), effect: Effect::Discard };
    }
    let mut row = RefreshState {
        version: row.version.next(),
        sent_at: row.sent_at,
        ..RefreshState::signed_in(
            row.version.login_id,
            row.refreshable,
            rotation.metadata.obtained_at,
            rotation.metadata.expires_at,
        )
    };
    // An answer without an access token makes nothing younger, and must not be asked for again at once.
    if row.due_at(policy).is_some_and(|due_at| due_at <= now) {
        row.next_attempt_at = Some(now.plus(policy.backoff_min));
    }
    Step { row: Some(row), effect: Effect::Stored }
}

fn failed(
    row: Option<RefreshState>,
    seen: &TokenVersion,
    lease: &LeaseId,
    failure: Failure,
    spread: u16,
    policy: &RefreshPolicy,
    now: Timestamp,
) -> Step {
    let Some(mut row) = row else { return Step { row: None, effect: Effect::Noted } };
    if row.version != *seen {
        return Step { row: Some(row), effect: Effect::Adopt };
    }
    let backoff = |failures| now.plus(policy.backoff(failures, spread));
    let is_ours = matches!(&row.state, TokenState::Refreshing(held) if held.id == *lease);
    match failure {
        // True of the token itself, whoever holds the lease: nobody needs to present it again.
        Failure::Rejected(cause) => {
            if row.state != TokenState::NeedsReauth {
                row.state = TokenState::NeedsReauth;
                row.cause = Some(cause);
            }
        }
        Failure::NotConsumed { cause, retry_after } if is_ours => {
            row.attempt = row.attempt.saturating_sub(1);
            // A token that was in doubt before stays so.
            row.state = if row.attempt == 0 { TokenState::Active } else { TokenState::InDoubt };
            row.cause = Some(cause);
            row.failures = row.failures.saturating_add(1);
            let wished = retry_after.map(|wait| now.plus(wait));
            row.next_attempt_at = Some(backoff(row.failures)).max(wished);
        }
        Failure::Unknown(cause) if is_ours => {
            row.state = TokenState::InDoubt;
            row.cause = Some(cause);
            row.failures = row.failures.saturating_add(1);
            // A grace window does not wait.
            row.next_attempt_at = (!row.has_grace(policy, now)).then(|| backoff(row.failures));
        }
        Failure::NotConsumed { .. } | Failure::Unknown(_) => return Step { row: Some(row), effect: Effect::Adopt },
    }
    Step { row: Some(row), effect: Effect::Noted }
}
