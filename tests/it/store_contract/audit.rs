//! Contract of `AuditLog`, and of the entries that the other stores append.

use std::{collections::BTreeSet, time::Duration};

use goclaw::{
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, NewToken, SealedApiToken},
        audit::{AuditAction, AuditEntry, AuditEvent, Checkpoint},
        ids::{DisplayName, KeyId, LoginId},
        keys::KeyCheck,
        login_outcome::LoginOutcome,
        scope::Scopes,
        sealed::SealContext,
        sealed_secret::SealedSecret,
    },
    ports::{AuditLog, KeyStore, LoginStore, ProfileChange, TokenStore},
};

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, login, name},
};

contract!(
    every_change_has_an_entry_with_its_author,
    every_end_of_a_login_has_one_entry,
    a_call_that_changes_nothing_appends_no_entry,
    concurrent_entries_form_one_chain,
    entries_are_paged_in_both_directions,
    deleting_old_entries_appends_an_entry,
);

/// Returns action, subject and result of all entries, oldest first.
async fn summaries(log: &impl AuditLog) -> Vec<(String, String, String)> {
    let entries = log.oldest(0, 100).await.expect("it is read");
    entries.into_iter().map(|entry| (entry.action, entry.subject, entry.result)).collect()
}

fn token() -> SealedApiToken {
    let new = NewToken::program(DisplayName::parse("editor").expect("a name"), Scopes::default(), None);
    let (token, _) = ApiToken::issue(ApiTokenId::from_bytes([7; 16]), new, &[7; ENTROPY], at(0));
    SealedApiToken { token, mark: None }
}

async fn every_change_has_an_entry_with_its_author(fixture: impl Fixture) {
    let (store, tokens, token) = (fixture.store(), fixture.api_tokens(), token());
    let pending = login(1, "work", "alice", at(0));
    let check = KeyCheck { key_id: KeyId::new("a-key"), value: SealedSecret::from_stored("v2:a-key:x".into()) };
    let change = ProfileChange { display_name: Some("Mine".into()), enabled: Some(false) };
    store.begin(&pending, &author(at(1))).await.unwrap();
    store.end(&pending.session.id, LoginOutcome::Denied, None, &author(at(2))).await.unwrap();
    store.save_login(&credential(2, "work"), &author(at(3))).await.unwrap();
    store.change_profile(&name("work"), &change, &author(at(4))).await.unwrap();
    store.remove(&name("work"), None, &author(at(5))).await.unwrap();
    tokens.put(&token, &author(at(6))).await.unwrap();
    tokens.remove(&token.token.id, &author(at(7))).await.unwrap();
    store.add_key_check(&check, &[], &[], &author(at(8))).await.unwrap();
    let entry = |action: &str, subject: &str, result: &str| (action.to_owned(), subject.to_owned(), result.to_owned());
    let id = token.token.id.as_str();
    let expected = [
        entry("login_started", "work", "done"),
        entry("login_ended", "work", "denied"),
        entry("signed_in", "work", "done"),
        entry("account_changed", "work", "done"),
        entry("signed_out", "work", "done"),
        entry("token_created", id, "done"),
        entry("token_revoked", id, "done"),
        entry("key_added", "a-key", "done"),
    ];
    assert_eq!(summaries(store.as_ref()).await, expected);
    let entries = store.oldest(0, 100).await.unwrap();
    assert!(entries.iter().all(|entry| entry.actor == author(at(0)).actor));
    assert_eq!(entries.iter().map(|entry| entry.at).collect::<Vec<_>>(), (1..=8).map(at).collect::<Vec<_>>());
    assert_eq!(entries[3].detail.as_deref(), Some("display name \"Mine\", switched off"));
}

/// Logins also end by themselves: after their expiry, in a sweep, and when another login of the account is saved.
async fn every_end_of_a_login_has_one_entry(fixture: impl Fixture) {
    let (store, hour) = (fixture.store(), Duration::from_secs(3600));
    let begin = async |number: u8, account: &str, start: i64| {
        let pending = login(number, account, "alice", at(start));
        store.begin(&pending, &author(at(start))).await.unwrap();
        pending.session.id
    };
    begin(1, "work", 0).await;
    let stuck = begin(2, "private", 0).await;
    store.claim(&stuck, at(1)).await.unwrap();
    begin(3, "work", 400).await;
    store.sweep(hour, hour, &author(at(800))).await.unwrap();
    store.sweep(Duration::from_secs(60), hour, &author(at(801))).await.unwrap();
    for (number, account) in [(4, "other"), (5, "work")] {
        store.claim(&begin(number, account, 802).await, at(803)).await.unwrap();
    }
    let newer = login(6, "work", "bob", at(804));
    store.begin(&newer, &author(at(804))).await.unwrap();
    store.claim(&newer.session.id, at(805)).await.unwrap();
    store.save_login(&credential(6, "work"), &author(at(806))).await.unwrap();
    let entries = store.oldest(0, 100).await.unwrap();
    let ends = entries.iter().filter(|entry| entry.action == "login_ended");
    let ends: Vec<_> = ends
        .map(|end| (end.subject.as_str(), end.result.as_str(), end.detail.as_deref(), end.actor.name.as_str(), end.at))
        .collect();
    let detail = |number: u8| format!("login {}", LoginId::from_bytes([number; 16]));
    let [first, second, third, fifth] = [1, 2, 3, 5].map(detail);
    assert_eq!(
        ends,
        [
            ("work", "expired", Some(&*first), "gateway", at(400)),
            ("work", "expired", Some(&*third), "somebody", at(800)),
            ("private", "interrupted", Some(&*second), "somebody", at(801)),
            ("work", "cancelled", Some(&*fifth), "somebody", at(806)),
        ]
    );
}

async fn a_call_that_changes_nothing_appends_no_entry(fixture: impl Fixture) {
    let (store, tokens, nobody) = (fixture.store(), fixture.api_tokens(), name("nobody"));
    let id = LoginId::from_bytes([9; 16]);
    assert!(!store.end(&id, LoginOutcome::Denied, None, &author(at(1))).await.unwrap());
    store.cancel_all(&nobody, &author(at(1))).await.unwrap();
    store.change_profile(&nobody, &ProfileChange::default(), &author(at(1))).await.unwrap();
    store.remove(&nobody, None, &author(at(1))).await.unwrap();
    assert!(!tokens.remove(&ApiTokenId::from_bytes([9; 16]), &author(at(1))).await.unwrap());
    assert_eq!(summaries(store.as_ref()).await, []);
}

async fn concurrent_entries_form_one_chain(fixture: impl Fixture) {
    let store = fixture.store();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = store.clone();
        let login = login(number, &format!("work-{number}"), "alice", at(0));
        calls.spawn(async move { store.begin(&login, &author(at(0))).await.expect("no store error") });
    }
    calls.join_all().await;
    let entries = store.oldest(0, 100).await.unwrap();
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, (1..=8).collect::<Vec<_>>());
    let mut previous = String::new();
    for entry in &entries {
        assert_eq!(entry.digest, entry.digest_after(&previous), "entry {}", entry.id);
        let mark = author(at(0)).cipher.open(&SealContext::AuditEntry(&entry.digest), &entry.mark);
        assert!(mark.is_ok(), "entry {}", entry.id);
        previous.clone_from(&entry.digest);
    }
    let marks: BTreeSet<_> = entries.iter().map(|entry| entry.mark.as_str()).collect();
    assert_eq!(marks.len(), 8);
}

async fn append(log: &impl AuditLog, seconds: i64) {
    let event = AuditEvent::done(AuditAction::ValuesResealed, seconds.to_string(), None);
    log.append(event, &author(at(seconds))).await.expect("it is appended");
}

fn ids(entries: &[AuditEntry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.id).collect()
}

async fn entries_are_paged_in_both_directions(fixture: impl Fixture) {
    let store = fixture.store();
    for seconds in 1..=5 {
        append(store.as_ref(), seconds).await;
    }
    assert_eq!(ids(&store.newest(i64::MAX, 2).await.unwrap()), [5, 4]);
    assert_eq!(ids(&store.newest(4, 2).await.unwrap()), [3, 2]);
    assert_eq!(ids(&store.oldest(i64::MIN, 2).await.unwrap()), [1, 2]);
    assert_eq!(ids(&store.oldest(3, 9).await.unwrap()), [4, 5]);
}

async fn deleting_old_entries_appends_an_entry(fixture: impl Fixture) {
    let store = fixture.store();
    let unknown = Checkpoint { id: 2, digest: "x".to_owned() };
    assert_eq!(store.delete_through(&unknown, &author(at(9))).await.unwrap(), 0, "the log is empty");
    for seconds in 1..=3 {
        append(store.as_ref(), seconds).await;
    }
    let second = store.oldest(1, 1).await.unwrap().remove(0);
    assert_eq!(store.delete_through(&unknown, &author(at(9))).await.unwrap(), 0, "another entry has this id");
    assert_eq!(store.delete_through(&second.checkpoint(), &author(at(9))).await.unwrap(), 2);
    let remaining = store.oldest(0, 9).await.unwrap();
    assert_eq!(ids(&remaining), [3, 4]);
    assert_eq!((remaining[1].action.as_str(), remaining[1].subject.as_str()), ("entries_deleted", "2"));
    assert_eq!(remaining[1].detail.as_ref(), Some(&second.digest));
    let newest = remaining[1].checkpoint();
    assert_eq!(store.delete_through(&newest, &author(at(99))).await.unwrap(), 0, "the newest entry stays");
}
