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
    only_feedback_of_the_current_login_is_stored,
    feedback_does_not_change_the_account_s_row_or_mark,
    a_refusal_with_one_code_is_recorded_at_most_once_in_ten_minutes,
);

/// Returns feedback about the login `number` of an account: a plan limit that ends at `at(600)`.
fn plan_limit_feedback(number: u8, account: &str) -> StoredFeedback {
    let mut feedback = ProviderFeedback::default();
    feedback.note_limit(PlanLimit { window: Some("primary".to_owned()), until: Some(at(600)) });
    StoredFeedback { name: name(account), login_id: credential(number, account).login_id, feedback }
}

async fn only_feedback_of_the_current_login_is_stored(fixture: impl Fixture) {
    let store = fixture.store();
    store.put_feedback(&plan_limit_feedback(1, "work"), at(0)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [], "the account does not exist");
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    store.put_feedback(&plan_limit_feedback(1, "work"), at(0)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [plan_limit_feedback(1, "work")]);
    store.save_login(&credential(2, "work"), &author(at(1))).await.unwrap();
    let without_limit = StoredFeedback { feedback: ProviderFeedback::default(), ..plan_limit_feedback(1, "work") };
    store.put_feedback(&without_limit, at(2)).await.unwrap();
    assert_eq!(
        store.feedback().await.unwrap(),
        [plan_limit_feedback(1, "work")],
        "late feedback for an earlier login is ignored"
    );
    store.put_feedback(&plan_limit_feedback(2, "work"), at(3)).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), [plan_limit_feedback(2, "work")]);
    store.remove(&name("work"), None, &author(at(4))).await.unwrap();
    assert_eq!(store.feedback().await.unwrap(), []);
}

async fn feedback_does_not_change_the_account_s_row_or_mark(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let seen = TokenVersion::first_of(credential(1, "work").login_id);
    let begin = RefreshEvent::Begin { seen, lease: LeaseId::from_bytes([1; 16]), trigger: RefreshTrigger::Now };
    let begun = store.advance(&name("work"), &begin, &RefreshPolicy::default(), at(1)).await.unwrap();
    let (before, marks) = (begun.credential.expect("the account"), store.marks().await.unwrap());
    assert!(matches!(before.refresh.state, TokenState::Refreshing(_)));
    store.put_feedback(&plan_limit_feedback(1, "work"), at(2)).await.unwrap();
    assert_eq!(store.load(&name("work")).await.unwrap(), Some(before), "the refresh still holds its lease");
    let after = store.marks().await.unwrap();
    assert_eq!((after.accounts == marks.accounts, after.feedback == marks.feedback), (true, false));
}

async fn a_refusal_with_one_code_is_recorded_at_most_once_in_ten_minutes(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let revision = store.load(&name("work")).await.unwrap().expect("the account").revision;
    let with_refusal = |code| {
        let mut stored = plan_limit_feedback(1, "work");
        stored.feedback.note_refusal(ProviderCode::new(code), FeedbackSource::Prompt);
        stored
    };
    let accepted = plan_limit_feedback(1, "work");
    for (stored, seconds, recorded) in [
        (with_refusal("gone"), 1, Some("gone")),
        // The refusal continues, so it is not a new one.
        (with_refusal("gone"), 700, None),
        (accepted.clone(), 701, None),
        (with_refusal("gone"), 702, Some("gone")),
        (accepted.clone(), 703, None),
        (with_refusal("gone"), 704, None),
        (with_refusal("else"), 705, Some("else")),
        (with_refusal("gone"), 706, None),
    ] {
        let event = store.put_feedback(&stored, at(seconds)).await.unwrap();
        let code = event.as_ref().and_then(|event| event.code.as_ref()).map(|code| code.as_str().to_owned());
        assert_eq!(code.as_deref(), recorded, "after {seconds} s");
        if let Some(event) = event {
            assert_eq!((event.kind, event.cause), (EventKind::Refused, None));
            assert_eq!(store.newest(1).await.unwrap(), [event]);
        }
    }
    assert_eq!(store.load(&name("work")).await.unwrap().expect("the account").revision, revision);
}
