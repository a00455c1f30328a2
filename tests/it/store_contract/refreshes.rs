//! Contract of `TokenStore::advance`: one step of the refresh protocol is one transaction, and its result is durable.

use goclaw::{
    domain::{
        history::{EventKind, Revision},
        refresh::{
            Cause, Effect, Ending, Failure, LeaseId, RefreshEvent, RefreshPolicy, RefreshTrigger, Rotation, TokenState,
            TokenVersion,
        },
        time::Timestamp,
    },
    ports::{Advanced, CredentialHistory, TokenStore},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, name},
};

contract!(
    of_concurrent_begins_one_gets_the_lease_and_may_present,
    a_rotation_is_stored_completely_and_once,
    a_rotation_without_a_refresh_token_keeps_the_old_one,
    a_late_rotation_is_stored_even_if_another_replica_holds_the_lease,
    only_the_lease_holder_can_record_a_failure,
    a_rejection_keeps_the_tokens_and_changes_only_the_state,
    a_rotation_of_a_removed_or_replaced_login_is_not_stored,
    a_login_that_a_restore_brings_back_is_removed_replaced_or_put_in_doubt,
    an_expired_lease_puts_the_account_in_doubt,
    every_change_appends_an_event_in_order,
);

fn policy() -> RefreshPolicy {
    RefreshPolicy::default()
}

fn lease(number: u8) -> LeaseId {
    LeaseId::from_bytes([number; 16])
}

fn version(login: u8, generation: u64) -> TokenVersion {
    let first = TokenVersion::first_of(credential(login, "work").login_id);
    (0..generation).fold(first, |version, _| version.next())
}

fn begin(holder: u8, seen: TokenVersion) -> RefreshEvent {
    RefreshEvent::Begin { seen, lease: lease(holder), trigger: RefreshTrigger::Now }
}

/// Returns a failure with the shortest backoff.
fn failure_event(holder: u8, seen: TokenVersion, failure: Failure) -> RefreshEvent {
    RefreshEvent::Failed { seen, lease: lease(holder), failure, spread: 0 }
}

/// Returns the rotation `number` for a presentation of `seen`.
fn rotation(number: u8, seen: TokenVersion) -> Rotation {
    let new = credential(number, "work");
    let (access_token, refresh_token) = (new.access_token, new.refresh_token);
    Rotation { version: seen.next(), access_token, refresh_token, metadata: new.metadata, same_account: true }
}

async fn advance(store: &impl TokenStore, event: &RefreshEvent, now: Timestamp) -> Advanced {
    store.advance(&name("work"), event, &policy(), now).await.expect("the store works")
}

async fn sign_in(store: &impl TokenStore) {
    store.save_login(&credential(1, "work"), &author(at(0))).await.expect("it is saved");
}

async fn of_concurrent_begins_one_gets_the_lease_and_may_present(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    let mut calls = JoinSet::new();
    for number in 0..20 {
        let store = fixture.store();
        calls.spawn(async move { (number, advance(&*store, &begin(number, version(1, 0)), at(5)).await) });
    }
    let results = calls.join_all().await;
    let (granted, others): (Vec<_>, Vec<_>) =
        results.iter().partition(|(_, advanced)| advanced.effect == Effect::Present);
    assert_eq!(granted.len(), 1);
    let until = at(5).plus(policy().lease);
    assert!(others.iter().all(|(_, advanced)| advanced.effect == Effect::Wait(until)), "{others:?}");
    let (holder, first) = granted[0];
    let state = &first.credential.as_ref().expect("an account").refresh;
    assert!(matches!(&state.state, TokenState::Refreshing(held) if held.id == lease(*holder) && held.until == until));
    assert_eq!((state.attempt, state.sent_at), (1, Some(at(5))), "the presentation is recorded before it is sent");

    // The holder gets its own lease again.
    let again = advance(&*store, &begin(*holder, version(1, 0)), at(6)).await;
    assert_eq!((again.effect, &again.credential), (Effect::Present, &first.credential));
}

async fn a_rotation_is_stored_completely_and_once(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    fixture.plant_setting(&name("work"), "codex_pool", json!({"a": 1})).await;
    advance(&*store, &begin(1, version(1, 0)), at(5)).await;
    let rotation = rotation(2, version(1, 0));
    let stored = advance(&*store, &RefreshEvent::Succeeded(rotation.clone()), at(7)).await;
    assert_eq!(stored.effect, Effect::Stored);
    let account = stored.credential.expect("an account");
    assert_eq!(store.load(&name("work")).await.unwrap().as_ref(), Some(&account));
    assert_eq!((account.refresh.version.clone(), &account.refresh.state), (version(1, 1), &TokenState::Active));
    assert_eq!((&account.access_token, &account.refresh_token), (&rotation.access_token, &rotation.refresh_token));
    assert_eq!((&account.metadata, account.updated_at), (&rotation.metadata, at(7)));
    assert_eq!((account.refresh.attempt, account.refresh.expires_at), (0, rotation.metadata.expires_at));
    assert_eq!(account.settings.clone().into_json()["codex_pool"], json!({"a": 1}));

    // The caller repeats the step, as it does if the store's response was lost.
    let again = advance(&*store, &RefreshEvent::Succeeded(rotation), at(8)).await;
    assert_eq!((again.effect, again.credential), (Effect::Discard, Some(account)));
}

async fn a_rotation_without_a_refresh_token_keeps_the_old_one(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    let before = store.load(&name("work")).await.unwrap().unwrap();
    let unrotated = Rotation { refresh_token: None, ..rotation(2, version(1, 0)) };
    let after = advance(&*store, &RefreshEvent::Succeeded(unrotated), at(7)).await.credential.unwrap();
    assert_eq!(after.refresh_token, before.refresh_token);
    assert_ne!(after.access_token, before.access_token);
    assert!(after.refresh.refreshable);
}

async fn a_late_rotation_is_stored_even_if_another_replica_holds_the_lease(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    advance(&*store, &begin(1, version(1, 0)), at(5)).await;
    // After the first holder's lease, another replica presents the same token.
    let second_begin =
        RefreshEvent::Begin { seen: version(1, 0), lease: lease(2), trigger: RefreshTrigger::AccessDead };
    assert_eq!(advance(&*store, &second_begin, at(100)).await.effect, Effect::Present);
    let late = advance(&*store, &RefreshEvent::Succeeded(rotation(2, version(1, 0))), at(101)).await;
    assert_eq!(late.effect, Effect::Stored);
    assert_eq!(
        late.credential.unwrap().refresh.state,
        TokenState::Active,
        "the rotation ends the other replica's lease"
    );

    // A rotation also recovers an account in `needs_reauth`.
    let rejected = Failure::Rejected(Cause::RefreshTokenReused);
    advance(&*store, &begin(3, version(1, 1)), at(102)).await;
    advance(&*store, &failure_event(3, version(1, 1), rejected), at(103)).await;
    let recovery = advance(&*store, &RefreshEvent::Succeeded(rotation(3, version(1, 1))), at(104)).await;
    assert_eq!(recovery.effect, Effect::Stored);
    let recovered = recovery.credential.unwrap().refresh;
    assert_eq!((recovered.state, recovered.cause), (TokenState::Active, None));
}

async fn a_login_that_a_restore_brings_back_is_removed_replaced_or_put_in_doubt(fixture: impl Fixture) {
    let store = fixture.store();
    let returned_event = |login: u8, ending| RefreshEvent::Returned { ended: version(login, 0).login_id, ending };
    sign_in(&*store).await;
    let before = store.load(&name("work")).await.unwrap();
    let other = advance(&*store, &returned_event(2, Ending::LoggedOut), at(5)).await;
    assert_eq!((other.credential, other.events), (before.clone(), vec![]), "the account has another login");

    let doubted = advance(&*store, &returned_event(1, Ending::ReplacedByUnknown), at(6)).await.credential.unwrap();
    let state = &doubted.refresh;
    assert_eq!(
        (&state.state, state.cause, &state.version),
        (&TokenState::InDoubt, Some(Cause::Restored), &version(1, 0))
    );

    let newest = Rotation { refresh_token: None, ..rotation(2, version(2, 3)) };
    let replaced = advance(&*store, &returned_event(1, Ending::ReplacedBy(Box::new(newest.clone()))), at(7)).await;
    let account = replaced.credential.unwrap();
    assert_eq!((replaced.effect, replaced.events[0].kind), (Effect::Stored, EventKind::SignedIn));
    assert_eq!((&account.refresh.version, &account.refresh.state), (&version(2, 4), &TokenState::Active));
    assert_eq!((&account.id, &account.access_token), (&before.unwrap().id, &newest.access_token));
    assert_eq!(account.refresh_token, None, "the token of another login is not kept");
    assert!(!account.refresh.refreshable);

    let removed = advance(&*store, &returned_event(2, Ending::LoggedOut), at(8)).await;
    assert_eq!((removed.credential, removed.events[0].kind), (None, EventKind::SignedOut));
    assert_eq!(store.load(&name("work")).await.unwrap(), None);
    assert_eq!(store.newest(1).await.unwrap(), removed.events);
    let again = advance(&*store, &returned_event(2, Ending::LoggedOut), at(9)).await;
    assert_eq!((again.effect, again.events), (Effect::Recorded, vec![]));
}

async fn only_the_lease_holder_can_record_a_failure(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    advance(&*store, &begin(1, version(1, 0)), at(5)).await;
    let before = store.load(&name("work")).await.unwrap();
    let lost = Failure::Unknown(Cause::TimedOut);
    let foreign = advance(&*store, &failure_event(2, version(1, 0), lost), at(6)).await;
    assert_eq!((foreign.effect, foreign.credential), (Effect::UseCurrent, before));

    let own = advance(&*store, &failure_event(1, version(1, 0), lost), at(6)).await;
    let state = own.credential.unwrap().refresh;
    assert_eq!((own.effect, state.state, state.cause), (Effect::Recorded, TokenState::InDoubt, Some(Cause::TimedOut)));
    assert_eq!((state.attempt, state.failures), (1, 1));
    assert_eq!(state.next_attempt_at, Some(at(6).plus(policy().backoff_min)));
}

async fn a_rejection_keeps_the_tokens_and_changes_only_the_state(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    advance(&*store, &begin(1, version(1, 0)), at(5)).await;
    let rejected = failure_event(1, version(1, 0), Failure::Rejected(Cause::RefreshTokenExpired));
    let account = advance(&*store, &rejected, at(6)).await.credential.unwrap();
    assert_eq!(account.refresh.state, TokenState::NeedsReauth);
    let new = credential(1, "work");
    assert_eq!((account.access_token, account.refresh_token), (new.access_token, new.refresh_token));
}

async fn a_rotation_of_a_removed_or_replaced_login_is_not_stored(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    advance(&*store, &begin(1, version(1, 0)), at(5)).await;
    store.save_login(&credential(2, "work"), &author(at(6))).await.unwrap();
    let current = store.load(&name("work")).await.unwrap();
    assert_eq!(current.as_ref().unwrap().refresh.state, TokenState::Active, "a login clears any lease");
    let old = RefreshEvent::Succeeded(rotation(3, version(1, 0)));
    let late = advance(&*store, &old, at(7)).await;
    assert_eq!(
        (late.effect, &late.credential),
        (Effect::Discard, &current),
        "a revocation of the late token would end the new login too"
    );
    let rejected = failure_event(1, version(1, 0), Failure::Rejected(Cause::RefreshTokenReused));
    assert_eq!(advance(&*store, &rejected, at(8)).await.credential, current);

    store.remove(&name("work"), None, &author(at(9))).await.unwrap();
    let gone = advance(&*store, &old, at(10)).await;
    assert_eq!((gone.effect, gone.credential), (Effect::Revoke, None));
    assert_eq!(store.load(&name("work")).await.unwrap(), None);
}

async fn an_expired_lease_puts_the_account_in_doubt(fixture: impl Fixture) {
    let store = fixture.store();
    sign_in(&*store).await;
    advance(&*store, &begin(1, version(1, 0)), at(5)).await;
    let later = at(5).plus(policy().lease);
    let begun = advance(&*store, &begin(2, version(1, 0)), later).await;
    assert!(
        matches!(begun.effect, Effect::Wait(_)),
        "a token in doubt is not presented while the access token is valid"
    );
    let state = store.load(&name("work")).await.unwrap().unwrap().refresh;
    assert_eq!((state.state, state.cause, state.attempt), (TokenState::InDoubt, Some(Cause::Interrupted), 1));
}

async fn every_change_appends_an_event_in_order(fixture: impl Fixture) {
    let store = fixture.store();
    let start = Revision::default();
    sign_in(&*store).await;
    advance(&*store, &begin(1, version(1, 0)), at(5)).await;
    advance(&*store, &failure_event(1, version(1, 0), Failure::Unknown(Cause::TimedOut)), at(6)).await;
    advance(&*store, &RefreshEvent::Succeeded(rotation(2, version(1, 0))), at(7)).await;
    store.save_login(&credential(3, "other"), &author(at(8))).await.unwrap();
    let account = store.load(&name("work")).await.unwrap().unwrap();
    store.remove(&name("work"), None, &author(at(9))).await.unwrap();

    let all = store.since(start, 100).await.unwrap().events;
    let events: Vec<_> = all.iter().map(|event| (event.name.as_str(), event.kind, event.generation.0)).collect();
    assert_eq!(
        events,
        [
            ("work", EventKind::SignedIn, 0),
            ("work", EventKind::RefreshStarted, 0),
            ("work", EventKind::InDoubt, 0),
            ("work", EventKind::Refreshed, 1),
            ("other", EventKind::SignedIn, 0),
            ("work", EventKind::SignedOut, 1),
        ]
    );
    assert_eq!((all[2].cause, all[2].at), (Some(Cause::TimedOut), at(6)));
    assert!(all.is_sorted_by(|earlier, later| earlier.revision < later.revision));
    assert_eq!(account.revision, all[3].revision, "an account has the revision of its last event");
    assert_eq!(store.since(all[1].revision, 2).await.unwrap().events, all[2..4]);
    let of_work: Vec<_> = store.of(&name("work"), 2).await.unwrap();
    assert_eq!(of_work, [all[5].clone(), all[3].clone()]);
    assert_eq!(store.newest(2).await.unwrap(), [all[5].clone(), all[4].clone()]);

    store.prune(2).await.unwrap();
    assert_eq!(store.since(start, 100).await.unwrap().events, all[4..]);
    store.save_login(&credential(4, "work"), &author(at(10))).await.unwrap();
    assert!(store.newest(1).await.unwrap()[0].revision > all[5].revision, "a revision is never reused");
}
