//! Contract of `LoginStore`: a login is claimed once, ends once, and is deleted later.

use std::time::Duration;

use goclaw::{
    domain::{
        ids::LoginId,
        login::SealedLogin,
        login_outcome::{LoginDetail, LoginOutcome, LoginProgress},
        time::Timestamp,
    },
    ports::{ClaimOutcome, LoginStore},
};
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, login, name},
};

contract!(
    of_concurrent_claims_one_succeeds,
    an_ended_or_unknown_login_cannot_be_claimed,
    a_login_keeps_its_first_outcome_and_detail,
    of_concurrent_ends_one_succeeds,
    a_cancellation_ends_every_open_login_of_the_account,
    a_sweep_ends_expired_logins_at_their_expiry_time,
    a_sweep_ends_stuck_exchanges,
    a_sweep_deletes_logins_that_ended_long_ago,
    ended_logins_are_listed_newest_first,
);

const STUCK_AFTER: Duration = Duration::from_secs(120);
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);
const CALLERS: usize = 50;

async fn begin(store: &impl LoginStore, number: u8, account: &str, started_at: Timestamp) -> SealedLogin {
    let login = login(number, account, "alice", started_at);
    store.begin(&login, &author(started_at)).await.expect("it begins");
    login
}

async fn progress(store: &impl LoginStore, login: &SealedLogin) -> Option<(LoginProgress, Timestamp)> {
    let found = store.find(&login.state_digest).await.expect("the store works")?;
    Some((found.progress, found.progress_since))
}

async fn of_concurrent_claims_one_succeeds(fixture: impl Fixture) {
    let pending = begin(&*fixture.store(), 1, "work", at(0)).await;
    let mut calls = JoinSet::new();
    for _ in 0..CALLERS {
        let (store, id) = (fixture.store(), pending.session.id.clone());
        calls.spawn(async move { store.claim(&id, at(5)).await.expect("no store error") });
    }
    let claimed = calls.join_all().await.into_iter().filter(|outcome| *outcome == ClaimOutcome::Claimed);
    assert_eq!(claimed.count(), 1);
    assert_eq!(progress(&*fixture.store(), &pending).await, Some((LoginProgress::Exchanging, at(5))));
}

async fn an_ended_or_unknown_login_cannot_be_claimed(fixture: impl Fixture) {
    let store = fixture.store();
    let ended = begin(&*store, 1, "work", at(0)).await;
    store.end(&ended.session.id, LoginOutcome::Denied, None, &author(at(1))).await.unwrap();
    for id in [ended.session.id.clone(), LoginId::from_bytes([9; 16])] {
        assert_eq!(store.claim(&id, at(2)).await.unwrap(), ClaimOutcome::Taken);
    }
    assert_eq!(progress(&*store, &ended).await, Some((LoginProgress::Ended(LoginOutcome::Denied), at(1))));
}

async fn a_login_keeps_its_first_outcome_and_detail(fixture: impl Fixture) {
    let store = fixture.store();
    let (pending, claimed) = (begin(&*store, 1, "work", at(0)).await, begin(&*store, 2, "private", at(0)).await);
    store.claim(&claimed.session.id, at(1)).await.unwrap();
    for login in [pending, claimed] {
        let end = async |outcome, detail: &str, seconds| {
            store
                .end(&login.session.id, outcome, LoginDetail::new(detail).as_ref(), &author(at(seconds)))
                .await
                .unwrap()
        };
        assert!(end(LoginOutcome::Cancelled, "first: <b>", 2).await);
        assert!(!end(LoginOutcome::Completed, "second", 3).await);
        assert_eq!(store.find(&login.state_digest).await.unwrap().unwrap().detail, LoginDetail::new("first: <b>"));
        assert_eq!(progress(&*store, &login).await, Some((LoginProgress::Ended(LoginOutcome::Cancelled), at(2))));
    }
    assert!(!store.end(&LoginId::from_bytes([9; 16]), LoginOutcome::Denied, None, &author(at(4))).await.unwrap());
}

async fn of_concurrent_ends_one_succeeds(fixture: impl Fixture) {
    let pending = begin(&*fixture.store(), 1, "work", at(0)).await;
    let mut calls = JoinSet::new();
    // `ConfirmationNeeded` does not end a login.
    for &outcome in LoginOutcome::ALL.iter().filter(|outcome| **outcome != LoginOutcome::ConfirmationNeeded) {
        let (store, id) = (fixture.store(), pending.session.id.clone());
        calls.spawn(
            async move { (outcome, store.end(&id, outcome, None, &author(at(5))).await.expect("no store error")) },
        );
    }
    let ended: Vec<_> = calls.join_all().await.into_iter().filter(|(_, ended)| *ended).collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(progress(&*fixture.store(), &pending).await, Some((LoginProgress::Ended(ended[0].0), at(5))));
}

async fn a_cancellation_ends_every_open_login_of_the_account(fixture: impl Fixture) {
    let store = fixture.store();
    let of_alice = begin(&*store, 1, "work", at(0)).await;
    let (of_bob, of_carol) = (login(2, "work", "bob", at(0)), login(3, "work", "carol", at(0)));
    store.begin(&of_bob, &author(at(0))).await.unwrap();
    store.begin(&of_carol, &author(at(0))).await.unwrap();
    store.claim(&of_carol.session.id, at(1)).await.unwrap();
    let of_another_account = begin(&*store, 4, "private", at(0)).await;

    assert_eq!(store.cancel_all(&name("work"), &author(at(2))).await.unwrap(), 3);
    assert_eq!(store.cancel_all(&name("work"), &author(at(3))).await.unwrap(), 0);
    let cancelled = Some((LoginProgress::Ended(LoginOutcome::Cancelled), at(2)));
    for login in [&of_alice, &of_bob, &of_carol] {
        assert_eq!(progress(&*store, login).await, cancelled);
    }
    assert_eq!(progress(&*store, &of_another_account).await, Some((LoginProgress::Pending, at(0))));
}

async fn a_sweep_ends_expired_logins_at_their_expiry_time(fixture: impl Fixture) {
    let store = fixture.store();
    let overdue = begin(&*store, 1, "work", at(0)).await;
    let in_time = begin(&*store, 2, "private", at(1)).await;
    let denied = begin(&*store, 3, "other", at(0)).await;
    store.end(&denied.session.id, LoginOutcome::Denied, None, &author(at(1))).await.unwrap();

    // The samples' logins expire after 360 s.
    assert_eq!(store.sweep(STUCK_AFTER, KEEP, &author(at(359))).await.unwrap(), 0);
    assert_eq!(progress(&*store, &overdue).await, Some((LoginProgress::Pending, at(0))));
    assert_eq!(store.sweep(STUCK_AFTER, KEEP, &author(at(360))).await.unwrap(), 1);
    assert_eq!(progress(&*store, &overdue).await, Some((LoginProgress::Ended(LoginOutcome::Expired), at(360))));
    assert_eq!(progress(&*store, &in_time).await, Some((LoginProgress::Pending, at(1))));
    assert_eq!(progress(&*store, &denied).await, Some((LoginProgress::Ended(LoginOutcome::Denied), at(1))));
    assert_eq!(store.sweep(STUCK_AFTER, KEEP, &author(at(10_000))).await.unwrap(), 1);
    assert_eq!(progress(&*store, &in_time).await, Some((LoginProgress::Ended(LoginOutcome::Expired), at(361))));
}

async fn a_sweep_ends_stuck_exchanges(fixture: impl Fixture) {
    let store = fixture.store();
    let stuck = begin(&*store, 1, "work", at(0)).await;
    let in_progress = begin(&*store, 2, "private", at(0)).await;
    store.claim(&stuck.session.id, at(10)).await.unwrap();
    store.claim(&in_progress.session.id, at(11)).await.unwrap();

    // An exchange is stuck only after more than `STUCK_AFTER`.
    assert_eq!(store.sweep(STUCK_AFTER, KEEP, &author(at(130))).await.unwrap(), 0);
    assert_eq!(store.sweep(STUCK_AFTER, KEEP, &author(at(131))).await.unwrap(), 1);
    assert_eq!(progress(&*store, &stuck).await, Some((LoginProgress::Ended(LoginOutcome::Interrupted), at(131))));
    assert_eq!(progress(&*store, &in_progress).await, Some((LoginProgress::Exchanging, at(11))));
}

async fn a_sweep_deletes_logins_that_ended_long_ago(fixture: impl Fixture) {
    let store = fixture.store();
    let keep = i64::try_from(KEEP.as_secs()).unwrap();
    let [old, recent] = [begin(&*store, 1, "work", at(0)).await, begin(&*store, 2, "private", at(0)).await];
    store.end(&old.session.id, LoginOutcome::Completed, None, &author(at(10))).await.unwrap();
    store.end(&recent.session.id, LoginOutcome::Denied, None, &author(at(11))).await.unwrap();
    let open = begin(&*store, 3, "other", at(keep)).await;

    assert_eq!(store.sweep(STUCK_AFTER, KEEP, &author(at(10 + keep))).await.unwrap(), 0);
    assert!(progress(&*store, &old).await.is_some(), "the login is kept for the whole period");
    assert_eq!(
        store.sweep(STUCK_AFTER, KEEP, &author(at(11 + keep))).await.unwrap(),
        0,
        "a deleted login does not count as ended"
    );
    assert_eq!(progress(&*store, &old).await, None);
    assert_eq!(progress(&*store, &recent).await, Some((LoginProgress::Ended(LoginOutcome::Denied), at(11))));
    assert_eq!(progress(&*store, &open).await, Some((LoginProgress::Pending, at(keep))));
}

async fn ended_logins_are_listed_newest_first(fixture: impl Fixture) {
    let store = fixture.store();
    let mut ended = Vec::new();
    for (number, account, seconds) in [(1, "work", 30), (2, "private", 10), (3, "third", 20)] {
        let login = begin(&*store, number, account, at(0)).await;
        store.end(&login.session.id, LoginOutcome::Denied, None, &author(at(seconds))).await.unwrap();
        ended.push((seconds, login.session.id));
    }
    begin(&*store, 4, "waiting", at(0)).await;
    let claimed = begin(&*store, 5, "exchanging", at(0)).await;
    store.claim(&claimed.session.id, at(1)).await.unwrap();
    ended.sort_by_key(|(seconds, _)| *seconds);
    let expected: Vec<_> = ended.into_iter().rev().map(|(_, id)| id).collect();
    let newest_ended = async |limit| -> Vec<LoginId> {
        store.ended(limit).await.unwrap().into_iter().map(|login| login.session.id).collect()
    };
    assert_eq!((newest_ended(9).await, newest_ended(2).await.as_slice()), (expected.clone(), &expected[..2]));
}
