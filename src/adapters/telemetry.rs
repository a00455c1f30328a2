//! The log: one line an event on stderr, readable alone, its identifiers as fields. No secret has a way into it: the
//! secret types print as `[REDACTED]`, and requests, answers and URLs are never logged whole.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging. `filter` is in the syntax of `RUST_LOG`; a filter that does not parse is reported and replaced.
pub fn start(filter: Option<&str>) {
    let default = || EnvFilter::new("info");
    let (filter, error) = match filter.map(EnvFilter::try_new) {
        None => (default(), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (default(), Some(error)),
    };
    let log = fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    // Starting twice, as tests may, keeps the first.
    let _ = log.with_ansi(std::io::stderr().is_terminal()).try_init();
    if let Some(error) = error {
        tracing::warn!("RUST_LOG is not a log filter ({error}); logging at level info");
    }
}
