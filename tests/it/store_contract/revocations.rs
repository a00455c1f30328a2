//! Contract of `RevocationQueue`, of the revocations that `TokenStore` queues, and of saving an ended or older login.

use std::time::Duration;

use goclaw::{
    domain::{
        credential::NewSealedCredential,
        ids::LoginId,
        login_outcome::{LoginOutcome, LoginProgress},
        refresh::TokenVersion,
        revocation::{PendingRevocation, RevocationId, RevocationOrder},
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::{LoginStore, Removal, RevocationQueue, SaveOutcome, TokenStore},
};
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, login, name},
};

contract!(
    a_removed_account_s_token_is_queued_only_on_request,
    an_account_with_another_token_version_is_neither_removed_nor_replaced,
    a_new_login_queues_the_replaced_token_only_on_request,
    a_revocation_is_taken_once_and_is_due_again_after_the_pause,
    old_revocations_are_deleted,
    saving_the_tokens_completes_the_login,
    the_tokens_of_an_ended_login_cannot_be_saved,
    an_interrupted_login_is_saved_unless_a_newer_one_or_a_logout_came_first,
    an_older_login_never_replaces_a_newer_one,
);

/// The time after which a taken revocation is due again.
const PAUSE: Duration = Duration::from_secs(300);

/// Returns the order `number` to revoke the token of a login of the account "work".
pub(super) fn revocation_order(number: u8, login_id: LoginId, queued_at: Timestamp) -> RevocationOrder {
    let session = login(number, "work", "alice", at(0)).session;
    RevocationOrder {
        version: TokenVersion::first_of(login_id.clone()),
        revocation: PendingRevocation {
            id: id(number),
            name: session.name,
            provider_type: session.provider_type,
            login_id,
            token: SealedSecret::from_stored(format!("v2:key:queued-{number}")),
            client: session.client,
            user_id: number.is_multiple_of(2).then(|| format!("user-{number}")),
            created_at: queued_at,
        },
    }
}

fn id(number: u8) -> RevocationId {
    RevocationId::from_bytes([number; 16])
}

fn login_id(number: u8) -> LoginId {
    LoginId::from_bytes([number; 16])
}

async fn take_only(store: &impl RevocationQueue, seconds: i64) -> PendingRevocation {
    let due = store.due(at(seconds), 10).await.expect("no store error");
    assert_eq!(due.len(), 1, "{due:?}");
    store.take(&due[0], at(seconds), PAUSE).await.expect("no store error").expect("a due revocation")
}

async fn a_removed_account_s_token_is_queued_only_on_request(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    assert!(matches!(store.remove(&name("work"), None, &author(at(1))).await.unwrap(), Removal::Removed(_)));
    assert_eq!(store.due(at(9), 10).await.unwrap(), []);

    store.save_login(&credential(2, "work"), &author(at(2))).await.unwrap();
    let order = revocation_order(7, login_id(2), at(3));
    assert!(matches!(store.remove(&name("work"), Some(&order), &author(at(3))).await.unwrap(), Removal::Removed(_)));
    assert_eq!(take_only(&*store, 3).await, order.revocation);
    let again =
        store.remove(&name("work"), Some(&revocation_order(8, login_id(2), at(4))), &author(at(4))).await.unwrap();
    assert_eq!(again, Removal::Absent);
    assert_eq!(store.due(at(4), 10).await.unwrap(), [], "no account was removed");
}

async fn an_account_with_another_token_version_is_neither_removed_nor_replaced(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let before = store.load(&name("work")).await.unwrap();
    let later = TokenVersion::first_of(login_id(1)).next();
    for outdated in [
        revocation_order(7, login_id(2), at(1)),
        RevocationOrder { version: later, ..revocation_order(8, login_id(1), at(1)) },
    ] {
        assert_eq!(store.remove(&name("work"), Some(&outdated), &author(at(1))).await.unwrap(), Removal::Changed);
        let new = NewSealedCredential { superseded: Some(outdated), ..credential(3, "work") };
        assert_eq!(store.save_login(&new, &author(at(1))).await.unwrap(), SaveOutcome::Changed);
    }
    assert_eq!(store.load(&name("work")).await.unwrap(), before);
    assert_eq!(store.all().await.unwrap(), []);
}

async fn a_new_login_queues_the_replaced_token_only_on_request(fixture: impl Fixture) {
    let store = fixture.store();
    let superseding = |number, superseded| NewSealedCredential {
        superseded: Some(revocation_order(number, login_id(superseded), at(2))),
        ..credential(number, "work")
    };
    store.save_login(&superseding(1, 9), &author(at(0))).await.unwrap();
    assert_eq!(store.due(at(9), 10).await.unwrap(), [], "no token was replaced");
    store.save_login(&credential(2, "work"), &author(at(1))).await.unwrap();
    assert_eq!(store.due(at(9), 10).await.unwrap(), []);
    store.save_login(&superseding(3, 2), &author(at(2))).await.unwrap();
    assert_eq!(store.all().await.unwrap(), [revocation_order(3, login_id(2), at(2)).revocation]);
}

async fn a_revocation_is_taken_once_and_is_due_again_after_the_pause(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    store.remove(&name("work"), Some(&revocation_order(7, login_id(1), at(0))), &author(at(0))).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let store = fixture.store();
        calls.spawn(async move { store.take(&id(7), at(1), PAUSE).await.expect("no store error").is_some() });
    }
    assert_eq!(calls.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
    assert_eq!(store.due(at(300), 10).await.unwrap(), []);
    let taken = take_only(&*store, 301).await;
    store.put(&taken).await.unwrap();
    assert_eq!(store.due(at(400), 10).await.unwrap(), [], "the id is already queued");
    for _ in 0..2 {
        store.delete(&taken.id).await.unwrap();
        assert_eq!(store.due(at(9_999), 10).await.unwrap(), []);
    }
    store.put(&taken).await.unwrap();
    assert_eq!(take_only(&*store, 0).await, taken);
}

async fn old_revocations_are_deleted(fixture: impl Fixture) {
    let store = fixture.store();
    for number in [1, 2] {
        store.save_login(&credential(number, "work"), &author(at(0))).await.unwrap();
        let queued_at = at(i64::from(number));
        store
            .remove(&name("work"), Some(&revocation_order(number, login_id(number), queued_at)), &author(queued_at))
            .await
            .unwrap();
    }
    assert_eq!(store.due(at(9), 1).await.unwrap(), [id(1)], "the oldest first, up to the limit");
    assert_eq!(store.delete_queued_before(at(2)).await.unwrap(), 1);
    assert_eq!(store.due(at(9), 10).await.unwrap(), [id(2)]);
}

async fn saving_the_tokens_completes_the_login(fixture: impl Fixture) {
    let store = fixture.store();
    let pending = login(1, "work", "alice", at(0));
    store.begin(&pending, &author(at(0))).await.unwrap();
    store.claim(&pending.session.id, at(1)).await.unwrap();
    assert!(matches!(store.save_login(&credential(1, "work"), &author(at(2))).await.unwrap(), SaveOutcome::Saved(_)));
    let found = store.find(&pending.state_digest).await.unwrap().expect("a login");
    assert_eq!((found.progress, found.progress_since), (LoginProgress::Ended(LoginOutcome::Completed), at(2)));
}

async fn the_tokens_of_an_ended_login_cannot_be_saved(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(9, "work"), &author(at(0))).await.unwrap();
    let before = store.load(&name("work")).await.unwrap();
    let pending = login(1, "work", "alice", at(0));
    store.begin(&pending, &author(at(0))).await.unwrap();
    let late =
        NewSealedCredential { superseded: Some(revocation_order(1, login_id(9), at(0))), ..credential(1, "work") };
    // Tokens of a login whose code was not claimed cannot be saved either.
    assert_eq!(
        store.save_login(&late, &author(at(1))).await.unwrap(),
        SaveOutcome::LoginEnded(LoginOutcome::Interrupted)
    );
    store.claim(&pending.session.id, at(1)).await.unwrap();
    store.cancel_all(&name("work"), &author(at(2))).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            store.save_login(&late, &author(at(3))).await.unwrap(),
            SaveOutcome::LoginEnded(LoginOutcome::Cancelled)
        );
    }
    assert_eq!(store.load(&name("work")).await.unwrap(), before, "the account is unchanged");
    assert_eq!(store.due(at(9), 10).await.unwrap(), []);
}

/// Another replica sweeps the logins before the replica with their tokens can save them.
async fn an_interrupted_login_is_saved_unless_a_newer_one_or_a_logout_came_first(fixture: impl Fixture) {
    let store = fixture.store();
    let (hour, save) = (Duration::from_secs(3600), async |number: u8, account: &str, seconds| {
        store.save_login(&credential(number, account), &author(at(seconds))).await.unwrap()
    });
    for (number, account) in [(1, "work"), (2, "private"), (3, "other")] {
        let swept = login(number, account, "alice", at(0));
        store.begin(&swept, &author(at(0))).await.unwrap();
        store.claim(&swept.session.id, at(1)).await.unwrap();
    }
    assert_eq!(store.sweep(Duration::from_secs(120), hour, &author(at(200))).await.unwrap(), 3);
    let newer = login(4, "private", "alice", at(201));
    store.begin(&newer, &author(at(201))).await.unwrap();
    store.claim(&newer.session.id, at(202)).await.unwrap();
    assert!(matches!(save(4, "private", 203).await, SaveOutcome::Saved(_)));
    assert_eq!(store.cancel_all(&name("other"), &author(at(204))).await.unwrap(), 0);

    assert!(matches!(save(1, "work", 205).await, SaveOutcome::Saved(_)));
    for (number, account) in [(2, "private"), (3, "other")] {
        assert_eq!(save(number, account, 206).await, SaveOutcome::LoginEnded(LoginOutcome::Cancelled), "{account}");
    }
}

async fn an_older_login_never_replaces_a_newer_one(fixture: impl Fixture) {
    let store = fixture.store();
    let logins = [(1, "alice"), (2, "bob"), (3, "carol")].map(|(number, who)| login(number, "work", who, at(0)));
    for (seconds, login) in (1..).zip(&logins) {
        store.begin(login, &author(at(0))).await.unwrap();
        store.claim(&login.session.id, at(seconds)).await.unwrap();
    }
    let of_another_account = login(4, "private", "alice", at(0));
    store.begin(&of_another_account, &author(at(0))).await.unwrap();
    store.claim(&of_another_account.session.id, at(1)).await.unwrap();

    let save =
        async |number, seconds| store.save_login(&credential(number, "work"), &author(at(seconds))).await.unwrap();
    assert!(matches!(save(2, 5).await, SaveOutcome::Saved(_)));
    assert_eq!(
        save(1, 6).await,
        SaveOutcome::LoginEnded(LoginOutcome::Cancelled),
        "the login's exchange began earlier"
    );
    let stored = store.load(&name("work")).await.unwrap().expect("an account");
    assert_eq!(*stored.login_id(), LoginId::from_bytes([2; 16]));
    assert!(matches!(save(3, 7).await, SaveOutcome::Saved(_)), "the login's exchange began later");
    let saved = store.save_login(&credential(4, "private"), &author(at(8))).await.unwrap();
    assert!(matches!(saved, SaveOutcome::Saved(_)), "another account is independent");
}
