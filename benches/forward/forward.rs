//! Measures the cost of forwarding. `benches/forward.sh` builds and runs it.
//!
//! One program contains the upstream, the bare proxy and the measurement. It is a cargo example, because a bench would
//! build the gateway again with the features of the tests.

#![expect(clippy::disallowed_methods, reason = "it measures real time, and its servers run until they are killed")]

use std::{
    error::Error,
    net::SocketAddr,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

mod contestants;
mod hyper_proxy;
mod load;
mod measure;
mod process;
mod report;
mod server;
mod steady;
mod streams;
mod turns;
mod upstream;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The header `Authorization` that the upstream requires, to detect a proxy that does not insert the account's key.
const UPSTREAM_AUTHORIZATION: &str = "Bearer sk-bench";

/// Returns the Unix time in microseconds, for the upstream and the measurement.
fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or_default()
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("forward: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["upstream", port] => upstream::run(port.parse()?),
        ["hyper", port, upstream] => hyper_proxy::run(port.parse()?, upstream.parse::<SocketAddr>()?),
        ["measure", goclaw, litellm] => measure::run(goclaw, litellm, 3, 2),
        ["measure", goclaw, litellm, rounds] => measure::run(goclaw, litellm, rounds.parse()?, 2),
        ["measure", goclaw, litellm, rounds, seconds] => {
            measure::run(goclaw, litellm, rounds.parse()?, seconds.parse()?)
        }
        _ => Err("usage: benches/forward.sh [ROUNDS [SECONDS]]".into()),
    }
}
