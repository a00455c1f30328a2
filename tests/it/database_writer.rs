//! Tests of an attacker who can write to the database and does not have the encryption key. Each column is changed in
//! turn, and each sealed value is moved to each other place. No secret reaches another endpoint, and no invented token
//! is accepted.
//!
//! Most tests run the gateway in memory, on a SQLite file and the test's clock, so that minutes pass at once.

use std::{fs, path::Path, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use goclaw::{
    adapters::store::SqliteStore,
    app::{App, PastedSecret, Ports, ProxyRequest, Secret},
    domain::{api_token::TokenDigest, scope::Rights},
    ports::{Clock, RequestBody, RevocationQueue},
};
use http_message::{HeaderMap, Method};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{
    fakes::{FakeClock, NOW, OPENAI, TestGateway, alice, name, within},
    gateway::{Home, eventually, http, pause},
    provider::Provider,
};

/// The attacker's API token.
const INVENTED: &str = "goclaw_invented";
const EVIL: &str = "https://evil.example/x";
const FILE: &str = "goclaw.db";
/// Number of polls of the revocation queue, 1 ms apart. After the last one, the gateway counts as idle.
const POLLS: usize = 200;

/// A gateway with two accounts, a pending login and a queued revocation in a database file, and the login's redirect.
struct Target {
    gateway: TestGateway,
    folder: TempDir,
    redirect_url: String,
}

fn with_store(ports: Ports, store: &Arc<SqliteStore>) -> Ports {
    Ports {
        credentials: store.clone(),
        changes: store.clone(),
        history: store.clone(),
        logins: store.clone(),
        revocations: store.clone(),
        api_tokens: store.clone(),
        keys: store.clone(),
        audit: store.clone(),
        ..ports
    }
}

impl Target {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(on_fake_clock(&folder.path().join(FILE)).await);
        let gateway = TestGateway::with_ports(|ports| with_store(ports, &store)).await;
        gateway.connect().await;
        gateway.connect_as("leaving").await;
        gateway.provider.fail_revocations(true);
        within(gateway.app.accounts.logout(name("leaving"))).await.expect("a queued revocation");
        let key = PastedSecret {
            secret: Secret::ApiKey("sk-canary".into()),
            display_name: None,
            provider_type: None,
            unchecked: true,
        };
        within(gateway.app.accounts.register_secret(name("dashscope"), key)).await.expect("a key");
        within(gateway.app.access.create_token("editor".into(), None, None)).await.expect("a token");
        let pending = gateway.start_forced_login(alice()).await;
        let redirect_url = gateway.provider.approve(&pending.auth_url);
        within(gateway.app.shut_down()).await;
        gateway.provider.fail_revocations(false);
        Self { gateway, folder, redirect_url }
    }

    /// Changes a copy of the database, runs a gateway on it for some minutes, and checks where it sent secrets.
    async fn assert_safe_after(&self, statements: &[String]) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        copy(self.folder.path(), folder.path());
        let change = statements.join("; ");
        execute(&path, statements);
        let store = Arc::new(on_fake_clock(&path).await);
        let app = self.gateway.another_gateway_with(|ports| with_store(ports, &store));
        if app.start().await.is_ok() {
            self.use_gateway(&app, &store).await;
        }
        within(app.shut_down()).await;
        let endpoints = self.gateway.provider.called();
        assert!(endpoints.iter().all(|url| url.starts_with("https://auth.openai.com/")), "{change}: {endpoints:?}");
        for (host, token) in self.gateway.upstream.hosts_and_tokens_sent() {
            let expected = if token.starts_with("access-") { "chatgpt.com" } else { "dashscope.aliyuncs.com" };
            assert_eq!(host, expected, "{change}: {token}");
        }
    }

    /// Uses each account, refreshes, waits for the queued revocation and completes the login.
    async fn use_gateway(&self, app: &Arc<App>, store: &SqliteStore) {
        for account in [OPENAI, "dashscope", "leaving"] {
            let request = ProxyRequest {
                rights: Rights::Owner,
                name: name(account),
                method: Method::GET,
                path: if account == "dashscope" { "compatible-mode/v1/models" } else { "wham/usage" }.to_owned(),
                query: None,
                headers: HeaderMap::new(),
                body: RequestBody::default(),
            };
            let _ = within(app.models.forward(request)).await;
        }
        let _ = within(app.accounts.refresh(&name(OPENAI), &alice(), None)).await;
        // The queue is swept every minute, and a failed revocation is tried again after five.
        self.gateway.clock.advance(Duration::from_secs(6 * 60));
        for _ in 0..POLLS {
            if store.due(self.gateway.clock.now(), 1).await.is_ok_and(|due| due.is_empty()) {
                break;
            }
            pause(Duration::from_millis(1)).await;
        }
        let pasted = goclaw::app::Callback::Pasted {
            name: name(OPENAI),
            redirect_url: SecretString::from(self.redirect_url.as_str()),
            principal: alice(),
        };
        let _ = within(app.logins.complete(pasted)).await;
        assert!(app.access.find(&TokenDigest::of(INVENTED)).is_none(), "the invented token was accepted");
    }
}

/// Opens a database file that takes the time from the test's clock.
async fn on_fake_clock(path: &Path) -> SqliteStore {
    SqliteStore::open(path, FakeClock::at(NOW)).await.expect("the database opens").on_callers_clock()
}

fn copy(source: &Path, target: &Path) {
    for file in fs::read_dir(source).expect("a folder") {
        let file = file.expect("a file");
        fs::copy(file.path(), target.join(file.file_name())).expect("a copy");
    }
}

fn execute(path: &Path, statements: &[String]) {
    let mut database = SqliteConnection::establish(&path.display().to_string()).expect("the database opens");
    for statement in statements {
        let done = sql_query(statement).execute(&mut database);
        // The schema may refuse a changed value, but an invented row must be there.
        assert!(done.is_ok() || !statement.starts_with("INSERT"), "{statement}: {done:?}");
    }
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    text: String,
}

fn texts(path: &Path, query: &str) -> Vec<String> {
    let mut database = SqliteConnection::establish(&path.display().to_string()).expect("the database opens");
    let rows: Vec<Text> = sql_query(query).load(&mut database).expect("the query runs");
    rows.into_iter().map(|row| row.text).collect()
}

/// Returns the digest under which a token is stored.
fn digest(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_column_sends_no_secret_elsewhere_and_grants_no_access() {
    let target = Target::new().await;
    let path = target.folder.path().join(FILE);
    let columns = texts(
        &path,
        "SELECT m.name || '.' || c.name AS text FROM sqlite_schema m, pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'",
    );
    assert!(columns.len() > 50, "{columns:?}");
    for column in columns {
        let (table, column) = column.split_once('.').expect("table and column");
        let invented = digest(INVENTED);
        // The first value replaces addresses inside JSON. The others are valid in some other column.
        let addresses =
            format!("replace(replace({column}, 'https://auth.openai.com', '{EVIL}'), 'https://chatgpt.com', '{EVIL}')");
        let values = [addresses.as_str(), "'page'", "'dashscope'", &format!("'{invented}'"), "1", "NULL"];
        for value in values {
            target.assert_safe_after(&[format!("UPDATE {table} SET {column} = {value}")]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_sealed_value_does_not_open() {
    let target = Target::new().await;
    let places = [
        ("llm_providers", "api_key", "name = 'openai-codex'"),
        ("llm_providers", "api_key", "name = 'dashscope'"),
        ("config_secrets", "value", "1"),
        ("login_sessions", "state", "outcome = 'pending'"),
        ("login_sessions", "verifier", "outcome = 'pending'"),
        ("revocations", "token", "1"),
        ("api_tokens", "mac", "1"),
        ("key_checks", "value", "1"),
    ];
    for (from_table, from, from_row) in places {
        for (table, column, row) in places {
            let value = format!("(SELECT {from} FROM {from_table} WHERE {from_row} LIMIT 1)");
            target.assert_safe_after(&[format!("UPDATE {table} SET {column} = {value} WHERE {row}")]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_rows_grant_no_access() {
    let target = Target::new().await;
    let invented = digest(INVENTED);
    let client = format!(
        r#"{{"issuer": "{EVIL}", "authorize_url": "{EVIL}", "token_url": "{EVIL}", "revoke_url": "{EVIL}", "body_format": "form", "client_id": "c", "scopes": [], "redirect_uri": "{EVIL}", "provider_params": [], "originator": null, "extra_params": []}}"#
    );
    let queued = format!(
        "INSERT INTO revocations (id, provider, provider_type, login_id, token, client, created_at, next_attempt_at)
         SELECT 'a1', name, provider_type, login_id, (SELECT value FROM config_secrets), '{client}', 0, 0
         FROM llm_providers WHERE name = 'openai-codex'"
    );
    let token = |scope: &str, mac: &str| {
        format!(
            "INSERT INTO api_tokens (id, name, scope, digest, created_at, mac) VALUES ('b2', 'x', '{scope}', '{invented}', 0, {mac})"
        )
    };
    let forget_adoption = "DELETE FROM key_checks".to_owned();
    for statements in [
        vec![queued.clone()],
        vec![queued, "DELETE FROM llm_providers".to_owned()],
        vec![token("page", "NULL")],
        vec![token("proxy", "(SELECT mac FROM api_tokens LIMIT 1)")],
        vec![token("page", "NULL"), forget_adoption.clone()],
        vec![
            "DELETE FROM llm_providers".to_owned(),
            "DELETE FROM config_secrets".to_owned(),
            "DELETE FROM revocations".to_owned(),
            "DELETE FROM api_tokens".to_owned(),
            token("page", "NULL"),
            forget_adoption,
        ],
    ] {
        target.assert_safe_after(&statements).await;
    }
}

#[tokio::test]
async fn a_pending_login_with_other_endpoints_is_not_completed_and_the_next_start_replaces_it() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let started = gateway.start_login().await;
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().expect("an auth_url")).await;
    home.change_database("UPDATE login_sessions SET client = replace(client, '/oauth/token', '/elsewhere')");
    let pasted = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!(pasted.json()["code"], "decryption_failed", "{}", pasted.text);
    assert!(provider.outcomes("/oauth/token").await.is_empty() && provider.outcomes("/elsewhere").await.is_empty());
    assert_ne!(gateway.start_login().await["login_id"], started["login_id"]);
    assert_eq!(gateway.sign_in().await.status, 200);
    assert_eq!(gateway.status().await["authenticated"], true);
}

#[tokio::test]
async fn changes_are_noticed_without_the_row_of_the_change_feed() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let created = gateway.post("/v1/tokens", json!({"name": "editor"})).await.json();
    let token = created["token"].as_str().expect("a token");
    home.change_database("DELETE FROM change_feed");
    // As another gateway does.
    home.change_database("DELETE FROM api_tokens");
    eventually("the token to be refused", || async {
        let request = http().get(format!("{}/v1/models", gateway.base)).bearer_auth(token);
        (request.send().await.expect("a response").status() == 401).then_some(())
    })
    .await;
    let is_logged = || async { gateway.log().contains("restored the row of change_feed").then_some(()) };
    eventually("the restored row to be logged", is_logged).await;
}

#[tokio::test]
async fn an_invented_token_is_refused_and_reported_while_others_work() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let created = gateway.post("/v1/tokens", json!({"name": "editor"})).await.json();
    home.change_database(&format!(
        "INSERT INTO api_tokens (id, name, scope, digest, created_at) VALUES ('b2', 'x', 'page', '{}', 0)",
        digest(INVENTED)
    ));
    let status = async |path: &str, token: &str| {
        let request = http().get(format!("{}{path}", gateway.base)).bearer_auth(token);
        request.send().await.expect("a response").status().as_u16()
    };
    eventually("the report", || std::future::ready(gateway.log().contains("token.id=\"b2\"").then_some(()))).await;
    assert_eq!(status("/v1/providers", INVENTED).await, 401);
    assert_eq!(status("/v1/models", created["token"].as_str().expect("a token")).await, 200);
    assert_eq!(gateway.log().matches("token.id=\"b2\"").count(), 1, "the token is reported once");
}
