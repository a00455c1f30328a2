//! Contract of `KeyStore`.

use goclaw::{
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, NewToken, SealedApiToken},
        ids::{DisplayName, KeyId},
        keys::{JournalUse, KeyCheck, Replacement, SealedColumn, SealedValue},
        scope::Scopes,
        sealed_secret::SealedSecret,
    },
    ports::{KeyStore, TokenStore},
};
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, name},
};

contract!(
    of_concurrent_first_checks_one_is_added,
    a_check_is_added_only_if_the_expected_checks_are_stored,
    a_check_and_its_replacements_are_stored_together_or_not_at_all,
    every_sealed_value_is_listed_and_can_be_resealed_once,
    a_journal_report_replaces_the_earlier_one_and_is_deleted_once_old,
);

fn sealed_secret(text: &str) -> SealedSecret {
    SealedSecret::from_stored(format!("v2:key:{text}"))
}

fn check(key: &str) -> KeyCheck {
    KeyCheck { key_id: KeyId::new(key), value: sealed_secret(key) }
}

async fn of_concurrent_first_checks_one_is_added(fixture: impl Fixture) {
    let mut calls = JoinSet::new();
    for number in 0..10 {
        let store = fixture.store();
        calls.spawn(async move {
            store.add_key_check(&check(&format!("key-{number}")), &[], &[], &author(at(0))).await.unwrap()
        });
    }
    assert_eq!(calls.join_all().await.into_iter().filter(|added| *added).count(), 1);
    assert_eq!(fixture.store().key_checks().await.unwrap().len(), 1);
}

async fn a_check_is_added_only_if_the_expected_checks_are_stored(fixture: impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.key_checks().await.unwrap(), []);
    assert!(store.add_key_check(&check("b"), &[], &[], &author(at(0))).await.unwrap());
    assert!(!store.add_key_check(&check("a"), &[], &[], &author(at(0))).await.unwrap(), "another check is stored");
    assert!(
        !store.add_key_check(&check("a"), &[check("c")], &[], &author(at(0))).await.unwrap(),
        "the expected check is not the stored one"
    );
    assert!(store.add_key_check(&check("a"), &[check("b")], &[], &author(at(0))).await.unwrap());
    assert_eq!(store.key_checks().await.unwrap(), [check("a"), check("b")], "checks are sorted by key id");
}

async fn a_check_and_its_replacements_are_stored_together_or_not_at_all(fixture: impl Fixture) {
    let store = fixture.store();
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let before = store.sealed_values().await.unwrap();
    let replacement = |value: &SealedValue, old| Replacement {
        column: value.column,
        row: value.row.clone(),
        old,
        new: sealed_secret("new"),
    };
    let valid = replacement(&before[0], before[0].value.clone());
    let outdated = replacement(&before[1], Some(sealed_secret("other")));
    let both = [valid.clone(), outdated];
    assert!(!store.add_key_check(&check("a"), &[], &both, &author(at(1))).await.unwrap());
    assert_eq!((store.key_checks().await.unwrap(), store.sealed_values().await.unwrap()), (vec![], before.clone()));
    assert!(store.add_key_check(&check("a"), &[], &[valid], &author(at(1))).await.unwrap());
    let after = store.sealed_values().await.unwrap();
    assert_eq!((&after[0].value, &after[1]), (&Some(sealed_secret("new")), &before[1]));
}

async fn every_sealed_value_is_listed_and_can_be_resealed_once(fixture: impl Fixture) {
    let (store, tokens) = (fixture.store(), fixture.api_tokens());
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    store.save_login(&credential(2, "home"), &author(at(0))).await.unwrap();
    let new = NewToken::program(DisplayName::parse("editor").unwrap(), Scopes::default(), None);
    let (token, _) = ApiToken::issue(ApiTokenId::from_bytes([1; 16]), new, &[1; ENTROPY], at(0));
    tokens.put(&SealedApiToken { token, mark: None }, &author(at(0))).await.unwrap();

    let values = store.sealed_values().await.unwrap();
    // Two tokens of each account, and the mark of the API token.
    assert_eq!(values.len(), 5, "{values:?}");
    for value in &values {
        let SealedValue { column, row, value: old } = value.clone();
        let replacement = Replacement { column, row, old, new: sealed_secret("new") };
        assert!(store.reseal(&replacement).await.unwrap(), "{value:?}");
        assert!(!store.reseal(&replacement).await.unwrap(), "{value:?} was already replaced");
    }
    assert!(store.sealed_values().await.unwrap().iter().all(|value| value.value == Some(sealed_secret("new"))));
    let unknown = Replacement {
        column: SealedColumn::Revocation,
        row: "unknown".to_owned(),
        old: None,
        new: sealed_secret("new"),
    };
    assert!(!store.reseal(&unknown).await.unwrap());
    assert_eq!(store.load(&name("work")).await.unwrap().unwrap().refresh_token, Some(sealed_secret("new")));
}

async fn a_journal_report_replaces_the_earlier_one_and_is_deleted_once_old(fixture: impl Fixture) {
    let store = fixture.store();
    let journal = |place: &str, second, records: &[(&str, usize)]| JournalUse {
        place: place.to_owned(),
        seen_at: at(second),
        records: records.iter().map(|(key, records)| (KeyId::new(*key), *records)).collect(),
    };
    assert_eq!(store.journals().await.unwrap(), []);
    let (first, other) = (journal("b:/data", 1, &[("key", 2), ("other", 1)]), journal("a:/data", 5, &[]));
    for report in [&journal("b:/data", 0, &[("old", 1)]), &first, &other] {
        store.report_journal(report, at(0)).await.unwrap();
    }
    assert_eq!(store.journals().await.unwrap(), [other.clone(), first]);
    let later = journal("c:/data", 9, &[("key", 1)]);
    store.report_journal(&later, at(5)).await.unwrap();
    assert_eq!(store.journals().await.unwrap(), [other, later]);
}
