//! Contract of `TokenStore::feedback` and `put_feedback`.

use goclaw::{
    domain::{
        provider_feedback::{PlanLimit, ProviderFeedback},
        refresh::{LeaseId, RefreshEvent, RefreshPolicy, RefreshTrigger, TokenState, TokenVersion},
    },
    ports::{ChangeFeed, StoredFeedback, TokenStore},
};

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, name},
};

contract!(feedback_of_the_current_login_is_kept, feedback_and_a_refresh_do_not_touch_each_other);

/// Returns what the provider said to the login `number` of an account.
fn limited(number: u8, account: &str) -> StoredFeedback {
    let mut feedback = ProviderFeedback::default();
    feedback.note_limit(PlanLimit { window: Some("primary".to_owned()), until: Some(at(600)) });
    StoredFeedback { name: name(account), login_id: credential(number, account).login_id, feedback }
}

async fn feedback_of_the_current_login_is_kept(fixture: impl Fixture) {
    let store = fixture.store();
    store.put_feedback(&limited(1, "work"), at(0)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [], "nothing is connected");
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    store.put_feedback(&limited(1, "work"), at(0)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [limited(1, "work")]);
    store.save_login(&credential(2, "work"), &author(at(1))).await.unwrap();
    let passed = StoredFeedback { feedback: ProviderFeedback::default(), ..limited(1, "work") };
    store.put_feedback(&passed, at(2)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [limited(1, "work")], "a late word to an earlier login");
    store.put_feedback(&limited(2, "work"), at(3)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [limited(2, "work")]);
    store.remove(&name("work"), None, &author(at(4))).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), []);
}

async fn feedback_and_a_refresh_do_not_touch_each_other(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let seen = TokenVersion::first_of(credential(1, "work").login_id);
    let begin = RefreshEvent::Begin { seen, lease: LeaseId::from_bytes([1; 16]), trigger: RefreshTrigger::Now };
    let begun = store.advance(&name("work"), &begin, &RefreshPolicy::default(), at(1)).await.unwrap();
    let (before, marks) = (begun.credential.expect("the account"), store.marks().await.unwrap());
    assert!(matches!(before.refresh.state, TokenState::Refreshing(_)));
    store.put_feedback(&limited(1, "work"), at(2)).await.unwrap();
    assert_eq!(store.load(&name("work")).await.unwrap(), Some(before), "the lease is held");
    let after = store.marks().await.unwrap();
    assert_eq!((after.accounts == marks.accounts, after.feedback == marks.feedback), (true, false));
}
