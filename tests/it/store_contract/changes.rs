//! Contract of `ChangeFeed`: a change replaces the mark of its subject and no other mark.

use goclaw::{
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, Lineage, NewToken, SealedApiToken},
        ids::{DisplayName, KeyId},
        keys::KeyCheck,
        login_outcome::LoginOutcome,
        refresh::{LeaseId, RefreshEvent, RefreshPolicy, RefreshTrigger, TokenVersion},
        sealed_secret::SealedSecret,
    },
    ports::{ChangeFeed, ChangeMarks, KeyStore, LoginStore, ProfileChange, TokenStore},
};

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, login, name},
};

contract!(
    reading_leaves_all_marks_unchanged,
    every_change_of_an_account_replaces_only_the_accounts_mark,
    every_change_of_an_api_token_replaces_only_the_api_tokens_mark,
    every_change_of_a_login_replaces_only_the_logins_mark,
    a_new_key_check_replaces_only_the_keys_mark,
);

/// Returns the subjects whose marks differ.
fn changed_subjects(before: &ChangeMarks, after: &ChangeMarks) -> Vec<&'static str> {
    let subjects = [
        ("accounts", before.accounts == after.accounts),
        ("logins", before.logins == after.logins),
        ("api_tokens", before.api_tokens == after.api_tokens),
        ("keys", before.keys == after.keys),
        ("feedback", before.feedback == after.feedback),
    ];
    subjects.into_iter().filter(|(_, is_same)| !is_same).map(|(subject, _)| subject).collect()
}

/// Reports which marks have changed since the last call.
struct Watch<S>(std::sync::Arc<S>, ChangeMarks);

impl<S: ChangeFeed> Watch<S> {
    async fn of(store: std::sync::Arc<S>) -> Self {
        let marks = store.marks().await.expect("the store works");
        Self(store, marks)
    }

    async fn take_changed(&mut self) -> Vec<&'static str> {
        let now = self.0.marks().await.expect("the store works");
        let changed = changed_subjects(&self.1, &now);
        self.1 = now;
        changed
    }
}

async fn reading_leaves_all_marks_unchanged(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let mut watch = Watch::of(fixture.store()).await;
    store.list().await.unwrap();
    store.load(&name("work")).await.unwrap();
    fixture.api_tokens().list().await.unwrap();
    assert!(watch.take_changed().await.is_empty());
}

async fn every_change_of_an_account_replaces_only_the_accounts_mark(fixture: impl Fixture) {
    let store = fixture.store();
    let mut watch = Watch::of(fixture.store()).await;
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["accounts"], "the store has no login to complete");
    let off = ProfileChange { enabled: Some(false), ..ProfileChange::default() };
    store.change_profile(&name("work"), &off, &author(at(1))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["accounts"]);
    let seen = TokenVersion::first_of(credential(1, "work").login_id);
    let begin = RefreshEvent::Begin { seen, lease: LeaseId::from_bytes([1; 16]), trigger: RefreshTrigger::Now };
    store.advance(&name("work"), &begin, &RefreshPolicy::default(), at(2)).await.unwrap();
    assert_eq!(watch.take_changed().await, ["accounts"]);
    store.advance(&name("work"), &begin, &RefreshPolicy::default(), at(2)).await.unwrap();
    assert!(watch.take_changed().await.is_empty(), "repeating the step changes nothing");
    store.remove(&name("work"), None, &author(at(3))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["accounts"]);
}

async fn every_change_of_an_api_token_replaces_only_the_api_tokens_mark(fixture: impl Fixture) {
    let (tokens, mut watch) = (fixture.api_tokens(), Watch::of(fixture.store()).await);
    let display_name = DisplayName::parse("page").unwrap();
    let new = NewToken::session(display_name, Lineage::default());
    let (token, _) = ApiToken::issue(ApiTokenId::from_bytes([1; 16]), new, &[1; ENTROPY], at(0));
    let mark = Some(SealedSecret::from_stored("v2:key:mark".to_owned()));
    tokens.put(&SealedApiToken { token: token.clone(), mark: mark.clone() }, &author(at(0))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["api_tokens"]);
    tokens.extend(&SealedApiToken { token: token.clone().extended(at(60)), mark }).await.unwrap();
    assert_eq!(watch.take_changed().await, ["api_tokens"]);
    tokens.remove(&token.id, &author(at(0))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["api_tokens"]);
}

async fn every_change_of_a_login_replaces_only_the_logins_mark(fixture: impl Fixture) {
    let store = fixture.store();
    let (pending, mut watch) = (login(1, "work", "alice", at(0)), Watch::of(fixture.store()).await);
    store.begin(&pending, &author(at(0))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["logins"]);
    store.claim(&pending.session.id, at(1)).await.unwrap();
    assert_eq!(watch.take_changed().await, ["logins"]);
    store.end(&pending.session.id, LoginOutcome::Cancelled, None, &author(at(2))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["logins"]);
}

async fn a_new_key_check_replaces_only_the_keys_mark(fixture: impl Fixture) {
    let (store, mut watch) = (fixture.store(), Watch::of(fixture.store()).await);
    let check = KeyCheck { key_id: KeyId::new("a"), value: SealedSecret::from_stored("v2:a:check".to_owned()) };
    store.add_key_check(&check, &[], &[], &author(at(0))).await.unwrap();
    assert_eq!(watch.take_changed().await, ["keys"]);
}
