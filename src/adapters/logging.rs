//! Writes the log to stderr, one line for each event. It contains no secrets: secret types print as `[REDACTED]`, and
//! requests, responses and URLs are never logged whole.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, reload};

/// Replaces the log filter of the running process.
pub struct LogFilter {
    is_overridden: bool,
    replace: Replace,
}

type Replace = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

impl LogFilter {
    /// Returns whether `RUST_LOG` overrides the setting.
    pub fn is_overridden(&self) -> bool {
        self.is_overridden
    }

    /// Applies a filter in the syntax of `RUST_LOG`. Returns false and changes nothing if it is invalid.
    pub fn apply(&self, filter: &str) -> bool {
        parse_filter(filter).is_ok_and(|filter| (self.replace)(filter).is_ok())
    }
}

/// Parses a filter in the syntax of `RUST_LOG`.
///
/// # Errors
/// The filter is invalid, or one of its parts is a word that is not a level. `EnvFilter` takes such a word for the name
/// of a module, so that a mistyped level would silence the log.
pub fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    let mut words = text.split(',').map(str::trim).filter(|part| !part.is_empty() && !part.contains(['=', '[']));
    if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("{word} is not a level"));
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}

/// Starts logging, as JSON objects or as text. `filter` must be valid. `variable` is the value of `RUST_LOG`, which
/// overrides `filter`. An invalid `variable` is logged and ignored, because it may be meant for another program.
pub fn start(filter: &str, variable: Option<&str>, is_json: bool) -> LogFilter {
    let (variable, error) = match variable.map(parse_filter).transpose() {
        Ok(variable) => (variable, None),
        Err(error) => (None, Some(error)),
    };
    let is_overridden = variable.is_some();
    let filter = variable.unwrap_or_else(|| EnvFilter::new(filter));
    // If stderr fails, lose the line: reporting the error to stderr would panic.
    let log = fmt().with_env_filter(filter).with_target(false).log_internal_errors(false).with_writer(std::io::stderr);
    // `try_init` fails only if a test has started logging before.
    let replace: Replace = if is_json {
        let log = log.json().flatten_event(true).with_span_list(false).with_filter_reloading();
        let handle = log.reload_handle();
        let _ = log.try_init();
        Box::new(move |filter| handle.reload(filter))
    } else {
        let log = log.with_ansi(std::io::stderr().is_terminal()).with_filter_reloading();
        let handle = log.reload_handle();
        let _ = log.try_init();
        Box::new(move |filter| handle.reload(filter))
    };
    if let Some(error) = error {
        tracing::warn!("RUST_LOG is not a valid filter ({error}); log.filter applies");
    }
    LogFilter { is_overridden, replace }
}
