//! The log on stderr: one line for each event, with its identifiers as fields. It contains no secrets: secret types
//! print as `[REDACTED]`, and requests, responses and URLs are never logged whole.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use super::settings::LogFormat;

/// Starts logging in a format. `filter` has the syntax of `RUST_LOG`. An invalid filter is reported and replaced by the default.
pub fn start(filter: Option<&str>, format: LogFormat) {
    let default = || EnvFilter::new("info");
    let (filter, error) = match filter.map(EnvFilter::try_new) {
        None => (default(), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (default(), Some(error)),
    };
    let log = fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    // Fails if a test has started logging before.
    let _ = match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    if let Some(error) = error {
        tracing::warn!("RUST_LOG is not a valid filter ({error}); logging at level info");
    }
}
