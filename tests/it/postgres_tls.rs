//! Tests against a PostgreSQL server with TLS, set up as on Debian: the effect of each `sslmode`, and the wait at
//! start.

use std::{fs, net::Ipv4Addr, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        store::{PostgresOptions, PostgresStore},
        system::SystemClock,
    },
    ports::chain,
};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::{
    gateway::{Home, eventually},
    postgres_server::{PASSWORD, PostgresServer},
};

/// `pg_hba.conf` as on Debian, with rules for databases that accept only one kind of connection.
const RULES: &str = "\
local     all         all     scram-sha-256
hostssl   only_tls    all all scram-sha-256
hostnossl only_plain  all all scram-sha-256
host      by_password all all password
hostssl   by_cert     all all cert
host      postgres    all all scram-sha-256
";
const DATABASES: [&str; 4] = ["only_tls", "only_plain", "by_password", "by_cert"];
/// An address of this machine that the store treats as another machine.
const ELSEWHERE: &str = "0.0.0.0";

async fn start_server() -> PostgresServer {
    let mut server = PostgresServer::create(RULES);
    server.start();
    let client = server.client().await;
    for name in DATABASES {
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    }
    server
}

/// Opens a store. Returns `tls` or `plain` and the connection's application name, or the error text.
async fn open_store(server: &PostgresServer, url: &str, ca_file: Option<PathBuf>) -> String {
    let options = PostgresOptions { pool_size: 1, wait: Duration::ZERO, ca_file };
    let store = match PostgresStore::open(&url.into(), &options, Arc::new(SystemClock)).await {
        Ok(store) => store,
        Err(error) => {
            let text = format!("{error}: {}", chain(&error));
            assert!(!text.contains(PASSWORD), "{text}");
            return text;
        }
    };
    let query = "SELECT CASE WHEN ssl THEN 'tls' ELSE 'plain' END || ' ' || application_name \
                 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1";
    let protection = server.client().await.query_one(query, &[]).await.unwrap().get(0);
    drop(store);
    // Wait until the connection is closed, so that the next call finds only its own.
    let no_other_connection_query =
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let client = server.client().await;
    let is_gone =
        || async { client.query_one(no_other_connection_query, &[]).await.unwrap().get::<_, bool>(0).then_some(()) };
    eventually("the connection to end", is_gone).await;
    protection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sslmode_protects_as_documented() {
    let server = start_server().await;
    let file = |name: &str| server.path(name).display().to_string();
    let (own, other) = (format!("sslrootcert={}", file("server.pem")), format!("sslrootcert={}", file("ca.pem")));
    let client_certificate = format!("sslcert={}&sslkey={}", file("client.pem"), file("client.key"));
    let unverified = "UnknownIssuer; if the server's certificate is self-signed, use sslmode=require";
    for (host, rest, expected) in [
        // To this machine, every mode works as in libpq.
        ("localhost", "postgres".to_owned(), "tls goclaw"),
        ("localhost", "only_plain".to_owned(), "plain goclaw"),
        ("localhost", "postgres?sslmode=disable".to_owned(), "plain goclaw"),
        ("localhost", "postgres?sslmode=allow".to_owned(), "plain goclaw"),
        ("localhost", "only_tls?sslmode=allow".to_owned(), "tls goclaw"),
        ("localhost", "postgres?sslmode=prefer&application_name=mine".to_owned(), "tls mine"),
        ("localhost", "only_plain?sslmode=require".to_owned(), "no pg_hba.conf entry"),
        // To other machines, only `disable` permits plain text.
        (ELSEWHERE, "postgres".to_owned(), unverified),
        (ELSEWHERE, "postgres?sslmode=allow".to_owned(), unverified),
        (ELSEWHERE, "postgres?sslmode=prefer".to_owned(), unverified),
        (ELSEWHERE, "postgres?sslmode=disable".to_owned(), "plain goclaw"),
        // Without sslrootcert, the server must prove with SCRAM that it has the password.
        (ELSEWHERE, "postgres?sslmode=require".to_owned(), "tls goclaw"),
        (ELSEWHERE, "by_password?sslmode=require".to_owned(), "needs a password with scram-sha-256"),
        (ELSEWHERE, "by_password?sslmode=require&channel_binding=prefer".to_owned(), "tls goclaw"),
        (ELSEWHERE, format!("by_password?sslmode=require&{own}"), "tls goclaw"),
        (ELSEWHERE, format!("postgres?sslmode=require&{other}"), "the file of sslrootcert must contain"),
        (ELSEWHERE, format!("postgres?sslmode=verify-ca&{own}"), "tls goclaw"),
        (ELSEWHERE, format!("postgres?sslmode=verify-ca&{other}"), "the file of sslrootcert must contain"),
        (ELSEWHERE, format!("postgres?sslmode=verify-full&{own}"), "not valid for name \"0.0.0.0\""),
        ("localhost", format!("postgres?sslmode=verify-full&{own}"), "tls goclaw"),
        ("localhost", "postgres?sslmode=verify-full".to_owned(), unverified),
        ("localhost", "postgres?sslrootcert=system".to_owned(), unverified),
        ("localhost", format!("by_cert?sslmode=verify-full&{own}&{client_certificate}"), "tls goclaw"),
        ("localhost", format!("by_cert?sslmode=verify-full&{own}"), "requires a valid client certificate"),
    ] {
        let found = open_store(&server, &server.url(host, &rest), None).await;
        assert!(found.contains(expected), "{host}/{rest}: {found}");
    }
    let socket = server.path("").display().to_string().replace('/', "%2F");
    for parameters in ["sslmode=require", "sslmode=verify-full&sslrootcert=system", "sslcert=/some&sslkey=/other"] {
        let found = open_store(&server, &server.url(&socket, &format!("postgres?{parameters}")), None).await;
        assert_eq!(found, "plain goclaw", "TLS parameters are ignored, as in libpq: {parameters}");
    }
    let ca_file = Some(server.path("server.pem"));
    let url = server.url("localhost", "postgres?sslmode=verify-full");
    assert_eq!(
        open_store(&server, &url, ca_file).await,
        "tls goclaw",
        "tls.ca_file is trusted in addition to the system's authorities"
    );
}

/// The first host drops packets, like a primary that was cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_host_is_tried_if_the_first_one_does_not_answer() {
    let server = start_server().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let silent = socket.listen(1).unwrap();
    let address = silent.local_addr().unwrap();
    // Once the queue of the listener is full, Linux drops further packets.
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queued.push(stream);
    }
    let url = server.url("localhost", "postgres?sslmode=disable");
    let url = url.replace("@localhost", &format!("@{address},localhost"));
    assert_eq!(open_store(&server, &url, None).await, "plain goclaw");
}

#[test]
fn a_url_with_invalid_tls_options_is_rejected_before_connecting() {
    let folder = tempfile::tempdir().unwrap();
    let (key, empty) = (folder.path().join("client.key"), folder.path().join("empty.pem"));
    for file in [&key, &empty] {
        fs::write(file, "").unwrap();
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (key, empty) = (key.display(), empty.display());
    for (parameters, expected) in [
        ("sslmode=CANARY".to_owned(), "sslmode must be disable, allow, prefer, require, verify-ca or verify-full"),
        ("sslmode=verify-ca".to_owned(), "needs sslrootcert=FILE"),
        ("sslmode=require&sslrootcert=system".to_owned(), "needs sslmode=verify-full"),
        ("sslcert=/CANARY".to_owned(), "sslcert and sslkey must be set together"),
        ("sslmode=disable&sslrootcert=/some".to_owned(), "sslmode=disable contradicts"),
        ("sslrootcert=/missing.pem".to_owned(), "cannot read the file /missing.pem of sslrootcert"),
        (format!("sslrootcert={empty}"), "has no certificate in PEM"),
        (format!("sslcert={empty}&sslkey={key}"), "has no certificate in PEM"),
        ("ssl_mode=require".to_owned(), "unknown option `ssl_mode`"),
    ] {
        let url = format!("postgres://user:CANARY@db.example/database?{parameters}");
        let error = PostgresStore::check(&url.into()).unwrap_err();
        let text = format!("{error}: {}", chain(&error));
        assert!(text.contains(expected) && !text.contains("CANARY"), "{parameters}: {text}");
    }
}

#[test]
fn a_private_key_that_others_may_read_is_refused() {
    let server = PostgresServer::create(RULES);
    let url = |host| {
        let (certificate, key) = (server.path("client.pem"), server.path("client.key"));
        server.url(host, &format!("postgres?sslcert={}&sslkey={}", certificate.display(), key.display()))
    };
    PostgresStore::check(&url("db.example").into()).unwrap();
    fs::set_permissions(server.path("client.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = chain(&PostgresStore::check(&url("db.example").into()).unwrap_err());
    assert!(error.contains("other users may read the private key") && error.contains("mode 0644"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_waits_for_a_database_that_is_not_up_yet() {
    let mut server = PostgresServer::create(RULES);
    let home = Home::without_provider()
        .with("GOCLAW_DATABASE__URL", &server.url("localhost", "postgres"))
        .with("GOCLAW_DATABASE__POOL_SIZE", "1")
        .with("GOCLAW_SERVER__TOKEN", &"t".repeat(32))
        .with("GOCLAW_ENCRYPTION__KEY", &"0".repeat(64))
        .with("RUST_LOG", "info");
    let gateway = home.spawn(home.command(&[]), "gateway");
    let is_waiting = || async { home.printed("gateway", "stderr").contains("waiting up to").then_some(()) };
    eventually("the gateway to wait", is_waiting).await;
    server.start();
    drop(home.wait_until_healthy(gateway).await);
    let log = home.printed("gateway", "stderr");
    assert_eq!(log.matches("is not available yet").count(), 1, "{log}");
    assert!(log.contains("the database postgres on localhost is available"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_waits_for_a_server_that_accepts_writes() {
    let mut server = PostgresServer::create(RULES);
    server.start();
    let client = server.client().await;
    client.batch_execute("ALTER ROLE postgres SET default_transaction_read_only = on").await.expect("a setting");
    let url = server.url("localhost", "postgres?target_session_attrs=read-write");
    let home = Home::without_provider()
        .with("GOCLAW_DATABASE__URL", &url)
        .with("GOCLAW_SERVER__TOKEN", &"t".repeat(32))
        .with("GOCLAW_ENCRYPTION__KEY", &"0".repeat(64));
    let gateway = home.spawn(home.command(&[]), "gateway");
    let is_waiting = || async { home.printed("gateway", "stderr").contains("waiting up to").then_some(()) };
    eventually("the gateway to wait", is_waiting).await;
    // This connection is older than the setting.
    client.batch_execute("ALTER ROLE postgres RESET default_transaction_read_only").await.expect("a setting");
    drop(home.wait_until_healthy(gateway).await);
}

#[test]
fn with_a_wait_of_zero_the_start_fails_at_once() {
    let home = Home::without_provider()
        .with("GOCLAW_DATABASE__URL", "postgres://user:password@127.0.0.1:9/database")
        .with("GOCLAW_DATABASE__WAIT", "0")
        .with("GOCLAW_SERVER__TOKEN", &"t".repeat(32))
        .with("GOCLAW_ENCRYPTION__KEY", &"0".repeat(64))
        .with("RUST_LOG", "info");
    let output = home.run(&[]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("cannot open the database database on 127.0.0.1"), "{}", output.stderr);
    assert!(!output.stderr.contains("is not available yet"), "{}", output.stderr);
}
