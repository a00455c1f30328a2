//! The environment that the gateways of a scenario share: one provider, one database, one gateway token and one key.
//! Also the tools to call the gateways and to query the provider.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use goclaw_simulator::{Presentation, PresentationTotals};
use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use crate::support::gateway::pause;
use crate::support::{
    gateway::{Gateway, Home, HttpResponse, TEST_DEADLINE, http},
    postgres::Database,
    provider::Provider,
};

/// The encryption key of all gateways.
pub(crate) const ENCRYPTION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// The database file that SQLite gateways share.
pub(crate) const SHARED_FILE: &str = "shared.db";
/// The poll interval of a scenario.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(150);
/// A URL path that the backend answers quickly.
const USAGE: &str = "/v1/proxy/openai/wham/usage";

/// The database engine of a scenario's gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// One file, which all processes open.
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Sqlite => "one SQLite file",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The database that a scenario's gateways share.
pub(crate) enum Storage {
    Folder(TempDir),
    Server(Database),
}

/// The provider and the database of a scenario.
pub(crate) struct Testbed {
    pub(crate) provider: Provider,
    pub(crate) storage: Storage,
}

impl Testbed {
    /// Starts a provider with these simulator arguments, and creates a database.
    pub(crate) async fn new(engine: Engine, arguments: &[&str]) -> Self {
        let storage = match engine {
            Engine::Sqlite => Storage::Folder(folder()),
            Engine::Postgres => Storage::Server(Database::create().await),
        };
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let start = move || {
            let arguments = ["--approval", "auto"].into_iter().chain(arguments.iter().map(String::as_str));
            Provider::start(&arguments.collect::<Vec<_>>())
        };
        // The simulator generates keys before it is ready. Blocking an async thread would delay the other tasks.
        #[expect(clippy::disallowed_methods, reason = "it is waited for")]
        let provider = tokio::task::spawn_blocking(start).await.expect("the simulator starts");
        Self { provider, storage }
    }

    /// Resets provider and database to their initial state. No gateway may be using them.
    pub(crate) async fn reset(&mut self) {
        self.send_command("/reset", json!({})).await;
        match &mut self.storage {
            Storage::Folder(old) => *old = folder(),
            // Clear the database, because a long run would leave thousands of replaced ones.
            Storage::Server(database) => database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await,
        }
    }

    /// Returns a home for one more gateway.
    pub(crate) fn home(&self) -> Home {
        let url = match &self.storage {
            Storage::Folder(folder) => format!("sqlite:{}", folder.path().join(SHARED_FILE).display()),
            Storage::Server(database) => database.url.clone(),
        };
        Home::new(&self.provider)
            .with("GOCLAW_DATABASE__URL", &url)
            .with("GOCLAW_SERVER__TOKEN", "a-gateway-token-that-all-of-them-share")
            .with("GOCLAW_ENCRYPTION__KEY", ENCRYPTION_KEY)
            .with("RUST_LOG", "info")
    }

    /// Sends a command to the simulator and returns its response.
    pub(crate) async fn send_command(&self, path: &str, body: Value) -> Value {
        let request = shared_client().post(format!("{}{path}", self.provider.control_url)).json(&body);
        let answer = HttpResponse::of(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{path} with {body}: {}", answer.text);
        answer.json()
    }

    /// Returns every presentation of a refresh token, in order.
    pub(crate) async fn presentations(&self) -> Vec<Presentation> {
        self.query("/presentations").await
    }

    pub(crate) async fn totals(&self) -> PresentationTotals {
        self.query("/presentations/totals").await
    }

    /// Returns how many requests have stopped at a step since the stops were last cleared.
    pub(crate) async fn count_stopped(&self) -> usize {
        self.query::<Vec<Value>>("/stops").await.len()
    }

    /// Returns every issued code and token, in order.
    pub(crate) async fn issued_secrets(&self) -> Vec<String> {
        self.query("/issued").await
    }

    /// Connects an account of the simulator under a name, without a browser.
    pub(crate) async fn sign_in(&self, caller: &Caller, name: &str, simulator_account: usize) {
        let start = caller.post(&format!("/v1/auth/{name}/start"), json!({"provider_type": "openai-codex"})).await;
        let started = start.expect("an answer").json();
        let approve = json!({"authorize_url": started["auth_url"], "account": simulator_account});
        let approved = self.send_command("/approve", approve).await;
        let paste = json!({"redirect_url": approved["callback_url"]});
        let answer = caller.post(&format!("/v1/auth/{name}/callback"), paste).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    async fn query<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = shared_client().get(format!("{}{path}", self.provider.control_url)).send().await;
        answer.expect("an answer").json().await.expect("the expected JSON")
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Returns the HTTP client that all scenarios share, because creating one costs far more than a call.
pub(crate) fn shared_client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(http)
}

/// A client of a gateway.
#[derive(Clone)]
pub(crate) struct Caller {
    base: String,
    token: String,
}

impl Caller {
    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self { base: gateway.base.clone(), token: gateway.token.clone() }
    }

    /// Returns an account's status, or null if the gateway is gone.
    pub(crate) async fn status(&self, account: &str) -> Value {
        let request = shared_client().get(format!("{}/v1/auth/{account}/status", self.base));
        self.send(request).await.map(|answer| answer.json()).unwrap_or_default()
    }

    /// Requests a refresh of an account's tokens.
    pub(crate) async fn refresh(&self, account: &str) -> Option<HttpResponse> {
        self.post(&format!("/v1/auth/{account}/refresh"), json!({})).await
    }

    /// Requests the usage of the plan from the provider, through the proxy route.
    pub(crate) async fn usage(&self) -> Option<HttpResponse> {
        self.send(shared_client().get(format!("{}{USAGE}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Option<HttpResponse> {
        self.send(shared_client().post(format!("{}{path}", self.base)).json(&body)).await
    }

    /// Sends a request. Returns `None` if the gateway is gone.
    async fn send(&self, request: RequestBuilder) -> Option<HttpResponse> {
        let answer = request.bearer_auth(&self.token).send().await.ok()?;
        Some(HttpResponse::of(answer).await)
    }
}

/// Waits until `look` returns a value. Polls less often than a test with one gateway, so that a dozen parallel cases do
/// not slow each other down. Panics after [`TEST_DEADLINE`].
pub(crate) async fn wait_for<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    let found = tokio::time::timeout(TEST_DEADLINE, until_some(look)).await;
    found.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}

/// Polls until `look` returns a value.
pub(crate) async fn until_some<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    loop {
        if let Some(found) = look().await {
            return found;
        }
        pause(POLL_INTERVAL).await;
    }
}

/// Runs a scenario on its own runtime with two worker threads.
pub(crate) fn block_on<T>(scenario: impl Future<Output = T>) -> T {
    block_on_threads(2, scenario)
}

/// Runs a scenario on its own runtime with this many threads.
pub(crate) fn block_on_threads<T>(threads: usize, scenario: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.expect("a runtime").block_on(scenario)
}

/// Returns the machine's time, which all processes share, in Unix milliseconds.
#[expect(clippy::disallowed_methods, reason = "it is compared with other processes' times")]
pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_millis()).expect("a time that fits")
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a short time")
}
