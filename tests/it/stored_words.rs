//! Tests that the code reads and writes the words in existing databases, journals and configurations.
//!
//! Types and variants may be renamed; these texts must not change. [`rows`] reads a database of the first schemas.

mod rows;

use std::{fmt::Debug, fs};

use goclaw::{
    adapters::{
        journal::FolderJournal,
        settings::{Environment, Settings},
    },
    domain::{
        history::EventKind,
        ids::{Generation, LoginId},
        login_outcome::{LoginOutcome, LoginProgress},
        oauth_client::{BodyFormat, OAuthClient},
        provider::{AuthMethod, ProviderType},
        refresh::{Cause, Lease, LeaseId, RevocationScope, TokenState},
        scope::Permission,
        time::Timestamp,
    },
    ports::TokenJournal,
};
use serde_json::json;

const CAUSES: [&str; 23] = [
    "refresh_token_expired",
    "refresh_token_reused",
    "refresh_token_invalidated",
    "invalid_grant",
    "account_deactivated",
    "workspace_deactivated",
    "unauthorized",
    "account_mismatch",
    "timed_out",
    "connection_lost",
    "server_error",
    "unreadable",
    "refused",
    "interrupted",
    "held_up",
    "rate_limited",
    "no_connection",
    "name_not_resolved",
    "connection_refused",
    "connect_timed_out",
    "certificate_rejected",
    "restored",
    "sealed",
];
const EVENTS: [&str; 10] = [
    "signed_in",
    "signed_out",
    "moved_away",
    "changed",
    "refresh_started",
    "refreshed",
    "refresh_postponed",
    "in_doubt",
    "needs_reauth",
    "refused",
];
const OUTCOMES: [&str; 13] = [
    "completed",
    "confirmation_needed",
    "denied",
    "missing_entitlement",
    "provider_error",
    "expired",
    "cancelled",
    "code_refused",
    "provider_unavailable",
    "provider_timeout",
    "bad_answer",
    "not_saved",
    "interrupted",
];

/// Asserts that `words` are the stored forms of the values in `all`, in the same order.
fn assert_stored<T: Copy + PartialEq + Debug>(
    words: &[&str],
    all: &[T],
    parse: impl Fn(&str) -> Option<T>,
    format: impl Fn(T) -> &'static str,
) {
    assert_eq!(all.iter().map(|value| format(*value)).collect::<Vec<_>>(), words);
    for (word, value) in words.iter().zip(all) {
        assert_eq!(parse(word), Some(*value), "{word}");
    }
}

#[test]
fn stored_words_are_read_and_written_unchanged() {
    assert_stored(&CAUSES, Cause::ALL, Cause::parse, Cause::as_str);
    assert_stored(&EVENTS, EventKind::ALL, EventKind::parse, EventKind::as_str);
    assert_stored(&OUTCOMES, LoginOutcome::ALL, LoginOutcome::parse, LoginOutcome::as_str);
    let under_way = [LoginProgress::Pending, LoginProgress::Exchanging, LoginProgress::Unconfirmed];
    assert_stored(
        &["pending", "exchanging", "confirmation_needed"],
        &under_way,
        LoginProgress::parse,
        LoginProgress::as_str,
    );
    assert_stored(
        &["openai-codex", "suno", "dashscope"],
        &ProviderType::ALL,
        ProviderType::parse,
        ProviderType::as_str,
    );
    assert_stored(&["oauth", "session_token", "api_key"], AuthMethod::ALL, AuthMethod::parse, AuthMethod::as_str);
    let permissions = ["models", "proxy", "status:read", "metrics:read", "auth:write", "admin"];
    assert_stored(&permissions, Permission::ALL, Permission::parse, Permission::as_str);
}

#[test]
fn the_words_of_token_states_have_not_changed() {
    let lease = Lease { id: LeaseId::from_bytes([0; 16]), until: Timestamp::from_unix_seconds(0) };
    let states = [TokenState::Active, TokenState::Refreshing(lease), TokenState::InDoubt, TokenState::NeedsReauth];
    assert_eq!(states.each_ref().map(TokenState::as_str), ["active", "refreshing", "in_doubt", "needs_reauth"]);
}

#[test]
fn configured_revocation_scopes_are_read() {
    for (word, scope) in [("family", RevocationScope::Family), ("grant", RevocationScope::Grant)] {
        let variables = [("GOCLAW_DATA_DIR", "unused"), ("GOCLAW_PROVIDERS__OPENAI_CODEX__REVOCATION", word)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::load(None, &Environment::from_pairs(variables)).expect("settings");
        let codex = settings.providers.into_iter().find(|provider| provider.provider_type == ProviderType::OpenaiCodex);
        assert_eq!(codex.expect("the built-in provider").refresh.revocation, scope, "{word}");
    }
}

#[test]
fn the_oauth_client_of_a_stored_login_is_read_and_written() {
    let stored = json!({
        "issuer": "https://auth.openai.com",
        "requires_issuer": false,
        "authorize_url": "https://auth.openai.com/oauth/authorize",
        "token_url": "https://auth.openai.com/oauth/token",
        "revoke_url": "https://auth.openai.com/oauth/revoke",
        "body_format": "json",
        "client_id": "app_client",
        "scopes": ["openid", "offline_access"],
        "redirect_uri": "http://localhost:1455/auth/callback",
        "provider_params": [["codex_cli_simplified_flow", "true"]],
        "originator": "goclaw",
        "extra_params": [["prompt", "login"]],
    });
    let client: OAuthClient = serde_json::from_value(stored.clone()).expect("a client");
    assert_eq!(client.token_url.as_str(), "https://auth.openai.com/oauth/token");
    assert_eq!(client.body_format, BodyFormat::Json);
    assert_eq!(serde_json::to_value(&client).expect("JSON"), stored);
    assert_eq!(serde_json::from_value::<BodyFormat>(json!("form")).expect("a format"), BodyFormat::Form);
}

/// A file of the token journal, as the gateway writes it between the provider's response and the commit.
const JOURNAL_FILE: &str = r#"{"name":"openai-codex","login_id":"0123456789abcdef0123456789abcdef","generation":7,"access_token":"v1:56da027d67f4f16d:new-access","refresh_token":"v1:56da027d67f4f16d:new-refresh","same_account":true,"settings":{"auth_method":"oauth","obtained_at":1800000000,"expires_at":1800003600,"scopes":"openid offline_access","account_id":"account-1","user_id":"user-1","email":"a@mail.example","plan_type":"plus"}}"#;

#[tokio::test]
async fn a_journal_file_of_an_earlier_version_is_read_and_rewritten_unchanged() {
    let data = tempfile::tempdir().expect("a folder");
    // The token journal is called `escrow` on disk.
    let folder = data.path().join("escrow");
    fs::create_dir(&folder).expect("the folder");
    let file = folder.join("openai-codex.0123456789abcdef0123456789abcdef.7.json");
    fs::write(&file, JOURNAL_FILE).expect("the file");

    let journal = FolderJournal::in_folder(folder);
    let records = journal.list().await.expect("it can be read");
    let [record] = records.as_slice() else { panic!("expected one record: {records:?}") };
    assert_eq!(record.name.as_str(), "openai-codex");
    let rotation = &record.rotation;
    assert_eq!(rotation.version.login_id, LoginId::from_stored("0123456789abcdef0123456789abcdef".to_owned()));
    // The file has the generation of the presented token, and the record that of the new one.
    assert_eq!(rotation.version.generation, Generation(8));
    assert_eq!(rotation.access_token.as_str(), "v1:56da027d67f4f16d:new-access");
    let refresh_token = rotation.refresh_token.as_ref().expect("a refresh token");
    assert_eq!(refresh_token.as_str(), "v1:56da027d67f4f16d:new-refresh");
    assert!(rotation.same_account);
    assert_eq!(rotation.metadata.expires_at, Some(Timestamp::from_unix_seconds(1_800_003_600)));
    assert_eq!(rotation.metadata.account.email.as_deref(), Some("a@mail.example"));

    // Writing the record again produces the same file.
    fs::remove_file(&file).expect("the file");
    journal.put(record).await.expect("it is written");
    assert_eq!(fs::read_to_string(&file).expect("under the same name"), JOURNAL_FILE);
    journal.remove(&record.name, &rotation.version).await.expect("it is removed");
    assert!(!file.exists());
}
