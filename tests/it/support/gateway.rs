//! Runs the gateway as a process in a temporary folder, and calls its HTTP API.

use std::{
    fs,
    io::{Seek, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use diesel::{
    Connection, QueryResult, RunQueryDsl, SqliteConnection, connection::SimpleConnection, dsl::sql, sql_types,
};
use reqwest::{Client, Method, redirect};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use super::{command_output::CommandOutput, http_response::HttpResponse};
use super::{leaks::files_with_secrets, provider::Provider};

/// The pause between two polls.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The time limit of [`eventually`] and of each request. It exceeds the gateway's own timeout for provider requests.
pub(crate) const TEST_DEADLINE: Duration = Duration::from_secs(40);
/// Below Linux's ephemeral ports: an outgoing connection could take one of those between the probe and its use.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Returns an HTTP client that follows no redirects.
pub(crate) fn http() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| client(redirect::Policy::none())).clone()
}

/// Returns an HTTP client that follows redirects.
pub(crate) fn redirecting_http() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| client(redirect::Policy::limited(5))).clone()
}

/// Builds a client. It reads the system's certificates, so callers keep it.
fn client(redirects: redirect::Policy) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A pooled connection that the gateway closes meanwhile would fail an unrelated request.
    let client = Client::builder().redirect(redirects).no_proxy().pool_max_idle_per_host(0).timeout(TEST_DEADLINE);
    client.build().expect("a client")
}

/// Returns a port that is free on both loopback families and unique within this run.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Parallel runs start at different ports: 1,000 starts, 11 ports apart, fit into the range.
    let start = u16::try_from(std::process::id() % 1_000).unwrap_or_default() * 11;
    for _ in PORTS {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + offset % (PORTS.end - PORTS.start);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("::1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// Polls `look` until it returns a value.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            pause(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(TEST_DEADLINE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}

/// Sleeps in real time.
#[expect(clippy::disallowed_methods, reason = "processes have no fake clock")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Blocks the thread, for tests without a runtime.
#[expect(clippy::disallowed_methods, reason = "processes have no fake clock")]
pub(crate) fn sleep_thread(time: Duration) {
    std::thread::sleep(time);
}

/// The temporary folder, ports and environment of a gateway under test.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) callback_port: u16,
    variables: Vec<(String, String)>,
    /// The path of another version of the program; None for the tested one.
    program: Option<PathBuf>,
    /// Whether the test itself writes secrets into files.
    pub(crate) plants_secrets: bool,
}

impl Home {
    /// Configures a gateway to use `provider`.
    pub(crate) fn new(provider: &Provider) -> Self {
        Self::without_provider()
            .with("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", &provider.issuer)
            .with("GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE", &provider.backend_url)
            .with("GOCLAW_PROVIDERS__SUNO__API_BASE", &provider.studio_url)
            .with("GOCLAW_PROVIDERS__SUNO__SESSION_URL", &provider.sessions_url)
            .with("GOCLAW_PROVIDERS__DASHSCOPE__API_BASE", &provider.dashscope_url)
    }

    /// Configures a gateway that calls no provider.
    pub(crate) fn without_provider() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            port: free_port(),
            callback_port: free_port(),
            variables: Vec::new(),
            program: None,
            plants_secrets: false,
        }
    }

    pub(crate) fn with_program(mut self, program: PathBuf) -> Self {
        self.program = Some(program);
        self
    }

    /// Sends the requests of all built-in accounts to one server. By default they go to the real providers.
    pub(crate) fn with_providers_at(self, server: &str) -> Self {
        let variables = [
            "OPENAI_CODEX__ISSUER",
            "OPENAI_CODEX__API_BASE",
            "SUNO__API_BASE",
            "SUNO__SESSION_URL",
            "DASHSCOPE__API_BASE",
        ];
        variables.iter().fold(self, |home, name| home.with(&format!("GOCLAW_PROVIDERS__{name}"), server))
    }

    /// Adds an environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Returns the gateway token: the configured one, or else the generated one.
    fn token(&self) -> String {
        if let Some((_, token)) = self.variables.iter().find(|(name, _)| name == "GOCLAW_SERVER__TOKEN") {
            return token.clone();
        }
        fs::read_to_string(self.data_dir().join("gateway.token")).expect("a token file").trim().to_owned()
    }

    /// Builds a `goclaw` command. It inherits only `PATH` from the test's environment.
    #[expect(clippy::disallowed_methods, reason = "a child process needs PATH")]
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let own = Path::new(env!("CARGO_BIN_EXE_goclaw"));
        let mut command = Command::new(self.program.as_deref().unwrap_or(own));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("RUST_LOG", "trace")
            .env("GOCLAW_DATA_DIR", self.data_dir())
            .env("GOCLAW_PORT", self.port.to_string())
            .env("GOCLAW_CALLBACK__PORT", self.callback_port.to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a `goclaw` command until it exits.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::of(self.command(arguments))
    }

    /// Runs a `goclaw` command with `input` on stdin until it exits.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> CommandOutput {
        let mut stdin = tempfile::tempfile().expect("an input file");
        stdin.write_all(input.as_bytes()).and_then(|()| stdin.rewind()).expect("an input file");
        let mut command = self.command(arguments);
        command.stdin(stdin);
        CommandOutput::of(command)
    }

    /// Starts a gateway and waits until it is healthy.
    pub(crate) async fn start(&self) -> Gateway {
        self.wait_until_healthy(self.spawn(self.command(&[]), "gateway")).await
    }

    /// Waits until a spawned gateway is healthy. [`Gateway::log`] reads the output of the spawn name `gateway`.
    pub(crate) async fn wait_until_healthy(&self, child: Child) -> Gateway {
        let base = format!("http://127.0.0.1:{}", self.port);
        let mut gateway = Gateway { child, base, token: String::new(), logs: self.path().to_owned() };
        let url = format!("{}/healthz", gateway.base);
        let healthy = || async { http().get(&url).send().await.ok().filter(|response| response.status().is_success()) };
        eventually("the gateway to be healthy", healthy).await;
        gateway.token = self.token();
        gateway
    }

    /// Starts a program and appends its output to `NAME.stdout` and `NAME.stderr`.
    pub(crate) fn spawn(&self, mut command: Command, name: &str) -> Child {
        let log = |stream: &str| {
            let path = self.path().join(format!("{name}.{stream}"));
            fs::File::options().create(true).append(true).open(path).expect("a log")
        };
        command.stdout(log("stdout")).stderr(log("stderr")).spawn().expect("it starts")
    }

    /// Returns the output of a program that [`Home::spawn`] started, up to now.
    pub(crate) fn printed(&self, name: &str, stream: &str) -> String {
        fs::read_to_string(self.path().join(format!("{name}.{stream}"))).unwrap_or_default()
    }

    /// Counts the stored accounts and refresh tokens.
    pub(crate) fn count_accounts_and_refresh_tokens(&self) -> (i64, i64) {
        (self.number("SELECT count(*) FROM llm_providers"), self.number("SELECT count(*) FROM config_secrets"))
    }

    /// Runs a query that returns one number, on a separate database connection.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.query_database(|database| sql::<sql_types::BigInt>(query).get_result(database))
    }

    pub(crate) fn text(&self, query: &str) -> String {
        self.query_database(|database| sql::<sql_types::Text>(query).get_result(database))
    }

    /// Runs a statement on a separate database connection.
    pub(crate) fn change_database(&self, statement: &str) {
        self.query_database(|database| diesel::sql_query(statement).execute(database));
    }

    /// Runs a statement on the database file of the remembered responses.
    pub(crate) fn change_responses(&self, statement: &str) {
        self.query_file("goclaw.responses.db", |file| diesel::sql_query(statement).execute(file));
    }

    fn query_database<T>(&self, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> T {
        self.query_file("goclaw.db", query)
    }

    fn query_file<T>(&self, name: &str, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> T {
        let path = self.data_dir().join(name).display().to_string();
        let mut database = SqliteConnection::establish(&path).expect("a database");
        // A gateway may be writing at the moment.
        database.batch_execute("PRAGMA busy_timeout = 5000").expect("a pragma");
        query(&mut database).expect("the query runs")
    }
}

impl Drop for Home {
    /// Checks that the test left no secret in plain text, unless it has failed already.
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.plants_secrets {
            let found = files_with_secrets(self.path(), &self.data_dir());
            assert!(found.is_empty(), "secrets in plain text: {found:?}");
        }
    }
}

/// A running gateway. Dropping it kills the process with SIGKILL.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) base: String,
    pub(crate) token: String,
    logs: PathBuf,
}

impl Gateway {
    pub(crate) async fn get(&self, path: &str) -> HttpResponse {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> HttpResponse {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Sends a request with the gateway token.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> HttpResponse {
        self.call_as(&self.token, method, path, body).await
    }

    pub(crate) async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> HttpResponse {
        let request = http().request(method, format!("{}{path}", self.base)).bearer_auth(token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        HttpResponse::of(request.send().await.expect("a response")).await
    }

    pub(crate) async fn status(&self) -> Value {
        self.get("/v1/auth/openai/status").await.json()
    }

    /// Starts a ChatGPT login and returns the response body.
    pub(crate) async fn start_login(&self) -> Value {
        let response = self.post("/v1/auth/openai/start", serde_json::json!({})).await;
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()
    }

    /// Completes a login at a provider that approves every one, and returns the final page.
    pub(crate) async fn sign_in(&self) -> HttpResponse {
        self.approve(&self.start_login().await).await
    }

    /// Completes a new login for an account that is connected already.
    pub(crate) async fn sign_in_again(&self) -> HttpResponse {
        let started = self.post("/v1/auth/openai/start", serde_json::json!({"force": true})).await;
        self.approve(&started.json()).await
    }

    async fn approve(&self, started: &Value) -> HttpResponse {
        let url = started["auth_url"].as_str().expect("an auth_url");
        HttpResponse::of(redirecting_http().get(url).send().await.expect("a page")).await
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Returns everything that gateways in this home have printed.
    pub(crate) fn log(&self) -> String {
        let read = |stream: &str| fs::read_to_string(self.logs.join(format!("gateway.{stream}"))).unwrap_or_default();
        ["stdout", "stderr"].map(read).concat()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let arguments = ["-s", name, &self.child.id().to_string()];
        let killed = Command::new("kill").args(arguments).status().expect("kill runs");
        assert!(killed.success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// Waits until the process exits.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the gateway to end", || std::future::ready(child.try_wait().expect("its status"))).await
    }

    /// Sends SIGTERM and waits for a successful exit.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        assert!(self.ended().await.success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
