//! Measures the token lookup that every request does. Target: no lock, no allocation, at most 150 ns.
//!
//!     cargo bench --bench lookup

// Makes clippy treat the whole file as test code, helpers included.
#![cfg(test)]

use std::{collections::HashMap, sync::Arc};

use divan::{AllocProfiler, Bencher, black_box};
use goclaw::{adapters::system::SystemClock, app::Ports, ports::Clock};

#[path = "../tests/it/support/fakes/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use the rest of it")]
mod fakes;

use fakes::{TestGateway, name};

/// Counts allocations, to detect a lookup that copies a token.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// The lookup with this number of accounts, on the real clock.
#[divan::bench(args = [1, 1_000])]
fn token_lookup(bencher: Bencher, accounts: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let gateway = runtime.block_on(async {
        let gateway = TestGateway::with_ports(|ports| Ports { clock: Arc::new(SystemClock), ..ports }).await;
        for number in 0..accounts {
            gateway.connect_as(&format!("work-{number}")).await;
        }
        gateway
    });
    let wanted = name("work-0");
    bencher.bench(|| gateway.app.tokens.cached(black_box(&wanted)).expect("a token"));
}

/// The lower bound: one reading of the clock and one lookup in an immutable map.
#[divan::bench]
fn clock_and_map_alone(bencher: Bencher) {
    let map = HashMap::from([(name("work-0"), Arc::new(()))]);
    let wanted = name("work-0");
    bencher.bench(|| (SystemClock.now(), map.get(black_box(&wanted)).cloned()));
}
