//! Measures the time and the memory of a gateway's start with very many accounts, on a SQLite file with a token
//! journal. Then measures one refresh pass over the accounts whose access tokens have expired, 1 % of all.
//!
//!     cargo bench --bench many_accounts            # 100,000 accounts
//!     cargo bench --bench many_accounts -- 10000
//!     cargo bench --bench many_accounts -- 10000 FOLDER    # keeps the data folder

// Makes clippy treat the whole file as test code, helpers included.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query, sql_types::Text};
use goclaw::{
    adapters::{
        cipher::{EncryptionKey, XChaChaCipher},
        store::SqliteStore,
        system::{SystemClock, SystemRandom},
    },
    app::Vault,
    domain::{
        ids::{AccountName, LoginId},
        provider::ProviderType,
        refresh::TokenVersion,
        sealed::{SealContext, TokenPlace, refresh_token_key},
    },
    ports::{Clock, SecretCipher},
};
use goclaw_simulator::{Options, Settings, Simulator};
use serde_json::{Value, json};
use url::Url;

/// The lengths of ChatGPT's access tokens, which are JWTs, and of its refresh tokens.
const ACCESS_TOKEN_BYTES: usize = 1_900;
const REFRESH_TOKEN_BYTES: usize = 90;
/// Far more than a start with 100,000 accounts takes.
const READY_DEADLINE: Duration = Duration::from_mins(10);
/// One in this many accounts is due for a refresh.
const ONE_DUE_IN: usize = 100;
/// The PKCE pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
const REDIRECT_URI: &str = "http://localhost:1455/auth/callback";

/// Tokens in clear text.
struct TokenPair {
    access: String,
    refresh: String,
}

fn main() {
    let accounts = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    // A kept folder allows a start of another version of the program on the same data.
    let folder = std::env::args().nth(2).map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let due = accounts / ONE_DUE_IN;
    let (provider, tokens) = runtime.block_on(async {
        let settings = Settings::default().with_accounts(u32::try_from(due).expect("a count"));
        let provider = Simulator::start(Options { settings, ..Options::default() }).await.expect("a provider");
        let tokens = sign_in(&provider, due).await;
        (provider, tokens)
    });
    runtime.block_on(async {
        SqliteStore::open(&folder.join("goclaw.db"), Arc::new(SystemClock)).await.expect("it opens")
    });
    populate(&folder, accounts, &tokens);
    println!("{accounts} accounts made in {:?}", begun.elapsed());
    // Several starts, because the first one may have to read files from the disk.
    for _ in 0..3 {
        Gateway::start(&folder, provider.issuer(), false).stop();
    }
    refresh_pass(&folder, &provider, due);
}

/// Signs this many accounts in at the provider.
async fn sign_in(provider: &Simulator, count: usize) -> Vec<TokenPair> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut tokens = Vec::new();
    for account in 0..count {
        let query = [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile email offline_access"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "0123456789abcdef0123456789abcdef"),
        ];
        let address = Url::parse_with_params(&format!("{}/oauth/authorize", provider.issuer()), query);
        let callback = provider.approve(address.expect("an address").as_str(), account).expect("a callback");
        let callback = Url::parse(&callback).expect("an address");
        let (_, code) = callback.query_pairs().find(|(name, _)| name == "code").expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
            ("code", &code),
        ];
        let response = http.post(format!("{}/oauth/token", provider.issuer())).form(&form).send().await;
        let response: Value = response.expect("a response").json().await.expect("tokens");
        let text = |member: &str| response[member].as_str().expect("a token").to_owned();
        tokens.push(TokenPair { access: text("access_token"), refresh: text("refresh_token") });
    }
    tokens
}

/// Starts the gateway and measures the time until every due account has been refreshed.
fn refresh_pass(folder: &Path, provider: &Simulator, due: usize) {
    let gateway = Gateway::start(folder, provider.issuer(), true);
    let begun = Instant::now();
    while provider.presentation_totals().rotated < u32::try_from(due).expect("a count") {
        assert!(
            begun.elapsed() < Duration::from_mins(5),
            "the refresh pass does not end: {:?}",
            provider.presentation_totals()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let (took, totals) = (begun.elapsed(), provider.presentation_totals());
    assert_eq!(totals.presentations, totals.rotated, "each refresh token is presented once: {totals:?}");
    println!("{due} due accounts refreshed in {took:?}, {:?} each", took / u32::try_from(due).expect("a count"));
    gateway.stop();
}

/// Fills a data folder: a database with accounts, and a token journal with their tokens. The accounts with an entry in
/// `tokens` are due.
fn populate(folder: &Path, accounts: usize, tokens: &[TokenPair]) {
    let key = EncryptionKey::from_bytes([7; 32]);
    fs::write(folder.join("encryption.key"), secrecy::ExposeSecret::expose_secret(&key.to_text())).expect("a key");
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
    };
    set_mode(&folder.join("encryption.key"), 0o600);
    // The name of the token journal's folder.
    let journal = folder.join("escrow");
    fs::create_dir(&journal).expect("a folder");
    set_mode(&journal, 0o700);
    let cipher = Arc::new(XChaChaCipher::new(&key.into(), Arc::new(SystemRandom)));
    let database = folder.join("goclaw.db");
    let mut connection = SqliteConnection::establish(&database.display().to_string()).expect("a database");
    connection.batch_execute("PRAGMA synchronous = OFF; BEGIN").expect("a transaction");
    let check = Vault::new(cipher.clone()).key_check().expect("a check");
    sql_query("INSERT INTO key_checks VALUES (?, ?, 0)")
        .bind::<Text, _>(check.key_id.as_str())
        .bind::<Text, _>(check.value.as_str())
        .execute(&mut connection)
        .expect("the check");
    for number in 0..accounts {
        insert_account(&mut connection, &journal, cipher.as_ref(), number, tokens.get(number));
    }
    connection.batch_execute("COMMIT").expect("the accounts");
}

/// Inserts the rows of one account and writes its journal record.
fn insert_account(
    connection: &mut SqliteConnection,
    journal: &Path,
    cipher: &XChaChaCipher,
    number: usize,
    due: Option<&TokenPair>,
) {
    let name = AccountName::parse(&format!("work-{number}")).expect("a name");
    let login_id = LoginId::from_stored(format!("{number:032x}"));
    let version = TokenVersion::first_of(login_id.clone());
    let place = TokenPlace { name: &name, provider_type: ProviderType::OpenaiCodex, version: &version };
    let (access, refresh) = match due {
        Some(tokens) => (tokens.access.clone(), tokens.refresh.clone()),
        None => ("a".repeat(ACCESS_TOKEN_BYTES), "r".repeat(REFRESH_TOKEN_BYTES)),
    };
    let access = cipher.seal(&SealContext::AccessToken(place), &access).expect("it is sealed");
    let refresh = cipher.seal(&SealContext::RefreshToken(place), &refresh).expect("it is sealed");
    let now = SystemClock.now().unix_seconds();
    let expires_at = if due.is_some() { now } else { now + 10 * 86_400 };
    // The simulator numbers its accounts from 1.
    let owner = number + 1;
    let settings = json!({
        "auth_method": "oauth", "obtained_at": now, "expires_at": expires_at, "scopes": "openid profile email",
        "account_id": format!("00000000-0000-4000-8000-{owner:012}"), "user_id": format!("user-simulated-{owner}"),
        "email": format!("person{owner}@example.com"), "plan_type": "plus",
    });
    let columns = "(id, name, provider_type, api_base, api_key, settings, login_id, created_at, updated_at, revision)";
    sql_query(format!("INSERT INTO llm_providers {columns} VALUES (?, ?, 'openai-codex', '', ?, ?, ?, 0, 0, 0)"))
        .bind::<Text, _>(format!("id-{number}"))
        .bind::<Text, _>(name.as_str())
        .bind::<Text, _>(access.as_str())
        .bind::<Text, _>(settings.to_string())
        .bind::<Text, _>(login_id.as_str())
        .execute(connection)
        .expect("an account");
    sql_query("INSERT INTO config_secrets VALUES (?, ?, 0, 0)")
        .bind::<Text, _>(refresh_token_key(&name))
        .bind::<Text, _>(refresh.as_str())
        .execute(connection)
        .expect("a refresh token");
    let record = json!({
        "name": name.as_str(), "login_id": login_id.as_str(), "access_token": access.as_str(),
        "refresh_token": refresh.as_str(), "same_account": true, "settings": settings,
    });
    let path = journal.join(format!("{name}.{login_id}.first.committed.json"));
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(record.to_string().as_bytes())).expect("a record");
}

/// A gateway process.
struct Gateway(Child);

impl Gateway {
    /// Starts a gateway, waits until it is ready, and prints the time and the memory.
    fn start(folder: &Path, issuer: &str, refreshes: bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|probe| probe.local_addr()).expect("a port").port();
        let begun = Instant::now();
        let mut gateway = Command::new(env!("CARGO_BIN_EXE_goclaw"))
            .env_clear()
            .env("HOME", folder)
            .env("GOCLAW_DATA_DIR", folder)
            .env("GOCLAW_PORT", port.to_string())
            .env("GOCLAW_REFRESH__PROACTIVE", refreshes.to_string())
            .env("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", issuer)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        while !is_ready(port) {
            assert!(begun.elapsed() < READY_DEADLINE, "the gateway is not ready after {READY_DEADLINE:?}");
            assert!(gateway.try_wait().expect("its status").is_none(), "the gateway ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        let took = begun.elapsed();
        let (now, peak) = (memory(&gateway, "VmRSS:"), memory(&gateway, "VmHWM:"));
        println!("ready after {took:?}; memory {now} MiB, at most {peak} MiB");
        Self(gateway)
    }

    fn stop(mut self) {
        Command::new("kill").arg(self.0.id().to_string()).status().expect("kill runs");
        self.0.wait().expect("it ends");
    }
}

fn is_ready(port: u16) -> bool {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    asked().is_ok_and(|response| response.starts_with("HTTP/1.1 200"))
}

/// Returns a field of `/proc/PID/status` in MiB.
fn memory(process: &Child, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("its status");
    let found = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    found.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}
