//! Tests of `goclaw backup` and `goclaw restore`: with and without the token journal, and between both databases.

use std::{fs, path::PathBuf, process::Command};

use goclaw::adapters::store::{TableCopy, TableRows, Tables};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

use crate::{
    replicas,
    store_contract::fixtures::{Fixture, Postgres, Sqlite},
    support::{
        command_output::CommandOutput,
        gateway::{Gateway, Home, http},
        postgres::{self, Database},
        provider::Provider,
    },
};

const PASSPHRASE: &str = "correct horse battery staple\n";

/// Runs `goclaw backup` with these arguments and returns the file.
fn back_up(home: &Home, arguments: &[&str]) -> PathBuf {
    let file = home.path().join("backup.age");
    let path = file.display().to_string();
    let done = home.run_with_input(&[&["backup", &path], arguments].concat(), PASSPHRASE);
    assert_eq!(done.code, Some(0), "{done:?}");
    file
}

fn restore(home: &Home, file: &std::path::Path, arguments: &[&str]) -> CommandOutput {
    let path = file.display().to_string();
    home.run_with_input(&[&["restore", &path], arguments].concat(), PASSPHRASE)
}

async fn presentations(provider: &Provider) -> Value {
    provider.get_control("/presentations/totals").await["presentations"].clone()
}

async fn models_status(gateway: &Gateway, token: &str) -> u16 {
    let request = http().get(format!("{}/v1/models", gateway.base)).bearer_auth(token);
    request.send().await.expect("a response").status().as_u16()
}

#[tokio::test]
async fn a_restore_on_a_new_machine_presents_no_spent_token() {
    let provider = Provider::approving();
    let (old, new) = (Home::new(&provider), Home::new(&provider));
    let gateway = old.start().await;
    gateway.sign_in().await;
    let token = gateway.post("/v1/tokens", json!({"name": "editor"})).await.json()["token"].clone();
    let session = gateway.post("/v1/session", json!({})).await.json()["token"].clone();
    // The gateway still runs, so its latest changes are in the WAL.
    let file = back_up(&old, &["--with-keys"]);
    // The old machine refreshes once more and is lost.
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
    drop(gateway);

    let done = restore(&new, &file, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("openai-codex: in doubt (restored)"), "{done:?}");
    assert!(done.stdout.contains("valid again: editor"), "{done:?}");
    let gateway = new.start().await;
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["authenticated"]), (&json!("in_doubt"), &json!(true)), "{status}");
    assert!(status["reason"].as_str().is_some_and(|reason| reason.contains("restored")), "{status}");
    gateway.post("/v1/auth/openai/refresh", json!({})).await;
    assert_eq!(presentations(&provider).await, 1, "the spent token is not presented");
    assert_eq!(models_status(&gateway, token.as_str().expect("a token")).await, 200);
    assert_eq!(models_status(&gateway, session.as_str().expect("a token")).await, 401);
    let actions = gateway.get("/v1/audit").await.json();
    let actions: Vec<_> =
        actions["entries"].as_array().expect("entries").iter().map(|it| it["action"].clone()).collect();
    assert!(actions.contains(&json!("restored")) && actions.contains(&json!("signed_in")), "{actions:?}");
    drop(gateway);
    assert_eq!(new.run(&["audit", "verify"]).code, Some(0));
}

#[tokio::test]
async fn an_account_that_needs_a_new_login_is_not_reported_as_in_doubt() {
    let provider = Provider::approving();
    let (old, new) = (Home::new(&provider), Home::new(&provider));
    let gateway = old.start().await;
    gateway.sign_in().await;
    provider.post_control("/revoke-all", json!({})).await;
    gateway.post("/v1/auth/openai/refresh", json!({})).await;
    assert_eq!(gateway.status().await["state"], "needs_reauth");
    let done = restore(&new, &back_up(&old, &["--with-keys"]), &[]);
    assert!(done.stdout.contains("openai-codex: as they were: they need a new sign-in"), "{done:?}");
    assert!(!done.stdout.contains("in doubt"), "{done:?}");
}

#[tokio::test]
async fn the_same_machine_gets_its_newest_tokens_back_from_the_journal() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let created = gateway.post("/v1/tokens", json!({"name": "lost-laptop"})).await.json();
    let file = back_up(&home, &[]);
    for _ in 0..2 {
        assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
    }
    let path = format!("/v1/tokens/{}", created["id"].as_str().expect("an id"));
    gateway.call(http_message::Method::DELETE, &path, None).await;
    gateway.post("/v1/tokens", json!({"name": "new-laptop"})).await;
    gateway.stop().await;

    let refused = restore(&home, &file, &[]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--replace"), "{refused:?}");
    let done = restore(&home, &file, &["--replace"]);
    assert!(done.stdout.contains("openai-codex: newest tokens are in this machine's journal"), "{done:?}");
    assert!(done.stdout.contains("although they were revoked: lost-laptop"), "{done:?}");
    assert!(done.stdout.contains("does not have are gone: new-laptop"), "{done:?}");
    let gateway = home.start().await;
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["generation"]), (&json!("active"), &json!(2)), "{status}");
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
    assert_eq!(presentations(&provider).await, 3);
}

#[tokio::test]
async fn a_running_gateway_notices_that_its_database_was_restored() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let home = replicas::home(&provider, &database);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let file = back_up(&home, &[]);
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
    let done = restore(&home, &file, &["--replace"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let with_newest_tokens = || async { Some(gateway.status().await).filter(|status| status["generation"] == 1) };
    let status = crate::support::gateway::eventually("the newest tokens to be back", with_newest_tokens).await;
    assert_eq!(status["state"], "active");
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
}

#[tokio::test]
async fn sqlite_and_postgresql_read_each_others_backups() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let key = ("GOCLAW_ENCRYPTION__KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let sqlite_home = Home::new(&provider).with(key.0, key.1);
    let postgres_home = replicas::home(&provider, &database);
    let gateway = sqlite_home.start().await;
    gateway.sign_in().await;
    gateway.post("/v1/tokens", json!({"name": "editor", "scope": "models proxy:suno"})).await;
    gateway.call(http_message::Method::PATCH, "/v1/providers/openai-codex", Some(json!({"enabled": false}))).await;
    gateway.stop().await;
    // 2^53 + 1 is the first integer that a double cannot hold.
    sqlite_home
        .change_responses("INSERT INTO responses VALUES ('resp_1', 'a', NULL, 'it''s \"é\"\n', 10, 9007199254740993)");
    sqlite_home.change_responses("INSERT INTO response_items VALUES ('item_1', 'resp_1')");
    let done = restore(&postgres_home, &back_up(&sqlite_home, &[]), &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let columns = "content || used_at || item";
    let tables = "responses JOIN response_items ON response = id";
    assert_eq!(database.cell(columns, tables).await.as_deref(), Some("it's \"é\"\n9007199254740993item_1"));
    let gateway = postgres_home.start().await;
    assert_eq!(gateway.status().await["state"], "disabled");
    gateway.call(http_message::Method::PATCH, "/v1/providers/openai-codex", Some(json!({"enabled": true}))).await;
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["authenticated"]), (&json!("in_doubt"), &json!(true)), "{status}");
    assert_eq!(gateway.get("/v1/tokens").await.json()["tokens"][0]["scope"], "models proxy:suno");
    // New events continue after the highest restored number, so a login can be saved.
    gateway.sign_in_again().await;
    assert_eq!(gateway.status().await["state"], "active");
    gateway.stop().await;

    let back = Home::new(&provider).with(key.0, key.1);
    let done = restore(&back, &back_up(&postgres_home, &[]), &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let gateway = back.start().await;
    assert_eq!(gateway.status().await["login_id"], login_id_in(&database).await);
    assert_eq!(back.run(&["audit", "verify"]).code, Some(0));
    gateway.sign_in_again().await;
    assert_eq!(gateway.status().await["state"], "active");
}

#[tokio::test]
async fn a_table_of_another_application_is_neither_copied_nor_emptied() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let home = replicas::home(&provider, &database);
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    database.execute("CREATE TABLE invoices (number BIGINT); INSERT INTO invoices VALUES (1)").await;
    let file = back_up(&home, &[]);
    database.execute("INSERT INTO invoices VALUES (2)").await;
    let done = restore(&home, &file, &["--replace"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(database.cell("count(*)", "invoices").await.as_deref(), Some("2"));
    assert_eq!(database.cell("count(*)", "llm_providers").await.as_deref(), Some("1"));
}

/// Relays connections to the server of the tests. Ends a connection that has emptied a table when it commits, before the
/// server's answer. Returns the ports of the server and of the relay.
async fn relay_without_confirmation() -> (u16, u16) {
    let server: tokio_postgres::Config = postgres::server().parse().expect("a URL");
    let port = server.get_ports()[0];
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let relay = listener.local_addr().expect("an address").port();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
            let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
            #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
            tokio::spawn(async move {
                let (mut buffer, mut emptied) = (vec![0; 65536], false);
                while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                    let sent = String::from_utf8_lossy(&buffer[..count]);
                    emptied |= sent.contains("DELETE FROM \"llm_providers\"");
                    if emptied && sent.contains("COMMIT") {
                        answers.abort();
                    }
                    to_server.write_all(&buffer[..count]).await.expect("the server reads");
                    if answers.is_finished() {
                        return;
                    }
                }
            });
        }
    });
    (port, relay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_the_database_does_not_confirm_is_not_reported_as_failed() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let home = replicas::home(&provider, &database);
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let file = back_up(&home, &[]);
    let (server, relay) = relay_without_confirmation().await;
    let url = database.url.replace(&format!(":{server}/"), &format!(":{relay}/"));
    let done = restore(&home.with("GOCLAW_DATABASE__URL", &url), &file, &["--replace"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("old content or the restored one; run the command again with --replace"), "{done:?}");
    assert_eq!(database.cell("count(*)", "audit_log WHERE action = 'restored'").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn an_unreadable_row_moves_to_postgresql_and_stays_unreadable() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let key = ("GOCLAW_ENCRYPTION__KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let (sqlite_home, postgres_home) = (Home::new(&provider).with(key.0, key.1), replicas::home(&provider, &database));
    let gateway = sqlite_home.start().await;
    gateway.sign_in().await;
    gateway.post("/v1/tokens", json!({"name": "editor"})).await;
    gateway.stop().await;
    sqlite_home.change_database("UPDATE llm_providers SET settings = 'no JSON', display_name = 'a' || char(0)");
    let done = restore(&postgres_home, &back_up(&sqlite_home, &[]), &[]);
    assert!(done.code == Some(0) && done.stdout.contains("openai-codex: cannot be read"), "{done:?}");
    assert_eq!(database.cell("settings #>> '{}'", "llm_providers").await.as_deref(), Some("no JSON"));
    let gateway = postgres_home.start().await;
    assert_eq!(gateway.status().await["state"], "unreadable");
    assert_eq!(gateway.get("/v1/tokens").await.json()["tokens"][0]["name"], "editor");
}

/// Archives of a PostgreSQL database that went through pg_dump have the tables in this order.
async fn restore_items_before_their_responses(store: &impl TableCopy) {
    let batch = |table: &str, row: Value| {
        let columns = row.as_object().expect("an object").keys().cloned().collect();
        TableRows { table: table.to_owned(), columns, count: 1, rows: json!([row]).to_string() }
    };
    let item = batch("response_items", json!({"item": "item_1", "response": "resp_1"}));
    let response = json!({"id": "resp_1", "owner": "a", "previous": null, "content": "c", "size": 1, "used_at": 1});
    let mut batches = [item, batch("responses", response)].into_iter();
    assert_eq!(store.restore_responses(&mut || Ok(batches.next())).await.expect("both are restored"), 2);
    let orphan = batch("response_items", json!({"item": "item_2", "response": "resp_2"}));
    let mut batches = [orphan].into_iter();
    assert!(store.restore_responses(&mut || Ok(batches.next())).await.is_err(), "references are checked at the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_are_restored_before_their_responses() {
    restore_items_before_their_responses(&*Sqlite::open().await.store()).await;
    restore_items_before_their_responses(&*Postgres::open().await.store()).await;
}

#[test]
fn each_table_of_the_schema_is_copied_or_local_to_a_machine() {
    let schema = include_str!("../../src/adapters/store/schema.rs");
    let in_schema = schema.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let in_schema = in_schema.filter_map(|line| line.trim().split_once(" (")).map(|(table, _)| table);
    let mut in_schema: Vec<&str> = in_schema.collect();
    in_schema.sort_unstable();
    let local = ["change_feed", "login_sessions", "machine_clock", "replicas", "requests"];
    let copied = [Tables::Main, Tables::Responses].map(Tables::names);
    let mut known: Vec<&str> = [&local[..], copied[0], copied[1]].concat();
    known.sort_unstable();
    assert_eq!(in_schema, known, "add a new table to the lists in store/copying.rs, or to those that are local");
}

async fn login_id_in(database: &Database) -> Value {
    json!(database.cell("login_id", "llm_providers").await)
}

#[tokio::test]
async fn a_passphrase_may_come_from_a_pipe_of_the_shell() {
    let home = Home::without_provider();
    home.start().await.stop().await;
    let line = "\"$0\" backup --passphrase-file <(echo \"$1\") backup.age";
    let template = home.command(&[]);
    let mut command = Command::new("bash");
    command.args(["-c", line, env!("CARGO_BIN_EXE_goclaw"), PASSPHRASE]).env_clear().current_dir(home.path());
    command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = CommandOutput::of(command);
    assert_eq!(done.code, Some(0), "{done:?}");
    let new = Home::without_provider();
    fs::create_dir_all(new.data_dir()).expect("a folder");
    fs::copy(home.data_dir().join("encryption.key"), new.data_dir().join("encryption.key")).expect("the key");
    let restored = restore(&new, &home.path().join("backup.age"), &[]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
}

#[tokio::test]
async fn a_failed_backup_or_restore_changes_nothing() {
    let provider = Provider::approving();
    let (home, new) = (Home::new(&provider), Home::new(&provider));
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let path = home.path().join("backup.age").display().to_string();
    let short = home.run_with_input(&["backup", &path], "short\n");
    assert!(short.code == Some(1) && short.stderr.contains("12 characters"), "{short:?}");
    // This makes the backup longer than one encrypted chunk.
    home.change_database(
        "INSERT INTO credential_events (provider, login_id, generation, happening, at) \
         SELECT 'openai-codex', hex(randomblob(16)), value, 'refreshed', value FROM json_each('[' || \
         substr(replace(hex(zeroblob(2000)), '00', ',1'), 2) || ']')",
    );
    let file = back_up(&home, &[]);
    let again = home.run_with_input(&["backup", &path], PASSPHRASE);
    assert!(again.code == Some(1) && again.stderr.contains("exists already"), "{again:?}");

    let without_key = restore(&new, &file, &[]);
    assert!(without_key.code == Some(1) && without_key.stderr.contains("encryption.key"), "{without_key:?}");
    assert!(!new.data_dir().join("goclaw.db").exists());
    let wrong = new.run_with_input(&["restore", &path], "another passphrase\n");
    assert!(wrong.code == Some(1) && wrong.stderr.contains("does not open"), "{wrong:?}");

    fs::create_dir_all(new.data_dir()).expect("a folder");
    fs::copy(home.data_dir().join("encryption.key"), new.data_dir().join("encryption.key")).expect("the key");
    let whole = fs::read(&file).expect("a file");
    let cut = new.path().join("cut.age");
    fs::write(&cut, &whole[..whole.len() - 100]).expect("a file");
    let damaged = restore(&new, &cut, &[]);
    assert!(damaged.code == Some(1) && damaged.stderr.contains("damaged or incomplete"), "{damaged:?}");
    assert_eq!(new.count_accounts_and_refresh_tokens(), (0, 0));
    assert_eq!(new.number("SELECT count(*) FROM key_checks"), 0);
    assert_eq!(restore(&new, &file, &[]).code, Some(0));
    assert_eq!(new.count_accounts_and_refresh_tokens(), (1, 1));
}
