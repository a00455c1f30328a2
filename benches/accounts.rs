//! Measures token reads while a refresh hangs. Also measures the start, and the work of all background loops
//! in half a second of simulated time, with one account and with a thousand.
//!
//!     cargo bench --bench accounts

// Makes clippy treat the whole file as test code, helpers included.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use goclaw::{
    adapters::system::SystemClock,
    app::{App, Ports},
    domain::ids::AccountName,
    ports::Clock,
};

#[path = "../tests/it/support/fakes/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use the rest of it")]
mod fakes;

use fakes::{OPENAI, TestGateway, alice, name, settle};

const MANY: usize = 1_000;
/// How long the provider does not respond.
const HANG: Duration = Duration::from_secs(20);
/// Number of half seconds that are timed together, for an average.
const HALF_SECONDS: u32 = 200;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(reads_while_a_refresh_hangs());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(start_and_background_loops());
}

async fn reads_while_a_refresh_hangs() {
    let gateway = TestGateway::with_ports(|ports| Ports { clock: Arc::new(SystemClock), ..ports }).await;
    gateway.connect().await;
    gateway.provider.hang();
    let app = Arc::clone(&gateway.app);
    let refresh = tokio::spawn(async move { app.accounts.refresh(&name(OPENAI), &alice(), None).await.map(drop) });
    let readers = [0, 1].map(|_| tokio::spawn(read(Arc::clone(&gateway.app), name(OPENAI), Instant::now() + HANG)));
    let mut times = Vec::new();
    for reader in readers {
        times.extend(reader.await.expect("a reader's times"));
    }
    assert!(!refresh.is_finished(), "the refresh hangs during all reads");
    gateway.provider.resume();
    refresh.await.expect("the refresh task").expect("a refreshed account");
    times.sort_unstable();
    let quantile = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "reads while a refresh hangs for {HANG:?}: {} reads, p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
        times.len(),
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        quantile(1.0)
    );
}

/// Reads the token repeatedly until a time and returns the duration of each read.
async fn read(app: Arc<App>, account: AccountName, until: Instant) -> Vec<Duration> {
    let mut times = Vec::with_capacity(1 << 22);
    while Instant::now() < until {
        let begun = Instant::now();
        let account = app.tokens.usable(&account).await;
        times.push(begun.elapsed());
        assert!(account.is_ok(), "every read returns a token");
        // Lets other tasks run, as a real caller would between two requests.
        if times.len().is_multiple_of(64) {
            SystemClock.sleep(Duration::from_micros(50)).await;
        }
    }
    times
}

async fn start_and_background_loops() {
    let mut times = Vec::new();
    for accounts in [1, MANY] {
        let mut gateway = TestGateway::open().await;
        for number in 0..accounts {
            gateway.connect_as(&format!("work-{number}")).await;
        }
        let begun = Instant::now();
        gateway.restart().await;
        println!("start with {accounts} accounts: {:?}", begun.elapsed());
        let begun = Instant::now();
        for _ in 0..HALF_SECONDS {
            gateway.clock.advance(Duration::from_millis(500));
            settle().await;
        }
        times.push(begun.elapsed() / HALF_SECONDS);
    }
    let ratio = times[1].as_secs_f64() / times[0].as_secs_f64();
    println!(
        "background loops, half a second: {:?} with 1 account, {:?} with {MANY}: {ratio:.2} times",
        times[0], times[1]
    );
}
