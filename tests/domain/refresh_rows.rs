//! Tests of values in an account's row that `tests/model` ignores, because the protocol is correct with any of them.

use std::{collections::BTreeSet, time::Duration};

use goclaw::domain::{
    account::AccountLabels,
    ids::{Generation, LoginId},
    provider::AuthMethod,
    provider_settings::TokenMetadata,
    refresh::{
        Cause, Failure, Lease, LeaseId, RefreshEvent, RefreshPolicy, RefreshState, Rotation, TokenState, TokenVersion,
        step,
    },
    sealed_secret::SealedSecret,
    time::Timestamp,
};

const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn login(number: u64) -> LoginId {
    LoginId::from_stored(format!("login-{number}"))
}

/// Returns a row whose token is valid for ten hours.
fn row(number: u64) -> RefreshState {
    RefreshState::after_login(login(number), true, at(0), Some(at(10 * HOUR)))
}

#[test]
fn accounts_connected_together_are_refreshed_at_different_times() {
    let policy = RefreshPolicy::default();
    // Refreshes start one hour before the expiry. The jitter takes up to a tenth of that hour.
    let (earliest, latest) = (at(9 * HOUR), at(9 * HOUR + 360));
    let due: Vec<Timestamp> = (0..300).filter_map(|number| row(number).due_at(&policy)).collect();
    assert!(due.iter().all(|due| (earliest..=latest).contains(due)), "{due:?}");
    let tenths: BTreeSet<u64> = due.iter().map(|due| earliest.until(*due).as_secs() / 36).collect();
    assert!(tenths.len() >= 10, "the refreshes are not spread over the jitter: {tenths:?}");
    assert_eq!(row(7).due_at(&policy), row(7).due_at(&policy), "all replicas compute the same time");
}

#[test]
fn an_access_token_ends_at_its_expiry() {
    let (known, unknown) = (row(1), RefreshState { expires_at: None, ..row(1) });
    assert!(
        !known.access_token_expired(at(10 * HOUR - 1))
            && known.access_token_expired(at(10 * HOUR))
            && known.access_token_expired(at(11 * HOUR))
    );
    assert!(!unknown.access_token_expired(at(11 * HOUR)));
}

#[test]
fn versions_and_states_have_stored_forms() {
    let first = TokenVersion::first_of(login(1));
    let second = first.next();
    assert_eq!((first.previous_generation(), second.previous_generation()), (None, Some(Generation::FIRST)));
    assert_eq!(second.to_string(), format!("login-1.{}", second.generation.0));
    let lease = Lease { id: LeaseId::from_stored("l".to_owned()), until: at(1) };
    let states = [TokenState::Active, TokenState::Refreshing(lease), TokenState::InDoubt, TokenState::NeedsReauth];
    assert_eq!(states.map(|state| state.as_str()), ["active", "refreshing", "in_doubt", "needs_reauth"]);
}

#[test]
fn a_refresh_stores_whether_the_cookie_rotates() {
    for cookie_rotates in [false, true] {
        let rotation = Rotation {
            version: row(1).version.next(),
            access_token: SealedSecret::from_stored("sealed".to_owned()),
            refresh_token: None,
            metadata: TokenMetadata {
                auth_method: AuthMethod::SessionToken,
                obtained_at: at(HOUR),
                expires_at: Some(at(2 * HOUR)),
                scopes: Vec::new(),
                account: AccountLabels::default(),
                cookie_rotates,
            },
            same_account: true,
        };
        let stored = step(Some(&row(1)), &RefreshEvent::Succeeded(rotation), &RefreshPolicy::default(), at(HOUR));
        assert_eq!(stored.row.map(|row| row.cookie_rotates), Some(cookie_rotates));
    }
}

#[test]
fn a_provider_s_pause_leaves_time_to_refresh_before_the_expiry() {
    let (lease, policy) = (LeaseId::from_stored("l".to_owned()), RefreshPolicy::default());
    let now = at(6 * HOUR);
    let held = Lease { id: lease.clone(), until: now.plus(policy.lease) };
    let row = RefreshState { state: TokenState::Refreshing(held), attempt: 1, ..row(1) };
    // Four hours remain, so the pause is limited to one hour.
    for (requested, expected) in [(600, 600), (HOUR as u64, HOUR as u64), (86_400, HOUR as u64)] {
        let retry_after = Some(Duration::from_secs(requested));
        let failure = Failure::NotConsumed { cause: Cause::RateLimited, retry_after };
        let failed = RefreshEvent::Failed { seen: row.version.clone(), lease: lease.clone(), failure, spread: 0 };
        let next = step(Some(&row), &failed, &policy, now).row.and_then(|row| row.next_attempt_at);
        assert_eq!(next, Some(now.plus(Duration::from_secs(expected))), "{requested} s");
    }
}
