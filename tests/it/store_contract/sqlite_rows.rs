//! Tests of SQLite rows: where secrets are stored, which writes are rolled back, and what a damaged value affects.

use std::{fs, sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        cipher::{EncryptionKey, XChaChaCipher},
        store::SqliteStore,
        system::SystemClock,
    },
    app::Vault,
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, NewToken, SealedApiToken},
        confirmation::Replaces,
        credential::{NewCredential, NewSealedCredential},
        history::Revision,
        ids::{DisplayName, Principal, ProviderId},
        login::PendingLogin,
        scope::Scopes,
        secret::{AccessToken, OAuthState, PkceVerifier, RefreshToken},
        unreadable::UnreadableAccount,
    },
    ports::{
        ApiTokenStore, BeginOutcome, CredentialHistory, LoginStore, NewEvents, ProfileChange, RevocationQueue,
        StoreError, StoreTrouble, StoredAccounts, TokenStore,
    },
};
use serde_json::{Value, json};

use super::{
    credentials::save,
    fixtures::{Fixture, Sqlite},
    samples::{at, author, credential, login, name},
};
use crate::support::{fakes::SeededRandom, log::CapturedLog};

const SECRETS: [&str; 4] = ["access-canary", "refresh-canary", "state-canary", "verifier-canary"];

/// Creates a database with a connected account and a pending login, both sealed by the real vault.
async fn with_account_and_login() -> Sqlite {
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
        replaces: Replaces::Any,
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
async fn tokens_and_login_secrets_are_sealed_in_the_documented_columns() {
    let sqlite = with_account_and_login().await;
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
    let pending_login =
        "login_sessions WHERE provider = 'openai-codex' AND principal = 'alice' AND outcome = 'pending'";
    for (column, row) in
        [("api_key", account), ("value", refresh_token), ("state", pending_login), ("verifier", pending_login)]
    {
        let sealed = sqlite.cell(column, row).unwrap_or_else(|| panic!("no row has {column}"));
        assert!(sealed.starts_with("v2:"), "{column} is sealed: {sealed}");
    }
    for table in ["llm_providers", "config_secrets", "login_sessions"] {
        assert_eq!(sqlite.cell("count(*)", table).as_deref(), Some("1"), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_stored_in_plain_text() {
    let sqlite = with_account_and_login().await;
    let mut seen = 0;
    for entry in fs::read_dir(sqlite.path().parent().expect("a folder")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        seen += bytes.len();
        for secret in SECRETS {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
    assert!(seen > 4096, "the database has more than one page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_deletes_the_rows_of_both_tables() {
    let sqlite = with_account_and_login().await;
    TokenStore::remove(&*sqlite.store(), &name("openai-codex"), None, &author(at(0))).await.unwrap();
    for table in ["llm_providers", "config_secrets"] {
        assert_eq!(sqlite.cell("count(*)", table).as_deref(), Some("0"), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_rolled_back_if_its_audit_entry_cannot_be_written() {
    let sqlite = with_account_and_login().await;
    let (store, account, tokens) = (sqlite.store(), name("openai-codex"), sqlite.api_tokens());
    let before = store.load(&account).await.unwrap();
    let logins = store.open_logins(at(0)).await.unwrap();
    sqlite.execute("CREATE TRIGGER no_entry BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no'); END;");
    let off = ProfileChange { enabled: Some(false), ..ProfileChange::default() };
    let new = NewToken::program(DisplayName::parse("editor").expect("a name"), Scopes::default(), None);
    let (token, _) = ApiToken::issue(ApiTokenId::from_bytes([1; 16]), new, &[1; ENTROPY], at(0));
    for failed in [
        store.save_login(&credential(2, "openai-codex"), &author(at(1))).await.map(drop),
        store.change_profile(&account, &off, &author(at(1))).await.map(drop),
        TokenStore::remove(&*store, &account, None, &author(at(1))).await.map(drop),
        store.cancel_all(&account, &author(at(1))).await.map(drop),
        tokens.put(&SealedApiToken { token, mark: None }, &author(at(1))).await.map(drop),
    ] {
        assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    }
    assert_eq!(store.load(&account).await.unwrap(), before);
    assert_eq!(store.open_logins(at(0)).await.unwrap(), logins);
    assert_eq!(tokens.list().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_changes_neither_table() {
    let sqlite = with_account_and_login().await;
    let (store, account) = (sqlite.store(), name("openai-codex"));
    let before = store.load(&account).await.unwrap();
    assert!(before.is_some());
    // The store writes the account's row first, so these triggers fail its second statement.
    sqlite.execute(
        "CREATE TRIGGER no_insert BEFORE INSERT ON config_secrets BEGIN SELECT RAISE(ABORT, 'no'); END;
         CREATE TRIGGER no_delete BEFORE DELETE ON config_secrets BEGIN SELECT RAISE(ABORT, 'no'); END;",
    );
    let new = credential(2, "openai-codex");
    let without_refresh_token = NewSealedCredential { refresh_token: None, ..new.clone() };
    for failed in [
        store.save_login(&new, &author(at(1))).await.map(drop),
        store.save_login(&without_refresh_token, &author(at(1))).await.map(drop),
        TokenStore::remove(&*store, &account, None, &author(at(0))).await.map(drop),
    ] {
        assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
        assert_eq!(store.load(&account).await.unwrap(), before);
    }
    sqlite.execute("DROP TRIGGER no_insert; DROP TRIGGER no_delete;");
    store.save_login(&new, &author(at(1))).await.expect("the connections still work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_about_an_unreadable_account_names_table_column_and_row() {
    for (column, value) in [
        ("provider_type", "'telepathy'"),
        ("generation", "-1"),
        ("settings", "'[]'"),
        ("settings", "'{}'"),
        ("settings", r#"'{"auth_method": "oauth", "obtained_at": 1, "expires_at": "soon"}'"#),
        ("settings", "'no JSON'"),
        ("state", "'asleep'"),
        ("cause", "'boredom'"),
    ] {
        let sqlite = with_account_and_login().await;
        save(&*sqlite.store(), &credential(2, "work"), 5).await;
        sqlite.execute(&format!("UPDATE llm_providers SET {column} = {value} WHERE name = 'openai-codex'"));
        let found = sqlite.store().load(&name("openai-codex")).await;
        let Err(StoreError::Unreadable(row)) = found else { panic!("{column} = {value}: {found:?}") };
        assert_eq!((row.table, row.column, row.row.as_str()), ("llm_providers", column, "openai-codex"), "{value}");
        let listed = TokenStore::list(&*sqlite.store()).await.unwrap();
        assert_eq!(
            listed.unreadable,
            [UnreadableAccount { name: name("openai-codex"), row: *row }],
            "{column} = {value}"
        );
        assert_eq!(listed.readable.len(), 1, "the other account is read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_a_valid_name_is_skipped_with_one_warning() {
    let log = CapturedLog::start();
    let sqlite = with_account_and_login().await;
    sqlite.execute("UPDATE llm_providers SET name = 'Not A Name'");
    for _ in 0..2 {
        assert_eq!(TokenStore::list(&*sqlite.store()).await.unwrap(), StoredAccounts::default());
    }
    assert_eq!(log.text().matches("llm_providers.name, row Not A Name").count(), 1, "{}", log.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_login_is_skipped_and_does_not_block_a_new_one() {
    let digest = OAuthState::new(SECRETS[2]).digest();
    let log = CapturedLog::start();
    for (column, value) in [
        ("provider", "'Not A Name'"),
        ("provider_type", "'telepathy'"),
        ("client", "'{}'"),
        ("client", "'no JSON'"),
        ("outcome", "'lost'"),
    ] {
        let sqlite = with_account_and_login().await;
        sqlite.execute(&format!("UPDATE login_sessions SET {column} = {value}"));
        let store = sqlite.store();
        assert_eq!(store.find(&digest).await.unwrap(), None, "{column} = {value}");
        assert_eq!(store.open_logins(at(0)).await.unwrap(), [], "{column} = {value}");
        assert_eq!(store.ended(10).await.unwrap(), [], "{column} = {value}");
        let latest = store.latest(&name("openai-codex"), &Principal::named("alice")).await.unwrap();
        assert_eq!(latest, None, "{column} = {value}");
        let begun = store.begin(&login(2, "openai-codex", "alice", at(1)), &author(at(1))).await.unwrap();
        assert_eq!(begun, BeginOutcome::Begun, "{column} = {value}");
        let latest = store.latest(&name("openai-codex"), &Principal::named("alice")).await.unwrap();
        assert!(latest.is_some(), "{column} = {value}");
        assert!(log.text().contains(&format!("login_sessions.{column}, row ")), "{}", log.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_event_is_skipped_and_reported() {
    let (log, sqlite) = (CapturedLog::start(), with_account_and_login().await);
    let store = sqlite.store();
    for number in 2..=6 {
        save(&*store, &credential(number, "work"), 5).await;
    }
    sqlite.execute(
        "UPDATE credential_events SET happening = 'yawned' WHERE id IN (3, 4); UPDATE credential_events SET cause = 'boredom' WHERE id = 5",
    );
    let NewEvents { events, is_complete } = store.since(Revision(1), 2).await.unwrap();
    let revisions: Vec<i64> = events.iter().map(|event| event.revision.0).collect();
    assert_eq!((revisions, is_complete), (vec![2, 6], false), "three unreadable events between them are skipped");
    assert_eq!(store.newest(3).await.unwrap().len(), 3);
    assert_eq!(store.of(&name("work"), 10).await.unwrap().len(), 2);
    assert!(store.since(Revision(5), 10).await.unwrap().is_complete);
    assert_eq!(log.text().matches("credential_events.happening, row 3").count(), 1, "{}", log.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_token_and_an_unreadable_revocation_are_skipped() {
    let sqlite = with_account_and_login().await;
    sqlite.execute(
        "INSERT INTO api_tokens (id, name, scope, digest, created_at) VALUES ('a', 'x', 'world', 'd', 0), ('b', 'x', 'proxy', 'e', 0);
         INSERT INTO revocations (id, provider, provider_type, login_id, token, client, created_at, next_attempt_at)
         VALUES ('a', 'work', 'openai-codex', 'l', 't', 'no JSON', 0, 0)",
    );
    assert_eq!(ApiTokenStore::list(&*sqlite.store()).await.unwrap().len(), 1);
    let store = sqlite.store();
    assert_eq!(store.all().await.unwrap(), []);
    let due = store.due(at(0), 10).await.unwrap();
    assert_eq!(store.take(&due[0], at(0), Duration::from_secs(60)).await.unwrap(), None);
    assert_eq!(store.due(at(0), 10).await.unwrap(), [], "taking it moved its next attempt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_reported_as_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("goclaw.db");
    let sqlite = with_account_and_login().await;
    // The schema's page stays intact. The pages of the rows do not.
    sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let bytes = fs::read(sqlite.path()).unwrap();
    let start = bytes.len() / 20;
    let damaged: Vec<u8> =
        bytes.iter().enumerate().map(|(index, byte)| if index > start { 0x5a } else { *byte }).collect();
    fs::write(&path, damaged).unwrap();
    match SqliteStore::open(&path, Arc::new(SystemClock)).await {
        Err(error) => assert!(error.to_string().contains("the database is damaged"), "{error:?}"),
        Ok(store) => {
            let error = TokenStore::list(&store).await.unwrap_err();
            assert_eq!(error.trouble(), Some(StoreTrouble::Damaged));
        }
    }
}
