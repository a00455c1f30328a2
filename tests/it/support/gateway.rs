//! The gateway as a process of its own, in a folder of its own, and a client for it: what a test knows, its users know.

use std::{
    fs,
    io::{Read, Seek, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use diesel::{Connection, QueryResult, RunQueryDsl, SqliteConnection, dsl::sql, sql_types};
use reqwest::{Client, Method, header::HeaderMap, redirect};
use serde_json::Value;
use tempfile::TempDir;

use super::provider::Provider;

/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long anything may take before a test gives up. Above the gateway's own limit for an answer of the provider.
pub(crate) const TEST_DEADLINE: Duration = Duration::from_secs(40);
/// Below the ports that Linux gives to outgoing connections, any of which could take a port between probe and use.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// An HTTP client that follows nothing, so that a test sees every step.
pub(crate) fn http() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| client(redirect::Policy::none())).clone()
}

/// An HTTP client that follows redirects, as a browser does.
pub(crate) fn browser_like() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| client(redirect::Policy::limited(5))).clone()
}

/// Made once for each: it reads the system's certificates.
fn client(redirects: redirect::Policy) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // No connection is kept: one that the gateway closes meanwhile would fail a request for no reason of interest.
    let client = Client::builder().redirect(redirects).no_proxy().pool_max_idle_per_host(0).timeout(TEST_DEADLINE);
    client.build().expect("a client")
}

/// A port that nobody listens on, on either loopback family, and that no other test of this run gets.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run beside this one begins elsewhere.
    let start = u16::try_from(std::process::id() % 1_000).unwrap_or_default() * 11;
    loop {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + offset % (PORTS.end - PORTS.start);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("::1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until `look` returns something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            pause(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(TEST_DEADLINE, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Lets real time pass; only for looking again.
#[expect(clippy::disallowed_methods, reason = "processes have no fake clock")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The same for a test that has nothing else to do meanwhile.
#[expect(clippy::disallowed_methods, reason = "processes have no fake clock")]
fn sleep_thread(time: Duration) {
    std::thread::sleep(time);
}

/// Where a gateway of a test lives: its data folder and the environment that every program there gets.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) callback_port: u16,
    variables: Vec<(String, String)>,
}

impl Home {
    /// A new home whose gateway signs in at `provider`.
    pub(crate) fn new(provider: &Provider) -> Self {
        Self::without_provider()
            .with("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", &provider.issuer)
            .with("GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE", &provider.backend_url)
            .with("GOCLAW_PROVIDERS__SUNO__API_BASE", &provider.studio_url)
            .with("GOCLAW_PROVIDERS__SUNO__SESSION_URL", &provider.sessions_url)
            .with("GOCLAW_PROVIDERS__DASHSCOPE__API_BASE", &provider.dashscope_url)
    }

    /// A new home for what never calls a provider.
    pub(crate) fn without_provider() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            port: free_port(),
            callback_port: free_port(),
            variables: Vec::new(),
        }
    }

    /// The same home with one more variable set.
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

    /// The token of the gateway: the configured one, else the one it made for itself.
    fn token(&self) -> String {
        if let Some((_, token)) = self.variables.iter().find(|(name, _)| name == "GOCLAW_SERVER__TOKEN") {
            return token.clone();
        }
        fs::read_to_string(self.data_dir().join("gateway.token")).expect("a token file").trim().to_owned()
    }

    /// A `goclaw` command in this home: nothing of the test's own environment gets in but the way to programs.
    #[expect(clippy::disallowed_methods, reason = "the one variable that a child needs")]
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goclaw"));
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

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::of(self.command(arguments))
    }

    /// Runs a command to its end with something on its stdin.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> CommandOutput {
        let mut stdin = tempfile::tempfile().expect("an input file");
        stdin.write_all(input.as_bytes()).and_then(|()| stdin.rewind()).expect("an input file");
        let mut command = self.command(arguments);
        command.stdin(stdin);
        CommandOutput::of(command)
    }

    /// Starts a gateway here and waits until it answers.
    pub(crate) async fn start(&self) -> Gateway {
        self.answering(self.spawn(self.command(&[]), "gateway")).await
    }

    /// Waits until a gateway that was started as `gateway` answers.
    pub(crate) async fn answering(&self, child: Child) -> Gateway {
        let base = format!("http://127.0.0.1:{}", self.port);
        let mut gateway = Gateway { child, base, token: String::new(), logs: self.path().to_owned() };
        let url = format!("{}/healthz", gateway.base);
        let healthy = || async { http().get(&url).send().await.ok().filter(|response| response.status().is_success()) };
        eventually("the gateway to answer", healthy).await;
        gateway.token = self.token();
        gateway
    }

    /// Starts a program whose output goes to `NAME.stdout` and `NAME.stderr` here, so that it can be read meanwhile.
    pub(crate) fn spawn(&self, mut command: Command, name: &str) -> Child {
        let log = |stream: &str| {
            let path = self.path().join(format!("{name}.{stream}"));
            fs::File::options().create(true).append(true).open(path).expect("a log")
        };
        command.stdout(log("stdout")).stderr(log("stderr")).spawn().expect("it starts")
    }

    /// What a program started by [`Home::spawn`] has printed so far to one of its streams.
    pub(crate) fn printed(&self, name: &str, stream: &str) -> String {
        fs::read_to_string(self.path().join(format!("{name}.{stream}"))).unwrap_or_default()
    }

    /// How many rows the tables of credentials have: accounts and refresh tokens.
    pub(crate) fn stored(&self) -> (i64, i64) {
        (self.number("SELECT count(*) FROM llm_providers"), self.number("SELECT count(*) FROM config_secrets"))
    }

    /// What a query on the database answers, seen from outside the gateway.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.query_database(|database| sql::<sql_types::BigInt>(query).get_result(database))
    }

    pub(crate) fn text(&self, query: &str) -> String {
        self.query_database(|database| sql::<sql_types::Text>(query).get_result(database))
    }

    /// Changes the database behind the gateway's back.
    pub(crate) fn change_database(&self, statement: &str) {
        self.query_database(|database| diesel::sql_query(statement).execute(database));
    }

    fn query_database<T>(&self, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> T {
        let path = self.data_dir().join("goclaw.db").display().to_string();
        query(&mut SqliteConnection::establish(&path).expect("a database")).expect("an answer of the database")
    }
}

/// What a command printed, and how it ended.
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    /// Runs a command to its end. One that should have ended and serves instead is a failed test, not a hanging one.
    pub(crate) fn of(mut command: Command) -> Self {
        let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().expect("an output file"));
        let share = |file: &fs::File| file.try_clone().expect("an output file");
        let mut child = command.stdout(share(&stdout)).stderr(share(&stderr)).spawn().expect("it starts");
        let looks = TEST_DEADLINE.as_millis() / LOOK_EVERY.as_millis();
        let status = (0..looks).find_map(|_| {
            let ended = child.try_wait().expect("its status");
            if ended.is_none() {
                sleep_thread(LOOK_EVERY);
            }
            ended
        });
        let Some(status) = status else {
            let _ = child.kill();
            panic!("{command:?} did not end");
        };
        let read = |file: &mut fs::File| {
            let mut text = String::new();
            file.rewind().and_then(|()| file.read_to_string(&mut text)).expect("text");
            text
        };
        Self { code: status.code(), stdout: read(&mut stdout), stderr: read(&mut stderr) }
    }
}

/// An HTTP response, read to its end.
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Where it came from, after redirects.
    pub(crate) url: String,
    pub(crate) text: String,
}

impl HttpResponse {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            url: response.url().to_string(),
            text: response.text().await.expect("a body"),
        }
    }

    /// Its body; null if that is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("a readable header")).unwrap_or_default()
    }
}

/// A running gateway; dropping it kills the process with SIGKILL, as a crash would.
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

    /// Sends a request with the gateway's token.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> HttpResponse {
        let request = http().request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        HttpResponse::of(request.send().await.expect("an answer")).await
    }

    pub(crate) async fn status(&self) -> Value {
        self.get("/v1/auth/openai/status").await.json()
    }

    /// Starts a ChatGPT login and returns the whole answer.
    pub(crate) async fn start_login(&self) -> Value {
        let response = self.post("/v1/auth/openai/start", serde_json::json!({})).await;
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()
    }

    /// Signs in with a provider that approves at once, as a browser would, and returns the page it ends on.
    pub(crate) async fn sign_in(&self) -> HttpResponse {
        let started = self.start_login().await;
        let url = started["auth_url"].as_str().expect("an auth_url");
        HttpResponse::of(browser_like().get(url).send().await.expect("a page")).await
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it printed so far, and those before it in the same home.
    pub(crate) fn log(&self) -> String {
        let read = |stream: &str| fs::read_to_string(self.logs.join(format!("gateway.{stream}"))).unwrap_or_default();
        ["stdout", "stderr"].map(read).concat()
    }

    /// Asks it to stop with SIGTERM.
    pub(crate) fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the gateway to end", || std::future::ready(child.try_wait().expect("its status"))).await
    }

    /// Asks it to stop and waits until it has.
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
