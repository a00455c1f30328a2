//! The gateway as a process of its own, in a folder of its own, and a client for it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use reqwest::{Client, Method, redirect};
use serde_json::Value;
use tempfile::TempDir;

use super::provider::Provider;

/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An HTTP client that follows nothing.
pub(crate) fn http() -> Client {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(PATIENCE);
    client.build().expect("a client")
}

/// A port that nobody listens on, on either loopback family.
pub(crate) fn free_port() -> u16 {
    loop {
        let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("an address").port();
        if TcpListener::bind(("::1", port)).is_ok() {
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
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Lets real time pass; only for looking again.
#[expect(clippy::disallowed_methods, reason = "processes have no fake clock")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
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
        let home = Self {
            folder: tempfile::tempdir().expect("a folder"),
            port: free_port(),
            callback_port: free_port(),
            variables: Vec::new(),
        };
        home.with("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", &provider.issuer)
    }

    /// The same home with one more variable set.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.data_dir().join("gateway.token")).expect("a token file").trim().to_owned()
    }

    /// A `goclaw` command in this home: nothing of the test's own environment gets in.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goclaw"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("RUST_LOG", "trace,hyper=debug,h2=debug")
            .env("GOCLAW_DATA_DIR", self.data_dir())
            .env("GOCLAW_PORT", self.port.to_string())
            .env("GOCLAW_CALLBACK__PORT", self.callback_port.to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a client command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("goclaw runs")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a gateway here and waits until it answers.
    pub(crate) async fn start(&self) -> Gateway {
        let log = |name: &str| fs::File::options().create(true).append(true).open(self.path().join(name)).expect("a log");
        let child = self.command(&[]).stdout(log("stdout.log")).stderr(log("stderr.log")).spawn().expect("goclaw starts");
        let gateway = Gateway { child, base: format!("http://127.0.0.1:{}", self.port), logs: self.path().to_owned() };
        let url = format!("{}/healthz", gateway.base);
        let healthy = || async { http().get(&url).send().await.ok().filter(|answer| answer.status().is_success()) };
        eventually("the gateway to answer", healthy).await;
        gateway
    }
}

/// A running gateway; dropping it kills the process, as a crash would.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) base: String,
    logs: PathBuf,
}

impl Gateway {
    /// Sends a request with `token` and returns status and JSON body (null if it is none).
    pub(crate) async fn call(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = http().request(method, format!("{}{path}", self.base)).bearer_auth(token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or_default())
    }

    /// Everything it printed so far.
    pub(crate) fn log(&self) -> String {
        ["stdout.log", "stderr.log"].map(|name| fs::read_to_string(self.logs.join(name)).unwrap_or_default()).concat()
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
