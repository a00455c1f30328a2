//! Tests of encryption keys: a wrong key stops the start, a key is replaced without data loss, and a database of the
//! first format is adopted once.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use goclaw::{
    adapters::{
        cipher::{EncryptionKey, KeyRing, XChaChaCipher},
        system::SystemRandom,
    },
    app::{Adoption, App, AppError, KeyError, KeyUse, Keys, Ports, Resealed, Vault},
    domain::{
        api_token::TokenDigest,
        keys::{Replacement, SealedColumn, SealedValue},
        sealed_secret::SealedSecret,
    },
    ports::{KeyStore, SecretCipher, TokenJournal},
};
use secrecy::{ExposeSecret, SecretString};

use crate::support::fakes::{MemoryJournal, MemoryStore, OPENAI, TestGateway, name, settle, within};

fn key(number: u8) -> EncryptionKey {
    EncryptionKey::from_bytes([number; 32])
}

/// Returns a cipher with these keys, the sealing one first.
fn cipher(keys: &[u8]) -> Arc<dyn SecretCipher> {
    let texts: Vec<SecretString> = keys.iter().map(|number| key(*number).to_text()).collect();
    Arc::new(XChaChaCipher::new(&KeyRing::of(texts.iter()).expect("keys"), Arc::new(SystemRandom)))
}

impl TestGateway {
    fn with_keys(&self, keys: &[u8]) -> Arc<App> {
        self.another_gateway_with(|ports| Ports { cipher: cipher(keys), ..ports })
    }

    fn keys(&self, keys: &[u8]) -> Keys {
        let cipher = cipher(keys);
        Keys {
            store: self.store.clone(),
            credentials: self.store.clone(),
            revocations: self.store.clone(),
            api_tokens: self.store.clone(),
            logins: self.store.clone(),
            journal: self.journal.clone(),
            audit: self.store.clone(),
            vault: Vault::new(cipher.clone()),
            cipher,
            clock: self.clock.clone(),
        }
    }

    async fn values(&self) -> Vec<SealedValue> {
        self.store.sealed_values().await.expect("no store error")
    }
}

/// Connects an account and creates an API token; returns the token's digest.
async fn with_account_and_token() -> (TestGateway, TokenDigest) {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let issued = within(gateway.app.access.create_token("editor".into(), None, None)).await.expect("a token");
    (gateway, TokenDigest::of(issued.secret.expose_secret()))
}

fn is_wrong_key(result: Result<(), AppError>) -> bool {
    matches!(result, Err(AppError::Key(KeyError::Wrong { .. })))
}

#[tokio::test]
async fn only_one_of_two_gateways_with_different_keys_starts_on_an_empty_database() {
    let gateway = TestGateway::open().await;
    let store = Arc::new(MemoryStore::new());
    let on_empty = |keys: &[u8]| Keys {
        store: store.clone(),
        credentials: store.clone(),
        revocations: store.clone(),
        api_tokens: store.clone(),
        logins: store.clone(),
        audit: store.clone(),
        ..gateway.keys(keys)
    };
    let (one, other) = (on_empty(&[1]), on_empty(&[2]));
    let (one, other) = tokio::join!(one.check(Adoption::No), other.check(Adoption::No));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    assert!(is_wrong_key(one.and(other).map(drop)));
    assert_eq!(store.key_checks().await.expect("no store error").len(), 1);
}

#[tokio::test]
async fn a_wrong_key_is_rejected_even_without_key_checks() {
    let (gateway, _) = with_account_and_token().await;
    gateway.store.delete_key_checks();
    let before = gateway.store.contents();
    assert!(is_wrong_key(gateway.another_gateway(2).start().await));
    assert_eq!(gateway.store.contents(), before);
    assert_eq!(gateway.store.key_checks().await.expect("no store error"), []);
    gateway.another_gateway(1).start().await.expect("the right key");
}

#[tokio::test]
async fn a_key_is_replaced_without_data_loss() {
    let (gateway, token) = with_account_and_token().await;
    let both = gateway.with_keys(&[2, 1]);
    both.start().await.expect("one of its keys opens everything");
    let done = gateway.keys(&[2, 1]).reseal().await.expect("sealing succeeds");
    let expected = Resealed { values: 3, journal_records: 1, ..Resealed::default() };
    assert_eq!(done, expected, "access token, refresh token, mark; the tokens in the journal");
    assert_eq!(gateway.keys(&[2, 1]).reseal().await.expect("sealing succeeds"), Resealed::default(), "nothing is left");
    let uses = gateway.keys(&[2, 1]).list().await.expect("a list");
    let records = |key: &KeyUse| key.journal_records.values().sum::<usize>();
    let uses: Vec<_> = uses.iter().map(|key| (key.key_id.clone(), key.is_first, key.values, records(key))).collect();
    assert_eq!(uses, [(key(2).id(), true, 3, 1), (key(1).id(), false, 0, 0)]);
    let new = gateway.with_keys(&[2]);
    new.start().await.expect("the old key is not needed");
    assert!(new.access.find(&token).is_some() && new.tokens.cached(&name(OPENAI)).is_some());
}

#[tokio::test]
async fn the_journals_of_other_gateways_are_listed_for_a_day() {
    let (gateway, _) = with_account_and_token().await;
    let journal = Arc::new(MemoryJournal::default());
    journal.confirm(&gateway.journal.contents()[0]).await.expect("the record is stored");
    let other = gateway.another_gateway_with(|ports| Ports { journal: journal.clone(), ..ports });
    other.start().await.expect("the gateway starts");
    // The other gateway reports its journal in the background.
    settle().await;
    let records = async || gateway.keys(&[1]).list().await.expect("a list")[0].journal_records.clone();
    let of_both = [(gateway.journal.place(), 1), (journal.place(), 1)];
    assert_eq!(records().await, of_both.clone().into());
    gateway.clock.advance(Duration::from_secs(25 * 60 * 60));
    let [own, _] = of_both;
    assert_eq!(records().await, [own].into());
}

/// Seals a text as the first format did.
fn seal_first_format(fields: [&str; 4], text: &str) -> SealedSecret {
    let (id, nonce) = (key(1).id(), [7; 24]);
    let fields = ["goclaw/v1", fields[0], fields[1], fields[2], fields[3], id.as_str()];
    let aad: Vec<u8> =
        fields.iter().flat_map(|field| (field.len() as u64).to_be_bytes().into_iter().chain(field.bytes())).collect();
    let aead = XChaCha20Poly1305::new(&[1; 32].into());
    let sealed = aead
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: text.as_bytes(), aad: &aad })
        .expect("sealing succeeds");
    SealedSecret::from_stored(format!("v1:{id}:{}", URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())))
}

/// Converts the database to the first format.
async fn convert_to_first_format(gateway: &TestGateway) {
    let account = gateway.account(OPENAI).await.expect("an account");
    let login = account.login_id().as_str();
    for value in gateway.values().await {
        let new = match value.column {
            SealedColumn::AccessToken => seal_first_format(["llm_providers", OPENAI, "api_key", login], "access-1"),
            SealedColumn::RefreshToken => seal_first_format(["config_secrets", OPENAI, "value", login], "refresh-1"),
            SealedColumn::Revocation => unreachable!("none is queued"),
            SealedColumn::ApiToken => {
                gateway.store.delete_marks();
                continue;
            }
        };
        let SealedValue { column, row, value: old } = value;
        assert!(gateway.store.reseal(&Replacement { column, row, old, new }).await.expect("no store error"));
    }
    gateway.store.delete_key_checks();
}

#[tokio::test]
async fn a_database_of_the_first_format_is_adopted_once() {
    let (gateway, token) = with_account_and_token().await;
    convert_to_first_format(&gateway).await;
    gateway.store.delete_audit_log();
    let before = gateway.values().await;
    let refused = gateway.keys(&[1]).check(Adoption::No).await;
    assert!(matches!(refused, Err(AppError::Key(KeyError::NotAdopted))), "{refused:?}");
    assert!(is_wrong_key(gateway.keys(&[2]).check(Adoption::Requested).await.map(drop)));
    assert_eq!(gateway.values().await, before);

    gateway.keys(&[1]).check(Adoption::Requested).await.expect("the owner adopts the database");
    let adopted = gateway.another_gateway(1);
    adopted.start().await.expect("the gateway starts");
    assert!(adopted.access.find(&token).is_some());
    assert_eq!(gateway.tokens(OPENAI).await, Some(("access-1".to_owned(), Some("refresh-1".to_owned()))));

    gateway.store.delete_marks();
    gateway.store.delete_key_checks();
    let later = gateway.another_gateway(1);
    later.start().await.expect("the gateway starts");
    assert!(later.access.find(&token).is_none(), "a mark that is deleted after the adoption is not created again");
}

/// Somebody who can write to the database may have an old secret of the first format, and can delete newer rows.
#[tokio::test]
async fn no_start_marks_an_api_token() {
    for has_audit_log in [true, false] {
        let (gateway, token) = with_account_and_token().await;
        convert_to_first_format(&gateway).await;
        if !has_audit_log {
            gateway.store.delete_audit_log();
        }
        let started = gateway.another_gateway(1);
        started.start().await.expect("the gateway starts");
        assert!(started.access.find(&token).is_none(), "with an audit log: {has_audit_log}");
        if !has_audit_log {
            let adopted = Some(("access-1".to_owned(), Some("refresh-1".to_owned())));
            assert_eq!(gateway.tokens(OPENAI).await, adopted);
        }
    }
}
