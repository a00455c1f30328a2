//! Tests of `goclaw import --from`, which takes over logins of the Codex CLI and of the GoClaw service in Go.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use goclaw::{
    adapters::{
        archive::ArchiveReader,
        store::{StoredGoAccount, read_go_postgres, read_go_sqlite},
    },
    ports::chain,
};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{
    gateway::{Gateway, Home, TEST_DEADLINE, eventually},
    postgres::Database,
    provider::Provider,
};

const PASSPHRASE: &str = "correct horse battery staple";
/// The encryption key of the GoClaw service in Go.
const KEY: [u8; 32] = *b"a key of thirty-two bytes, as is";

/// The tokens of another program's login.
struct LoginTokens {
    access_token: String,
    refresh_token: String,
}

/// Logs in through another gateway, and returns the tokens that it exports.
async fn log_in_elsewhere(provider: &Provider) -> LoginTokens {
    let home = Home::new(provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let file = home.path().join("moving.age");
    let path = file.display().to_string();
    assert_eq!(home.run_with_input(&["export", &path, "--all"], &format!("{PASSPHRASE}\n")).code, Some(0));
    let mut archive = ArchiveReader::open(&file, &PASSPHRASE.into()).expect("it opens");
    let account = archive.next_line().expect("a line").and_then(|line| line.account).expect("an account");
    let text = |secret: &str| secret.to_owned();
    LoginTokens {
        access_token: text(account.access_token().expose_secret()),
        refresh_token: text(account.refresh_token().expect("a token").expose_secret()),
    }
}

/// Writes a file that only its owner can read.
fn private_file(path: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the mode is set");
    path.to_owned()
}

async fn assert_works(gateway: &Gateway, provider: &Provider) {
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["authenticated"]), (&json!("active"), &json!(true)), "{status}");
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
    let totals = provider.get_control("/presentations/totals").await;
    assert_eq!((&totals["presentations"], &totals["reuse_refused"]), (&json!(1), &json!(0)), "{totals}");
}

#[tokio::test]
async fn a_login_of_the_codex_cli_is_imported_only_with_take_over() {
    let provider = Provider::approving();
    let LoginTokens { access_token, refresh_token } = log_in_elsewhere(&provider).await;
    let home = Home::new(&provider);
    let tokens = json!({"id_token": access_token, "access_token": access_token, "refresh_token": refresh_token});
    let auth = json!({"OPENAI_API_KEY": null, "tokens": tokens, "last_refresh": "2026-11-28T00:00:00Z"});
    let mut foreign = auth.clone();
    foreign["tokens"]["oauth_provenance"] = json!({"issuer": "https://sso.example", "client_id": "app_other"});
    let file = private_file(&home.path().join("auth.json"), &foreign.to_string());
    let path = file.display().to_string();
    let refused = home.run(&["import", "--from", "codex", "--take-over", &path]);
    assert!(refused.code == Some(1) && refused.stderr.contains("another issuer"), "{refused:?}");
    // Some editors write a byte order mark.
    private_file(&file, &format!("\u{feff}{auth}"));
    let without_flag = home.run(&["import", "--from", "codex", &path]);
    assert_eq!(without_flag.code, Some(1), "{without_flag:?}");
    assert!(without_flag.stderr.contains("goclaw auth login"), "{without_flag:?}");
    assert!(file.exists() && !home.data_dir().join("goclaw.db").exists());
    let done = home.run(&["import", "--from", "codex", "--take-over", &path]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(!file.exists(), "the Codex CLI is signed out");
    let gateway = home.start().await;
    assert_works(&gateway, &provider).await;
    let entries = gateway.get("/v1/audit").await.json();
    assert!(entries.to_string().contains("the Codex CLI"), "{entries}");

    // The account is connected already, so the file stays in its place.
    private_file(&file, &auth.to_string());
    let refused = home.run(&["import", "--from", "codex", "--take-over", &path]);
    assert!(refused.code == Some(1) && refused.stderr.contains("is connected here") && file.exists(), "{refused:?}");
    for text in ["{}", "[]", r#"{"tokens": {"access_token": "CANARY-secret", "refresh_token": 7}}"#] {
        private_file(&file, text);
        let invalid = home.run(&["import", "--from", "codex", "--take-over", &path]);
        assert_eq!(invalid.code, Some(1), "{invalid:?}");
        assert!(!invalid.stderr.contains("CANARY"), "{invalid:?}");
    }
}

/// The database may be down, and the owner may give up.
#[tokio::test]
async fn an_import_that_is_interrupted_while_it_waits_for_the_database_leaves_the_file() {
    let provider = Provider::approving();
    let LoginTokens { access_token, refresh_token } = log_in_elsewhere(&provider).await;
    let database = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("postgres://user@{}/goclaw", database.local_addr().expect("an address"));
    let home = Home::new(&provider)
        .with("GOCLAW_DATABASE__URL", &url)
        .with("GOCLAW_SERVER__TOKEN", "a-token-of-the-owner-with-32-bytes")
        .with("GOCLAW_ENCRYPTION__KEY", &"2a".repeat(32));
    let tokens = json!({"id_token": access_token, "access_token": access_token, "refresh_token": refresh_token});
    let auth = json!({"OPENAI_API_KEY": null, "tokens": tokens, "last_refresh": "2026-11-28T00:00:00Z"});
    let file = private_file(&home.path().join("auth.json"), &auth.to_string());
    let path = file.display().to_string();
    let mut import = home.spawn(home.command(&["import", "--from", "codex", "--take-over", &path]), "import");
    let connected = tokio::time::timeout(TEST_DEADLINE, database.accept()).await;
    let _connection = connected.expect("a connection in time").expect("a connection");
    assert!(file.exists());
    let interrupted = Command::new("kill").args(["-s", "INT", &import.id().to_string()]).status().expect("kill runs");
    assert!(interrupted.success());
    let exit_status = || std::future::ready(import.try_wait().expect("its status"));
    assert!(!eventually("the import to end", exit_status).await.success());
    assert!(file.exists());
}

/// Encrypts a secret in the form of the GoClaw service in Go.
fn seal_as_go_service(text: &str) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).expect("a key"));
    let mut bytes = text.as_bytes().to_vec();
    let nonce = [7; 12];
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut bytes).expect("it is sealed");
    format!("aes-gcm:{}", STANDARD.encode([nonce.as_slice(), &bytes].concat()))
}

/// Returns SQL that creates the Go service's tables and stores accounts in them. `types` are the column types of
/// ids, JSON and bytes.
fn rows(tokens: &LoginTokens, seal: impl Fn(&str) -> String, types: [&str; 3]) -> String {
    let [id, json, bytes] = types;
    let (access, refresh) = (seal(&tokens.access_token), seal(&tokens.refresh_token));
    let value = if bytes == "BYTEA" {
        format!("convert_to('{refresh}', 'UTF8')")
    } else {
        format!("CAST('{refresh}' AS BLOB)")
    };
    format!(
        "CREATE TABLE llm_providers (id {id}, name VARCHAR(50), display_name VARCHAR(255), provider_type VARCHAR(30), \
           api_base TEXT, api_key TEXT, enabled BOOLEAN NOT NULL DEFAULT TRUE, settings {json}, tenant_id {id}); \
         CREATE TABLE config_secrets (key VARCHAR(100), value {bytes} NOT NULL, tenant_id {id}); \
         INSERT INTO llm_providers (name, display_name, provider_type, api_key) VALUES \
           ('openai-codex', 'Mine', 'chatgpt_oauth', '{access}'), ('qwen', NULL, 'dashscope', '{}'), \
           ('claude', NULL, 'anthropic_native', '{}'), ('damaged', NULL, 'gemini', 'aes-gcm:x'), \
           ('empty', NULL, 'suno', ''); \
         INSERT INTO config_secrets (key, value) VALUES ('oauth.openai-codex.refresh_token', {value});",
        seal("CANARY-dashscope-key"),
        seal("CANARY-claude-key")
    )
}

#[tokio::test]
async fn accounts_of_the_go_service_come_from_sqlite_sealed_or_plain() {
    for is_sealed in [true, false] {
        let provider = Provider::approving();
        let tokens = log_in_elsewhere(&provider).await;
        let home = Home::new(&provider);
        // Characters with a meaning in a URI are plain in a path.
        let file = home.path().join("100%25 theirs?#.db").display().to_string();
        let seal = |text: &str| if is_sealed { seal_as_go_service(text) } else { text.to_owned() };
        let mut database = SqliteConnection::establish(&file).expect("a database");
        database.batch_execute(&rows(&tokens, seal, ["TEXT", "TEXT", "BLOB"])).expect("the rows");
        let key_file = private_file(&home.path().join("key.txt"), std::str::from_utf8(&KEY).expect("text"));
        let key_file = key_file.display().to_string();
        let import = |arguments: &[&str]| home.run(&[&["import", "--from", "goclaw", &file], arguments].concat());
        if is_sealed {
            let without_key = import(&["--take-over"]);
            assert!(without_key.code == Some(1) && without_key.stderr.contains("--key-file"), "{without_key:?}");
            let wrong = private_file(&home.path().join("wrong.txt"), &"0".repeat(64)).display().to_string();
            let wrong = import(&["--take-over", "--key-file", &wrong]);
            assert!(wrong.code == Some(1) && wrong.stderr.contains("does not open"), "{wrong:?}");
        }
        let without_flag = import(&["--key-file", &key_file]);
        assert!(without_flag.code == Some(1) && without_flag.stderr.contains("--take-over"), "{without_flag:?}");
        let done = import(&["--take-over", "--key-file", &key_file]);
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.stdout.contains("openai-codex, qwen"), "{done:?}");
        assert!(done.stdout.contains("claude (anthropic_native), damaged (gemini), empty (suno)"), "{done:?}");
        let gateway = home.start().await;
        assert_works(&gateway, &provider).await;
        assert_eq!(gateway.get("/v1/auth/qwen/status").await.json()["state"], "active");
    }
}

/// Returns SQL that gives the rows of [`rows`] to one tenant, and adds an account of the same name of another one.
fn other_tenant(their_refresh: &str) -> String {
    let [ours, theirs] = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"];
    format!(
        "UPDATE llm_providers SET tenant_id = '{ours}'; UPDATE config_secrets SET tenant_id = '{ours}'; \
         INSERT INTO llm_providers (name, provider_type, api_key, tenant_id) VALUES \
           ('openai-codex', 'chatgpt_oauth', 'their-access', '{theirs}'); \
         INSERT INTO config_secrets (key, value, tenant_id) VALUES \
           ('oauth.openai-codex.refresh_token', {their_refresh}, '{theirs}');"
    )
}

fn assert_not_mixed(rows: &[StoredGoAccount]) {
    let text = |secret: Option<SecretString>| secret.map(|secret| secret.expose_secret().to_owned());
    let pairs = rows.iter().filter(|row| row.name == "openai-codex");
    let mut pairs: Vec<_> = pairs.map(|row| (text(row.api_key()), text(row.refresh_token()))).collect();
    pairs.sort();
    let pair = |access: &str, refresh: &str| (Some(access.to_owned()), Some(refresh.to_owned()));
    assert_eq!(pairs, [pair("our-access", "our-refresh"), pair("their-access", "their-refresh")]);
}

fn our_tokens() -> LoginTokens {
    LoginTokens { access_token: "our-access".to_owned(), refresh_token: "our-refresh".to_owned() }
}

#[test]
fn tokens_of_two_tenants_are_not_mixed_in_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    for has_tenants in [true, false] {
        let file = folder.path().join(format!("{has_tenants}.db"));
        let mut database = SqliteConnection::establish(&file.display().to_string()).expect("a database");
        let rows = rows(&our_tokens(), str::to_owned, ["TEXT", "TEXT", "BLOB"]);
        if has_tenants {
            let sql = rows + &other_tenant("CAST('their-refresh' AS BLOB)");
            database.batch_execute(&sql).expect("the rows");
            assert_not_mixed(&read_go_sqlite(&file).expect("the rows"));
        } else {
            // An earlier version of the service, without tenants.
            database.batch_execute(&rows.replace(", tenant_id TEXT", "")).expect("the rows");
            let read = read_go_sqlite(&file).expect("the rows");
            let found = read.iter().find(|row| row.name == "openai-codex").expect("the account");
            assert!(found.refresh_token().is_some_and(|token| token.expose_secret() == "our-refresh"));
        }
    }
}

#[tokio::test]
async fn tokens_of_two_tenants_are_not_mixed_in_postgresql() {
    let database = Database::create().await;
    let rows = rows(&our_tokens(), str::to_owned, ["UUID", "JSONB", "BYTEA"]);
    database.execute(&(rows + &other_tenant("convert_to('their-refresh', 'UTF8')"))).await;
    assert_not_mixed(&read_go_postgres(&database.url.as_str().into()).await.expect("the rows"));
}

#[tokio::test]
async fn a_database_of_the_go_service_elsewhere_is_not_read_without_encryption() {
    for address in ["192.0.2.7/goclaw", "localhost/goclaw?hostaddr=192.0.2.7", "/goclaw?hostaddr=192.0.2.7"] {
        let url = format!("postgres://{address}").into();
        let refusal = chain(&read_go_postgres(&url).await.map(drop).unwrap_err());
        assert!(refusal.contains("it is on another machine"), "{address}: {refusal}");
    }
}

#[tokio::test]
async fn accounts_of_the_go_service_come_from_postgresql() {
    let provider = Provider::approving();
    let tokens = log_in_elsewhere(&provider).await;
    let (home, database) = (Home::new(&provider), Database::create().await);
    database.execute(&rows(&tokens, |text| text.to_owned(), ["UUID", "JSONB", "BYTEA"])).await;
    let url = private_file(&home.path().join("url.txt"), &database.url).display().to_string();
    let done = home.run(&["import", "--from", "goclaw", "--take-over", &url, "openai-codex"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_works(&home.start().await, &provider).await;
    let remote =
        private_file(&home.path().join("remote.txt"), "postgres://user:CANARY@db.example/x").display().to_string();
    let refused = home.run(&["import", "--from", "goclaw", "--take-over", &remote]);
    assert!(refused.code == Some(1) && refused.stderr.contains("tunnel"), "{refused:?}");
    assert!(!refused.stderr.contains("CANARY"), "{refused:?}");
}
