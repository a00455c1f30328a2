//! Contract of `TokenStore::feedback` and `put_feedback`.

use goclaw::{
    domain::{
        history::EventKind,
        provider_feedback::{FeedbackSource, PlanLimit, ProviderCode, ProviderFeedback},
        refresh::{LeaseId, RefreshEvent, RefreshPolicy, RefreshTrigger, TokenState, TokenVersion},
    },
    ports::{ChangeFeed, CredentialHistory, StoredFeedback, TokenStore},
};

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, name},
};

contract!(
    feedback_of_the_current_login_is_kept,
    feedback_and_a_refresh_do_not_touch_each_other,
    a_refusal_is_recorded_once_in_ten_minutes,
);

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

async fn a_refusal_is_recorded_once_in_ten_minutes(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let revision = store.load(&name("work")).await.unwrap().expect("the account").revision;
    let refused = |code| {
        let mut said = limited(1, "work");
        said.feedback.note_refusal(ProviderCode::new(code), FeedbackSource::Prompt);
        said
    };
    let gone = limited(1, "work");
    for (said, seconds, recorded) in [
        (refused("gone"), 1, Some("gone")),
        (refused("gone"), 700, None),
        (gone.clone(), 701, None),
        (refused("gone"), 702, Some("gone")),
        (gone.clone(), 703, None),
        (refused("gone"), 704, None),
        (refused("else"), 705, Some("else")),
        (refused("gone"), 706, None),
    ] {
        let event = store.put_feedback(&said, at(seconds)).await.unwrap();
        let code = event.as_ref().and_then(|event| event.code.as_ref()).map(|code| code.as_str().to_owned());
        assert_eq!(code.as_deref(), recorded, "after {seconds} s");
        if let Some(event) = event {
            assert_eq!((event.kind, event.cause), (EventKind::Refused, None));
            assert_eq!(store.newest(1).await.unwrap(), [event]);
        }
    }
    assert_eq!(store.load(&name("work")).await.unwrap().expect("the account").revision, revision);
}
