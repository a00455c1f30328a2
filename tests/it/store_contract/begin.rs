//! Contract of `LoginStore`: starting and finding logins.

use goclaw::{
    domain::{
        ids::{Principal, StateDigest},
        login::SealedLogin,
        login_outcome::{LoginOutcome, LoginProgress},
    },
    ports::{BeginOutcome, ClaimOutcome, LoginStore},
};
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{LIFETIME, at, author, login, name},
};

contract!(
    a_login_is_found_by_its_state_unchanged,
    a_second_begin_returns_the_first_login_and_stores_nothing,
    concurrent_begins_leave_one_open_login,
    logins_of_other_principals_and_accounts_are_independent,
    an_expired_login_does_not_block_a_new_one,
    a_claimed_or_ended_login_does_not_block_a_new_one,
    a_login_is_found_at_every_stage_of_its_progress,
    latest_returns_the_principal_s_newest_login_of_the_account,
    open_logins_lists_the_pending_unexpired_logins,
);

async fn begin(store: &impl LoginStore, login: &SealedLogin) -> BeginOutcome {
    store.begin(login, &author(login.session.started_at)).await.expect("it begins")
}

async fn find(store: &impl LoginStore, login: &SealedLogin) -> Option<SealedLogin> {
    store.find(&login.state_digest).await.expect("no store error")
}

async fn a_login_is_found_by_its_state_unchanged(fixture: impl Fixture) {
    let store = fixture.store();
    let first = login(1, "work", "alice", at(0));
    assert_eq!(find(&*store, &first).await, None);
    assert_eq!(begin(&*store, &first).await, BeginOutcome::Begun);
    assert_eq!(find(&*store, &first).await, Some(first));
    assert_eq!(store.find(&StateDigest::from_stored("digest-".into())).await.unwrap(), None);
}

async fn a_second_begin_returns_the_first_login_and_stores_nothing(fixture: impl Fixture) {
    let store = fixture.store();
    let (first, second) = (login(1, "work", "alice", at(0)), login(2, "work", "alice", at(1)));
    begin(&*store, &first).await;
    assert_eq!(begin(&*store, &second).await, BeginOutcome::AlreadyPending(Box::new(first.clone())));
    assert_eq!(find(&*store, &second).await, None);
    assert_eq!(store.open_logins(at(1)).await.unwrap(), [first]);
}

async fn concurrent_begins_leave_one_open_login(fixture: impl Fixture) {
    const CALLS: u8 = 20;
    let mut calls = JoinSet::new();
    for number in 1..=CALLS {
        let store = fixture.store();
        calls.spawn(async move { begin(&*store, &login(number, "work", "alice", at(0))).await });
    }
    let outcomes = calls.join_all().await;
    let open = fixture.store().open_logins(at(0)).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == BeginOutcome::Begun).count(), 1);
    let same = BeginOutcome::AlreadyPending(Box::new(open[0].clone()));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == same).count(), usize::from(CALLS) - 1);
}

async fn logins_of_other_principals_and_accounts_are_independent(fixture: impl Fixture) {
    let store = fixture.store();
    let logins =
        [login(1, "work", "alice", at(0)), login(2, "work", "bob", at(0)), login(3, "private", "alice", at(0))];
    for login in &logins {
        assert_eq!(begin(&*store, login).await, BeginOutcome::Begun);
    }
    for login in &logins {
        assert_eq!(find(&*store, login).await.as_ref(), Some(login));
    }
}

async fn an_expired_login_does_not_block_a_new_one(fixture: impl Fixture) {
    let store = fixture.store();
    let first = login(1, "work", "alice", at(0));
    begin(&*store, &first).await;
    let end = first.session.expires_at;
    // The samples' logins expire after 360 s.
    let too_early = login(2, "work", "alice", at(359));
    assert!(matches!(begin(&*store, &too_early).await, BeginOutcome::AlreadyPending(_)));

    let second = login(3, "work", "alice", end);
    assert_eq!(begin(&*store, &second).await, BeginOutcome::Begun);
    let first = find(&*store, &first).await.unwrap();
    assert_eq!((first.progress, first.progress_since), (LoginProgress::Ended(LoginOutcome::Expired), end));
    assert_eq!(store.open_logins(end).await.unwrap(), [second]);
}

async fn a_claimed_or_ended_login_does_not_block_a_new_one(fixture: impl Fixture) {
    let store = fixture.store();
    let [first, second, third] = [1, 2, 3].map(|number| login(number, "work", "alice", at(i64::from(number))));
    begin(&*store, &first).await;
    assert_eq!(store.claim(&first.session.id, at(1)).await.unwrap(), ClaimOutcome::Claimed);
    assert_eq!(begin(&*store, &second).await, BeginOutcome::Begun);
    assert!(store.end(&second.session.id, LoginOutcome::Cancelled, None, &author(at(2))).await.unwrap());
    assert_eq!(begin(&*store, &third).await, BeginOutcome::Begun);
    assert_eq!(find(&*store, &first).await.unwrap().progress, LoginProgress::Exchanging);
}

async fn a_login_is_found_at_every_stage_of_its_progress(fixture: impl Fixture) {
    let store = fixture.store();
    let mut expected = login(1, "work", "alice", at(0));
    begin(&*store, &expected).await;
    store.claim(&expected.session.id, at(3)).await.unwrap();
    (expected.progress, expected.progress_since) = (LoginProgress::Exchanging, at(3));
    assert_eq!(find(&*store, &expected).await.as_ref(), Some(&expected));
    assert!(store.end(&expected.session.id, LoginOutcome::Completed, None, &author(at(4))).await.unwrap());
    (expected.progress, expected.progress_since) = (LoginProgress::Ended(LoginOutcome::Completed), at(4));
    assert_eq!(find(&*store, &expected).await, Some(expected));

    // `ConfirmationNeeded` does not end a login.
    let ends = LoginOutcome::ALL.iter().filter(|outcome| **outcome != LoginOutcome::ConfirmationNeeded);
    for (number, &outcome) in (10..).zip(ends) {
        let ended = login(number, "work", "alice", at(i64::from(number)));
        begin(&*store, &ended).await;
        store.end(&ended.session.id, outcome, None, &author(at(20))).await.unwrap();
        assert_eq!(find(&*store, &ended).await.unwrap().progress, LoginProgress::Ended(outcome));
    }
}

async fn latest_returns_the_principal_s_newest_login_of_the_account(fixture: impl Fixture) {
    let store = fixture.store();
    let latest = async |principal: &str| {
        let latest = store.latest(&name("work"), &Principal::named(principal)).await.unwrap();
        latest.map(|login| login.state_digest.as_str().to_owned())
    };
    assert_eq!(latest("alice").await, None);
    // The login with the highest id is neither the newest nor the last one stored.
    for (number, seconds) in [(9, 0), (2, 30), (3, 20)] {
        let login = login(number, "work", "alice", at(seconds));
        begin(&*store, &login).await;
        store.end(&login.session.id, LoginOutcome::Denied, None, &author(at(seconds))).await.unwrap();
    }
    begin(&*store, &login(4, "work", "bob", at(40))).await;
    begin(&*store, &login(5, "private", "alice", at(50))).await;
    assert_eq!(latest("alice").await.as_deref(), Some("digest-2"));
    assert_eq!(latest("bob").await.as_deref(), Some("digest-4"));
    assert_eq!(latest("carol").await, None);
}

async fn open_logins_lists_the_pending_unexpired_logins(fixture: impl Fixture) {
    let store = fixture.store();
    let accounts = ["pending", "claimed", "ended", "later"];
    let [pending, claimed, ended, later] = [0, 1, 2, 3]
        .map(|index: u8| login(index, accounts[usize::from(index)], "alice", at(if index == 3 { 100 } else { 0 })));
    for login in [&pending, &claimed, &ended, &later] {
        begin(&*store, login).await;
    }
    store.claim(&claimed.session.id, at(1)).await.unwrap();
    store.end(&ended.session.id, LoginOutcome::Denied, None, &author(at(1))).await.unwrap();
    let open = async |seconds| {
        let mut open = store.open_logins(at(seconds)).await.unwrap();
        open.sort_by_key(|login| login.session.started_at);
        open
    };
    assert_eq!(open(359).await, [pending, later.clone()]);
    assert_eq!(open(360).await, [later], "a login is not open at its expiry time");
    assert_eq!(open(100 + i64::try_from(LIFETIME.as_secs()).unwrap()).await, []);
}
