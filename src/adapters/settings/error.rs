//! Errors in the configuration. Each message is one sentence that names the setting.

use std::{fmt::Display, path::PathBuf};

use config::ConfigError;

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable { path: PathBuf, source: ConfigError },
    /// `variable` is the environment variable in parentheses, or empty if the file has the key.
    #[error("unknown setting {key}{variable}; expected one of {known}")]
    UnknownKey { key: String, variable: String, known: String },
    #[error("invalid setting {key} {rejected}")]
    InvalidValue { key: String, rejected: String },
    #[error("{one} and {other} are both set; set only one of them")]
    Both { one: String, other: String },
    #[error("missing setting {key}: {why}")]
    Missing { key: String, why: &'static str },
    #[error("no folder for the data: set data_dir (GOCLAW_DATA_DIR), or HOME")]
    NoDataDir,
}

/// Begins a text of [`rejected`] or [`rejected_secret`]. Any other text may contain a secret and is not shown.
const PREFIX: &str = "= ";

/// Describes a rejected value and the allowed values.
pub(super) fn rejected(value: &str, allowed: impl Display) -> String {
    format!("{PREFIX}{value:?}: {allowed}")
}

/// Describes the allowed values, without the rejected value, which may contain a secret.
pub(super) fn rejected_secret(allowed: &str) -> String {
    format!("{PREFIX}(not shown): {allowed}")
}

impl SettingsError {
    pub(super) fn invalid(key: impl Into<String>, value: &str, allowed: impl Display) -> Self {
        Self::InvalidValue { key: key.into(), rejected: rejected(value, allowed) }
    }

    pub(super) fn missing(key: impl Into<String>, why: &'static str) -> Self {
        Self::Missing { key: key.into(), why }
    }

    /// Adds the name of the environment variable that sets an unknown key.
    pub(super) fn with_variable(self, variable: &str) -> Self {
        let Self::UnknownKey { key, known, .. } = self else { return self };
        let is_section_and_name = !key.contains('.') && key.contains('_');
        let hint = if is_section_and_name { "; two underscores separate a section from its setting" } else { "" };
        Self::UnknownKey { key, variable: format!(" ({variable}{hint})"), known }
    }

    /// Converts the deserializer's error about the setting `key`.
    pub(super) fn from_deserializer(key: String, mut error: ConfigError) -> Self {
        while let ConfigError::At { error: cause, .. } = error {
            error = *cause;
        }
        if let ConfigError::Message(text) = &error {
            if text.starts_with(PREFIX) {
                return Self::InvalidValue { key, rejected: text.clone() };
            }
            // serde's text has the form: unknown field `prot`, expected one of `host`, `port`
            if let Some((_, fields)) =
                text.strip_prefix("unknown field ").and_then(|text| text.rsplit_once("expected "))
            {
                let mut known: Vec<&str> = fields.split('`').skip(1).step_by(2).collect();
                known.sort_unstable();
                return Self::UnknownKey { key, variable: String::new(), known: known.join(", ") };
            }
        }
        // config reports a type error for a table or list instead of a single value. For a single value instead of a
        // table, serde reports a message.
        let is_conversion = matches!(error, ConfigError::Type { .. });
        let allowed = if is_conversion { "it must be a single value" } else { "it must be a table of settings" };
        Self::InvalidValue { key, rejected: rejected_secret(allowed) }
    }
}
