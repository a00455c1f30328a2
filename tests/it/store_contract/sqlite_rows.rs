//! SQLite rows: the required places of each value, and errors that name the place of an invalid value.

use std::{fs, sync::Arc};

use goclaw::{
    adapters::cipher::{EncryptionKey, XChaChaCipher},
    app::Vault,
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, Scope, SealedApiToken},
        credential::{NewCredential, NewSealedCredential},
        ids::{DisplayName, Principal, ProviderId},
        login::PendingLogin,
        secret::{AccessToken, OAuthState, PkceVerifier, RefreshToken},
    },
    ports::{LoginStore, ProfileChange, StoreError, TokenStore},
};
use serde_json::{Value, json};

use super::{
    fixtures::{Fixture, Sqlite},
    samples::{at, author, credential, login, name},
};
use crate::support::fakes::SeededRandom;

const SECRETS: [&str; 4] = ["access-canary", "refresh-canary", "state-canary", "verifier-canary"];

/// Creates a database with a connected account and a pending login, both sealed by the real vault.
async fn with_one_of_each() -> Sqlite {
    let [access_token, refresh_token, state, verifier] = SECRETS;
    let sqlite = Sqlite::open().await;
    let vault =
        Vault::new(Arc::new(XChaChaCipher::new(&EncryptionKey::from_bytes([1; 32]).into(), SeededRandom::new(1))));
    let sample = credential(1, "openai-codex");
    let new = NewCredential {
        name: sample.name,
        provider_type: sample.provider_type,
        display_name: sample.display_name,
        api_base: sample.api_base,
        login_id: sample.login_id,
        access_token: AccessToken::new(access_token),
        refresh_token: Some(RefreshToken::new(refresh_token)),
        metadata: sample.metadata,
    };
    let sealed = vault.seal_credential(new, ProviderId::new(at(0), &[0; 10]), None).unwrap();
    sqlite.store().save_login(&sealed, &author(at(0))).await.unwrap();
    let pending = PendingLogin {
        session: login(1, "openai-codex", "alice", at(0)).session,
        state: OAuthState::new(state),
        verifier: PkceVerifier::new(verifier),
    };
    sqlite.store().begin(&vault.seal_login(&pending).unwrap(), &author(at(0))).await.unwrap();
    sqlite
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_have_the_required_content() {
    let sqlite = with_one_of_each().await;
    let account = "llm_providers WHERE name = 'openai-codex'";
    assert_eq!(sqlite.cell("provider_type", account).as_deref(), Some("openai-codex"));
    assert_eq!(sqlite.cell("enabled", account).as_deref(), Some("1"));
    let settings: Value = serde_json::from_str(&sqlite.cell("settings", account).unwrap()).unwrap();
    assert_eq!(
        settings,
        json!({
            "auth_method": "oauth",
            "obtained_at": at(1).unix_seconds(),
            "expires_at": at(3601).unix_seconds(),
            "scopes": "openid scope-1",
            "email": "1@mail.example",
        })
    );
    let refresh_token = "config_secrets WHERE key = 'oauth.openai-codex.refresh_token'";
    let waiting = "login_sessions WHERE provider = 'openai-codex' AND principal = 'alice' AND outcome = 'pending'";
    for (column, row) in [("api_key", account), ("value", refresh_token), ("state", waiting), ("verifier", waiting)] {
        let sealed = sqlite.cell(column, row).unwrap_or_else(|| panic!("there is no {column}"));
        assert!(sealed.starts_with("v2:"), "{column} is sealed: {sealed}");
    }
    for table in ["llm_providers", "config_secrets", "login_sessions"] {
        assert_eq!(sqlite.cell("count(*)", table).as_deref(), Some("1"), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_stored_in_plain_text() {
    let sqlite = with_one_of_each().await;
    let mut seen = 0;
    for entry in fs::read_dir(sqlite.path().parent().expect("a folder")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        seen += bytes.len();
        for secret in SECRETS {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
    assert!(seen > 4096, "the database is not empty");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_deletes_the_rows_of_both_tables() {
    let sqlite = with_one_of_each().await;
    sqlite.store().remove(&name("openai-codex"), None, &author(at(0))).await.unwrap();
    for table in ["llm_providers", "config_secrets"] {
        assert_eq!(sqlite.cell("count(*)", table).as_deref(), Some("0"), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_audit_entry_cannot_be_written_does_not_happen() {
    let sqlite = with_one_of_each().await;
    let (store, account, tokens) = (sqlite.store(), name("openai-codex"), sqlite.api_tokens());
    let before = store.load(&account).await.unwrap();
    let logins = store.open_logins(at(0)).await.unwrap();
    sqlite.execute("CREATE TRIGGER no_entry BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no'); END;");
    let off = ProfileChange { enabled: Some(false), ..ProfileChange::default() };
    let (token, _) = ApiToken::issue(
        ApiTokenId::from_bytes([1; 16]),
        DisplayName::parse("editor").expect("a name"),
        Scope::Proxy,
        &[1; ENTROPY],
        at(0),
    );
    for failed in [
        store.save_login(&credential(2, "openai-codex"), &author(at(1))).await.map(drop),
        store.change_profile(&account, &off, &author(at(1))).await.map(drop),
        store.remove(&account, None, &author(at(1))).await.map(drop),
        store.cancel_all(&account, &author(at(1))).await.map(drop),
        tokens.put(&SealedApiToken { token, mac: None }, &author(at(1))).await,
    ] {
        assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    }
    assert_eq!(store.load(&account).await.unwrap(), before);
    assert_eq!(store.open_logins(at(0)).await.unwrap(), logins);
    assert_eq!(tokens.list().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_write_changes_neither_table() {
    let sqlite = with_one_of_each().await;
    let (store, account) = (sqlite.store(), name("openai-codex"));
    let before = store.load(&account).await.unwrap();
    assert!(before.is_some());
    // The account's row is written first.
    sqlite.execute(
        "CREATE TRIGGER no_insert BEFORE INSERT ON config_secrets BEGIN SELECT RAISE(ABORT, 'no'); END;
         CREATE TRIGGER no_delete BEFORE DELETE ON config_secrets BEGIN SELECT RAISE(ABORT, 'no'); END;",
    );
    let new = credential(2, "openai-codex");
    let without_refresh_token = NewSealedCredential { refresh_token: None, ..new.clone() };
    for failed in [
        store.save_login(&new, &author(at(1))).await.map(drop),
        store.save_login(&without_refresh_token, &author(at(1))).await.map(drop),
        store.remove(&account, None, &author(at(0))).await.map(drop),
    ] {
        assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
        assert_eq!(store.load(&account).await.unwrap(), before);
    }
    sqlite.execute("DROP TRIGGER no_insert; DROP TRIGGER no_delete;");
    store.save_login(&new, &author(at(1))).await.expect("the connections still work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_account_row_is_an_error_with_its_place() {
    for (column, value) in [
        ("provider_type", "'telepathy'"),
        ("generation", "-1"),
        ("settings", "'[]'"),
        ("settings", "'{}'"),
        ("settings", r#"'{"auth_method": "oauth", "obtained_at": 1, "expires_at": "soon"}'"#),
        ("settings", "'no JSON'"),
    ] {
        let sqlite = with_one_of_each().await;
        sqlite.execute(&format!("UPDATE llm_providers SET {column} = {value}"));
        assert_inconsistent(sqlite.store().load(&name("openai-codex")).await, "llm_providers", column, value);
        assert_inconsistent(sqlite.store().list().await, "llm_providers", column, value);
    }
    let sqlite = with_one_of_each().await;
    sqlite.execute("UPDATE llm_providers SET name = 'Not A Name'");
    assert_inconsistent(sqlite.store().list().await, "llm_providers", "name", "Not A Name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_login_row_is_an_error_with_its_place() {
    let digest = OAuthState::new(SECRETS[2]).digest();
    for (column, value) in [
        ("provider", "'Not A Name'"),
        ("provider_type", "'telepathy'"),
        ("client", "'{}'"),
        ("client", "'no JSON'"),
        ("outcome", "'lost'"),
    ] {
        let sqlite = with_one_of_each().await;
        sqlite.execute(&format!("UPDATE login_sessions SET {column} = {value}"));
        let store = sqlite.store();
        assert_inconsistent(store.find(&digest).await, "login_sessions", column, value);
        if column != "outcome" {
            assert_inconsistent(store.open_logins(at(0)).await, "login_sessions", column, value);
        }
        if column != "provider" {
            let latest = store.latest(&name("openai-codex"), &Principal::named("alice")).await;
            assert_inconsistent(latest, "login_sessions", column, value);
        }
    }
}

#[track_caller]
fn assert_inconsistent<T>(result: Result<T, StoreError>, in_table: &str, in_column: &str, value: &str) {
    let error = result.map(drop).expect_err(value);
    let named =
        matches!(&error, StoreError::Inconsistent { table, column, .. } if (*table, *column) == (in_table, in_column));
    assert!(named, "{in_table}.{in_column} = {value}: {error:?}");
}
