//! Tests of a database that an earlier version left: the first five migrations, and rows with every stored word, as
//! literal SQL. After the later migrations, every row must be readable.

use std::{fs, path::Path, time::Duration};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use goclaw::{
    adapters::store::SqliteStore,
    domain::{
        history::Revision,
        ids::{AccountName, Principal, StateDigest},
        refresh::TokenState,
        time::Timestamp,
    },
    ports::{ApiTokenStore, CredentialHistory, LoginStore, RevocationQueue, TokenStore},
};

use super::{CAUSES, EVENTS, OUTCOMES};
use crate::support::fakes::FakeClock;

/// The migrations of the earlier version.
const MIGRATIONS: [&str; 5] = [
    "2026-11-23-000000_first_schema",
    "2026-11-24-000001_refresh",
    "2026-11-25-000002_revocations",
    "2026-11-25-000003_api_tokens",
    "2026-11-26-000004_page_sessions",
];
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_001);
const CLIENT: &str = r#"{"issuer": "https://auth.openai.com", "authorize_url": "https://auth.openai.com/oauth/authorize", "token_url": "https://auth.openai.com/oauth/token", "revoke_url": "https://auth.openai.com/oauth/revoke", "body_format": "form", "client_id": "app_client", "scopes": ["openid"], "redirect_uri": "http://localhost:1455/auth/callback", "provider_params": [], "originator": null, "extra_params": []}"#;

/// Creates the earlier version's database, runs `rows` in it and opens the store.
async fn open_with_rows(folder: &Path, rows: &str) -> SqliteStore {
    let path = folder.join("goclaw.db");
    let mut connection = SqliteConnection::establish(path.to_str().expect("a path of text")).expect("it opens");
    let mut run = |statements: &str| connection.batch_execute(statements).expect("the statements run");
    run("CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
         run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)");
    for migration in MIGRATIONS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
        run(&fs::read_to_string(root.join(migration).join("up.sql")).expect("a released migration stays"));
        let version = migration.split('_').next().expect("a version").replace('-', "");
        run(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"));
    }
    run(rows);
    drop(connection);
    SqliteStore::open(&path, FakeClock::at(NOW)).await.expect("it opens").on_callers_clock()
}

/// Returns statements that insert an account. `rest` has its state, the id and end of its lease, and its cause, as SQL.
fn account(name: &str, provider_type: &str, method: &str, rest: &str) -> String {
    format!(
        "INSERT INTO llm_providers (id, name, provider_type, api_base, api_key, settings, login_id, generation, created_at,
             updated_at, state, lease_id, lease_until, cause)
         VALUES ('id-{name}', '{name}', '{provider_type}', 'https://api.example', 'v1:key:access',
             '{{\"auth_method\": \"{method}\", \"obtained_at\": 1800000000, \"expires_at\": 1800600000}}', 'login-{name}', 3,
             1800000000000, 1800000000000, {rest});
         INSERT INTO config_secrets (key, value, created_at, updated_at)
         VALUES ('oauth.{name}.refresh_token', 'v1:key:refresh', 1800000000000, 1800000000000);"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_of_every_state_and_type_are_read() {
    let mut rows = [
        account("a", "openai-codex", "oauth", "'active', NULL, NULL, NULL"),
        account("b", "suno", "session_token", "'refreshing', 'a-lease', 1800000060000, NULL"),
        account("c", "dashscope", "api_key", "'in_doubt', NULL, NULL, 'timed_out'"),
        account("d", "openai-codex", "oauth", "'needs_reauth', NULL, NULL, 'refresh_token_reused'"),
    ]
    .concat();
    for cause in CAUSES {
        let name = cause.replace('_', "-");
        rows += &account(&name, "openai-codex", "oauth", &format!("'active', NULL, NULL, '{cause}'"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = open_with_rows(folder.path(), &rows).await;
    let accounts = TokenStore::list(&store).await.expect("every account is read");
    assert_eq!((accounts.readable.len(), accounts.unreadable), (4 + CAUSES.len(), Vec::new()));

    let load = async |name: &str| {
        store.load(&AccountName::parse(name).expect("a name")).await.expect("it is read").expect("a row")
    };
    assert_eq!(load("a").await.refresh.state, TokenState::Active);
    assert!(matches!(load("b").await.refresh.state, TokenState::Refreshing(lease) if lease.id.as_str() == "a-lease"));
    assert_eq!(load("c").await.refresh.state, TokenState::InDoubt);
    assert_eq!(load("d").await.refresh.state, TokenState::NeedsReauth);
    for cause in CAUSES {
        let account = load(&cause.replace('_', "-")).await;
        assert_eq!(account.refresh.cause.expect("a cause").as_str(), cause);
    }
    let account = load("a").await;
    assert_eq!(account.refresh_token.expect("a refresh token").as_str(), "v1:key:refresh");
    assert_eq!(account.refresh.expires_at, Some(Timestamp::from_unix_seconds(1_800_600_000)));
    assert_eq!(account.refresh.version.generation.0, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_with_every_outcome_are_read() {
    let words: Vec<_> = ["pending", "exchanging"].into_iter().chain(OUTCOMES).collect();
    let login = |outcome: &&str| {
        format!(
            "INSERT INTO login_sessions (id, state_digest, state, verifier, provider, provider_type, principal, client,
                 outcome, outcome_at, started_at, expires_at)
             VALUES ('login-{outcome}', 'digest-{outcome}', 'v1:key:state', 'v1:key:verifier', 'openai-codex',
                 'openai-codex', 'gateway-token', '{CLIENT}', '{outcome}', 1800000000000, 1800000000000, 1800000360000);"
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open_with_rows(folder.path(), &words.iter().map(login).collect::<String>()).await;
    for outcome in words {
        let found = store.find(&StateDigest::from_stored(format!("digest-{outcome}"))).await.expect("it is read");
        let login = found.expect("a row");
        assert_eq!(login.progress.as_str(), outcome);
        assert_eq!(login.session.principal, Principal::gateway_token());
        assert_eq!(login.session.client.client_id, "app_client");
    }
    assert_eq!(store.open_logins(NOW).await.expect("they are read").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_tokens_and_revocations_are_read() {
    let event = |event: &str, cause: &str| {
        format!(
            "INSERT INTO credential_events (provider, login_id, generation, happening, cause, at)
             VALUES ('openai-codex', 'a-login', 0, '{event}', {cause}, 1800000000000);"
        )
    };
    let token = |scope: &str, expires_at: &str| {
        format!(
            "INSERT INTO api_tokens (id, name, scope, digest, created_at, expires_at)
             VALUES ('id-{scope}', 'editor', '{scope}', 'digest-{scope}', 1800000000000, {expires_at});"
        )
    };
    let mut rows = EVENTS.map(|kind| event(kind, "NULL")).concat();
    rows += &CAUSES.map(|cause| event("needs_reauth", &format!("'{cause}'"))).concat();
    rows += &[token("proxy", "NULL"), token("page", "1800001800000"), token("link", "1800000600000")].concat();
    rows += &format!(
        "INSERT INTO revocations (id, provider, provider_type, login_id, token, client, created_at, next_attempt_at)
         VALUES ('a-revocation', 'openai-codex', 'openai-codex', 'a-login', 'v1:key:refresh', '{CLIENT}', 1800000000000,
             1800000000000);"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let store = open_with_rows(folder.path(), &rows).await;

    let events = store.since(Revision(0), 100).await.expect("every event is read").events;
    let kinds: Vec<_> = events.iter().take(EVENTS.len()).map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, EVENTS);
    let causes: Vec<_> = events.iter().filter_map(|event| event.cause).map(|cause| cause.as_str()).collect();
    assert_eq!(causes, CAUSES);

    let tokens = ApiTokenStore::list(&store).await.expect("every token is read");
    let mut scopes: Vec<_> = tokens.iter().map(|token| token.token.grant.as_stored()).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["link", "page", "proxy"]);

    let due = store.due(NOW, 10).await.expect("the queue is read");
    let [id] = due.as_slice() else { panic!("expected one revocation: {due:?}") };
    let revocation = store.take(id, NOW, Duration::from_secs(60)).await.expect("it is read").expect("it is due");
    assert_eq!(revocation.token.as_str(), "v1:key:refresh");
    assert_eq!(revocation.client.revoke_url.expect("an address").as_str(), "https://auth.openai.com/oauth/revoke");
}
