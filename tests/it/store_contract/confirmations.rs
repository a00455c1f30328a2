//! Contract of unconfirmed logins. They keep their tokens until the owner confirms or declines, which succeeds once.

use goclaw::{
    domain::{
        confirmation::Replaces,
        credential::NewSealedCredential,
        ids::LoginId,
        login::SealedLogin,
        login_outcome::{LoginOutcome, LoginProgress},
        sealed_secret::SealedSecret,
    },
    ports::{LoginStore, RevocationQueue, SaveOutcome, TokenStore},
};

use super::{
    contract,
    fixtures::Fixture,
    revocations::revocation_order,
    samples::{at, author, credential, login, name},
};

contract!(
    an_unconfirmed_login_keeps_its_tokens_until_the_owner_answers,
    declining_a_login_queues_its_token_once,
    saving_a_login_replaces_only_the_login_that_it_names,
    only_a_confirmation_completes_an_unconfirmed_login,
);

fn tokens() -> SealedSecret {
    SealedSecret::from_stored("v2:key:tokens".to_owned())
}

fn id(number: u8) -> LoginId {
    LoginId::from_bytes([number; 16])
}

/// Stores an unconfirmed login `number` of the account "work".
async fn store_unconfirmed(store: &impl LoginStore, number: u8) -> SealedLogin {
    let pending = login(number, "work", "alice", at(0));
    store.begin(&pending, &author(at(0))).await.unwrap();
    store.claim(&pending.session.id, at(1)).await.unwrap();
    assert!(store.keep_unconfirmed(&pending.session.id, &tokens(), at(2)).await.unwrap());
    store.by_id(&pending.session.id).await.unwrap().expect("the login is stored")
}

async fn an_unconfirmed_login_keeps_its_tokens_until_the_owner_answers(fixture: impl Fixture) {
    let store = fixture.store();
    let pending = login(1, "work", "alice", at(0));
    store.begin(&pending, &author(at(0))).await.unwrap();
    assert!(!store.keep_unconfirmed(&id(1), &tokens(), at(1)).await.unwrap(), "a pending login has no tokens yet");
    assert_eq!(store.unsettled().await.unwrap(), []);
    store.claim(&id(1), at(1)).await.unwrap();
    assert_eq!(store.unsettled().await.unwrap().len(), 1);
    assert!(store.keep_unconfirmed(&id(1), &tokens(), at(2)).await.unwrap());
    assert!(!store.keep_unconfirmed(&id(1), &tokens(), at(3)).await.unwrap(), "a second call changes nothing");
    let kept = store.by_id(&id(1)).await.unwrap().expect("the login is stored");
    assert_eq!(
        (kept.progress, kept.progress_since, &kept.tokens),
        (LoginProgress::Unconfirmed, at(2), &Some(tokens()))
    );
    assert_eq!(store.unsettled().await.unwrap(), std::slice::from_ref(&kept));
    let second = std::time::Duration::from_secs(1);
    store.sweep(second, second, &author(at(1_000_000))).await.unwrap();
    assert!(!store.end(&id(1), LoginOutcome::Cancelled, None, &author(at(9))).await.unwrap());
    assert_eq!(store.cancel_all(&name("work"), &author(at(9))).await.unwrap(), 0);
    assert_eq!((store.by_id(&id(1)).await.unwrap(), store.ended(9).await.unwrap()), (Some(kept), vec![]));
    assert_eq!(store.by_id(&id(2)).await.unwrap(), None);
}

async fn declining_a_login_queues_its_token_once(fixture: impl Fixture) {
    let store = fixture.store();
    store_unconfirmed(&*store, 1).await;
    let revocation = revocation_order(4, id(1), at(3)).revocation;
    assert!(store.decline(&id(1), LoginOutcome::Expired, Some(&revocation), &author(at(3))).await.unwrap());
    let again = revocation_order(6, id(1), at(4)).revocation;
    assert!(!store.decline(&id(1), LoginOutcome::Cancelled, Some(&again), &author(at(4))).await.unwrap());
    assert_eq!(store.all().await.unwrap(), [revocation]);
    let ended = store.by_id(&id(1)).await.unwrap().expect("the login is stored");
    assert_eq!((ended.progress, ended.tokens), (LoginProgress::Ended(LoginOutcome::Expired), None));
    store_unconfirmed(&*store, 2).await;
    assert!(store.decline(&id(2), LoginOutcome::Cancelled, None, &author(at(5))).await.unwrap());
    assert_eq!(store.all().await.unwrap().len(), 1);
}

async fn saving_a_login_replaces_only_the_login_that_it_names(fixture: impl Fixture) {
    let store = fixture.store();
    let new_credential = |number, replaces| NewSealedCredential { replaces, ..credential(number, "work") };
    let refused = store.save_login(&new_credential(1, Replaces::Only(Some(id(9)))), &author(at(0))).await.unwrap();
    assert_eq!(refused, SaveOutcome::OtherLogin);
    for (number, replaces) in [(1, Replaces::Only(None)), (2, Replaces::Only(Some(id(1)))), (3, Replaces::Any)] {
        assert!(matches!(
            store.save_login(&new_credential(number, replaces), &author(at(1))).await.unwrap(),
            SaveOutcome::Saved(_)
        ));
    }
    let before = store.load(&name("work")).await.unwrap();
    for replaces in [Replaces::Only(None), Replaces::Only(Some(id(1))), Replaces::Confirmed(id(1))] {
        assert_eq!(
            store.save_login(&new_credential(4, replaces), &author(at(2))).await.unwrap(),
            SaveOutcome::OtherLogin
        );
    }
    assert_eq!(store.load(&name("work")).await.unwrap(), before);
}

async fn only_a_confirmation_completes_an_unconfirmed_login(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    store_unconfirmed(&*store, 2).await;
    let new_credential = |replaces| NewSealedCredential { replaces, ..credential(2, "work") };
    for replaces in [Replaces::Any, Replaces::Only(Some(id(1)))] {
        let refused = store.save_login(&new_credential(replaces), &author(at(3))).await.unwrap();
        assert_eq!(refused, SaveOutcome::LoginEnded(LoginOutcome::ConfirmationNeeded));
    }
    let saved = store.save_login(&new_credential(Replaces::Confirmed(id(1))), &author(at(4))).await.unwrap();
    assert!(matches!(saved, SaveOutcome::Saved(_)), "{saved:?}");
    let ended = store.by_id(&id(2)).await.unwrap().expect("the login is stored");
    assert_eq!((ended.progress, ended.tokens), (LoginProgress::Ended(LoginOutcome::Completed), None));
    let again = store.save_login(&new_credential(Replaces::Confirmed(id(2))), &author(at(5))).await.unwrap();
    assert_eq!(again, SaveOutcome::LoginEnded(LoginOutcome::Completed));
}
