//! Writes the log to stderr, one line for each event. It contains no secrets: secret types print as `[REDACTED]`, and
//! requests, responses and URLs are never logged whole.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, reload};

/// Replaces the log filter of the running process.
pub struct LogFilter(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl LogFilter {
    /// Applies a filter in the syntax of `RUST_LOG`. Returns false and changes nothing if it is invalid.
    pub fn apply(&self, filter: &str) -> bool {
        EnvFilter::try_new(filter).is_ok_and(|filter| (self.0)(filter).is_ok())
    }
}

/// Starts logging, as JSON objects or as text. `filter` has the syntax of `RUST_LOG`. An invalid filter is logged and
/// replaced by `info`, because that variable may be set for another program.
pub fn start(filter: &str, is_json: bool) -> LogFilter {
    let (filter, error) = match EnvFilter::try_new(filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let log = fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    // `try_init` fails only if a test has started logging before.
    let reload = if is_json {
        let log = log.json().flatten_event(true).with_span_list(false).with_filter_reloading();
        let handle = log.reload_handle();
        let _ = log.try_init();
        LogFilter(Box::new(move |filter| handle.reload(filter)))
    } else {
        let log = log.with_ansi(std::io::stderr().is_terminal()).with_filter_reloading();
        let handle = log.reload_handle();
        let _ = log.try_init();
        LogFilter(Box::new(move |filter| handle.reload(filter)))
    };
    if let Some(error) = error {
        tracing::warn!("the log's filter is not valid ({error}); logging at level info");
    }
    reload
}
