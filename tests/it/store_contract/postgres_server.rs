//! Tests of PostgreSQL alone: concurrent starts, newer schemas, unsafe durability settings, tables and TLS.

use std::{sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        store::{OpenStoreError, PostgresStore},
        system::SystemClock,
    },
    domain::request_record::{TokenUsage, UsageKey, UsageSums},
    ports::{RequestLog, TokenStore},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::{
    fixtures::{Fixture, Postgres},
    samples::{HastyClock, at, author, credential, name},
};
use crate::support::{
    gateway::eventually,
    postgres::{Database, OPTIONS},
};

async fn open(database: &Database) -> Result<PostgresStore, OpenStoreError> {
    PostgresStore::open(&database.url.as_str().into(), &OPTIONS, Arc::new(SystemClock)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_starts_all_succeed() {
    let database = Database::create().await;
    let mut openings = JoinSet::new();
    for _ in 0..4 {
        let url = database.url.as_str().into();
        openings.spawn(async move { PostgresStore::open(&url, &OPTIONS, Arc::new(SystemClock)).await.map(drop) });
    }
    let opened = tokio::time::timeout(Duration::from_secs(30), openings.join_all()).await.expect("all of them open");
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wait_for_another_gateway_s_migration_is_bounded_and_reported() {
    let database = Arc::new(Database::create().await);
    let lock_holder = Arc::clone(&database);
    // 3577 is the lock of the migrations.
    let mut other = JoinSet::new();
    other.spawn(async move { lock_holder.execute("SELECT pg_advisory_lock(3577); SELECT pg_sleep(120)").await });
    let locks = "pg_locks JOIN pg_database ON pg_database.oid = database \
                 WHERE locktype = 'advisory' AND datname = current_database()";
    let is_held = || async { (database.cell("count(*)", locks).await.as_deref() == Some("1")).then_some(()) };
    eventually("the lock to be held", is_held).await;
    let url = database.url.as_str().into();
    let opening = PostgresStore::open(&url, &OPTIONS, Arc::new(HastyClock));
    let opened =
        tokio::time::timeout(Duration::from_secs(60), opening).await.expect("the wait for the lock is bounded");
    let refusal = opened.map(drop).unwrap_err();
    assert!(matches!(refusal, OpenStoreError::Busy { .. }), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_rejected_and_unchanged() {
    let postgres = Postgres::open().await;
    postgres.store().save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    // The `c` marks a contraction of the schema, which older versions cannot use.
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000c')";
    postgres.database.execute(newer).await;
    let refusal = open(&postgres.database).await.map(drop).unwrap_err();
    assert!(matches!(&refusal, OpenStoreError::Newer { found, .. } if found == "99991231000000c"), "{refusal:?}");
    assert!(postgres.store().load(&name("work")).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_the_right_to_create_tables_and_a_standby_are_named_as_such() {
    let database = Database::create().await;
    // Since PostgreSQL 15, only the owner of a database may create tables in the schema `public`.
    let role = format!("guest_of_{}", database.name);
    let statements = format!("CREATE ROLE {role} LOGIN PASSWORD 'guest'; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    database.execute(&statements).await;
    let (_, server) = database.url.split_once('@').unwrap();
    let standby = format!("{}?options=-c%20default_transaction_read_only%3Don", database.url);
    for (url, advice) in [
        (format!("postgres://{role}:guest@{server}"), "make that user the owner of the database"),
        (standby, "whether its PostgreSQL server is a standby"),
    ] {
        let refusal = open(&Database { url, name: database.name.clone() }).await.map(drop).unwrap_err();
        assert!(matches!(refusal, OpenStoreError::Migrate { .. }), "{refusal:?}");
        assert!(refusal.to_string().contains(advice), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_durable_commits_is_rejected() {
    let database = Database::create().await;
    database.execute(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name)).await;
    let refusal = open(&database).await.map(drop).unwrap_err();
    assert!(matches!(refusal, OpenStoreError::NotDurable { .. }), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_default_isolation_level_has_no_effect() {
    let database = Database::create().await;
    let setting = format!("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'", database.name);
    database.execute(&setting).await;
    let store = open(&database).await.expect("the database opens");
    let key = UsageKey { day: 1, program: "laptop".into(), account: "work".into(), model: "a".into() };
    let tokens = TokenUsage { input: 1, cached: 1, output: 1 };
    let sums = UsageSums { requests: 1, failures: 1, tokens };
    // With repeatable read, the row that the other transaction writes meanwhile would be an error.
    let other = "BEGIN; INSERT INTO usage VALUES (1, 'laptop', 'work', 'a', 1, 1, 1, 1, 1); SELECT pg_sleep(2); COMMIT";
    let sleeping = "pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let recording = async {
        let is_written = || async { (database.cell("count(*)", sleeping).await.as_deref() == Some("1")).then_some(()) };
        eventually("the other transaction", is_written).await;
        store.record(&[], &[(key.clone(), sums)]).await
    };
    let ((), recorded) = tokio::join!(database.execute(other), recording);
    recorded.expect("the sums are added");
    assert_eq!(store.usage(1, 1).await.expect("the sums")[0].1.requests, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_stored_in_the_documented_tables() {
    let postgres = Postgres::open().await;
    let credential = credential(1, "openai-codex");
    postgres.store().save_login(&credential, &author(at(0))).await.unwrap();
    let expires_at = credential.metadata.expires_at.map(|at| at.unix_seconds().to_string());
    assert_eq!(postgres.database.cell("settings ->> 'expires_at'", "llm_providers").await, expires_at);
    let secret = "config_secrets WHERE key = 'oauth.openai-codex.refresh_token'";
    assert_eq!(postgres.database.cell("count(*)", secret).await.as_deref(), Some("1"));
}

/// Opens a store at a server that offers no TLS. Returns whether the client continues without TLS.
async fn continues_without_tls(host: &str, options: &str) -> bool {
    /// PostgreSQL's `SSLRequest`: its length and the code 80877103.
    const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("postgres://user:password@{host}:{port}/database{options}").into();
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut start = [0; 8];
        stream.read_exact(&mut start).await.expect("a request");
        if start != TLS_REQUEST {
            return true;
        }
        stream.write_all(b"N").await.expect("a refusal");
        stream.read(&mut start).await.is_ok_and(|length| length > 0)
    };
    let (opened, continues) = tokio::join!(PostgresStore::open(&url, &OPTIONS, Arc::new(SystemClock)), server);
    assert!(matches!(opened.map(drop), Err(OpenStoreError::Connect { .. })), "{host}{options}");
    continues
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_connections_to_this_machine_may_continue_without_tls() {
    for (host, options, expected) in [
        // Every name or address except loopback counts as another machine.
        ("0.0.0.0", "", false),
        ("0.0.0.0", "?sslmode=prefer", false),
        ("0.0.0.0", "?sslmode=require", false),
        ("0.0.0.0", "?sslmode=disable", true),
        ("127.0.0.1", "", true),
        ("localhost", "", true),
        ("localhost", "?sslmode=require", false),
    ] {
        assert_eq!(continues_without_tls(host, options).await, expected, "{host}{options}");
    }
}
