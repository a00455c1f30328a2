//! Shared parts of the scenarios for races, provider faults and store faults: gateways with short intervals, the
//! provider's counts, parallel cases, and the table of results.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use libtest_mimic::Failed;
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    support::{
        gateway::{Gateway, Home},
        provider::Provider,
    },
    testbed::{ENCRYPTION_KEY, block_on_threads, shared_client},
};

/// How much longer than two calls a lease is. If the database takes longer than this to grant the lease, as on a busy
/// machine, the gateway does not present, and the test covers a different case.
const SLACK: Duration = Duration::from_secs(3);
/// Enough threads for several starts at once, because each start blocks a thread until the program is ready.
const THREADS: usize = 8;

/// Runs a scenario to its end.
pub(crate) fn on_runtime(scenario: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    block_on_threads(THREADS, scenario)
}

/// Returns a home with short refresh intervals and the timeout `http_timeout`. Gateway token and key are fixed, so that
/// several gateways may share a database.
pub(crate) fn hurried_home(provider: &Provider, http_timeout: Duration) -> Home {
    let millis = |time: Duration| format!("{}ms", time.as_millis());
    Home::new(provider)
        .with("RUST_LOG", "info")
        .with("GOCLAW_SERVER__TOKEN", "a-gateway-token-that-all-of-them-share")
        .with("GOCLAW_ENCRYPTION__KEY", ENCRYPTION_KEY)
        .with("GOCLAW_REFRESH__HTTP_TIMEOUT", &millis(http_timeout))
        .with("GOCLAW_REFRESH__LEASE", &millis(http_timeout * 2 + SLACK))
        .with("GOCLAW_REFRESH__BACKOFF_MIN", "200ms")
        .with("GOCLAW_REFRESH__BACKOFF_MAX", "1s")
}

/// Returns the status of the ChatGPT account.
pub(crate) async fn status(gateway: &Gateway) -> Value {
    let request = shared_client().get(format!("{}/v1/auth/openai/status", gateway.base)).bearer_auth(&gateway.token);
    request.send().await.expect("an answer").json().await.expect("JSON")
}

/// Sends a GET request to the provider's control API and returns the response.
pub(crate) async fn ask(provider: &Provider, path: &str) -> Value {
    let answer = shared_client().get(format!("{}{path}", provider.control_url)).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// The provider's counts of all refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) presentations: u64,
    pub(crate) under_way: u64,
    /// Reused tokens, whether or not their families were revoked.
    pub(crate) reuse: u64,
    /// The maximum number of presentations of one family at once.
    pub(crate) at_once: u64,
}

impl Totals {
    pub(crate) async fn of(provider: &Provider) -> Self {
        let totals = ask(provider, "/presentations/totals").await;
        let number = |name: &str| totals[name].as_u64().expect("a number");
        Self {
            presentations: number("presentations"),
            under_way: number("under_way"),
            reuse: number("reuse_refused") + number("families_killed"),
            at_once: number("max_concurrent_in_a_family"),
        }
    }
}

/// Runs cases in parallel, at most `at_a_time` at once. Returns their results in order, or the panic messages.
pub(crate) async fn run_in_parallel<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    at_a_time: usize,
    cases: impl IntoIterator<Item = F>,
) -> Vec<Result<T, String>> {
    let (seats, mut under_way) = (Arc::new(Semaphore::new(at_a_time)), JoinSet::new());
    for (number, case) in cases.into_iter().enumerate() {
        let seats = Arc::clone(&seats);
        under_way.spawn(async move {
            let _seat = seats.acquire_owned().await;
            let ended = AssertUnwindSafe(case).catch_unwind().await;
            (number, ended.map_err(|panic| message_of(panic.as_ref())))
        });
    }
    let mut ended = under_way.join_all().await;
    ended.sort_unstable_by_key(|(number, _)| *number);
    ended.into_iter().map(|(_, ended)| ended).collect()
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the case panicked").to_owned()
}

/// Prints a table in the format of the documentation.
pub(crate) fn print_table(title: &str, headings: &[&str], rows: &[Vec<String>]) {
    println!("\n{title}\n\n| {} |\n|{}", headings.join(" | "), "---|".repeat(headings.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// Returns one failure with all problems, or success if there are none.
pub(crate) fn verdict(problems: &[String]) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// Returns the machine's time, which the gateway processes use.
#[expect(clippy::disallowed_methods, reason = "processes have no fake clock")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}
