//! Why the configuration cannot be used: one sentence each, for the person who wrote it.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable { path: PathBuf, source: config::ConfigError },
    #[error("unknown setting {key}; known there: {known}")]
    UnknownKey { key: String, known: String },
    #[error("bad setting {key} = {value}: {allowed}")]
    InvalidValue { key: String, value: String, allowed: String },
    #[error("{one} and {other} are both set: set one of them")]
    Both { one: String, other: String },
    #[error("missing setting {key}: {why}")]
    Missing { key: String, why: &'static str },
    #[error("there is no place for data: set data_dir (GOCLAW_DATA_DIR), or HOME")]
    NoDataDir,
}

/// What stands in a message for a value that may be a secret.
pub(super) const WITHHELD: &str = "(not shown)";

impl SettingsError {
    pub(super) fn bad(key: &str, value: &str, allowed: impl Into<String>) -> Self {
        Self::InvalidValue { key: key.to_owned(), value: format!("{value:?}"), allowed: allowed.into() }
    }

    /// For a value that may be a secret, or have one in it.
    pub(super) fn bad_secret(key: &str, allowed: impl Into<String>) -> Self {
        Self::InvalidValue { key: key.to_owned(), value: WITHHELD.to_owned(), allowed: allowed.into() }
    }
}
