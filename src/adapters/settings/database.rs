//! The sections `database` and `encryption`: where credentials lie, and what seals them.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{SettingsError, server::one_of, sources::Sources};

/// Where the stores are.
#[derive(Debug)]
pub struct DatabaseSettings {
    /// The SQLite file.
    pub path: PathBuf,
}

impl DatabaseSettings {
    pub(super) fn read(sources: &Sources, data_dir: &Path) -> Result<Self, SettingsError> {
        let allowed = "it must be sqlite:PATH (this version stores in SQLite only)";
        match sources.text("database.url") {
            None => Ok(Self { path: data_dir.join("goclaw.db") }),
            // The value may hold a password, so it is not repeated.
            Some(url) => match url.strip_prefix("sqlite:") {
                None | Some("") => Err(SettingsError::bad_secret("database.url", allowed)),
                Some(path) => Ok(Self { path: PathBuf::from(path.strip_prefix("//").unwrap_or(path)) }),
            },
        }
    }
}

#[derive(Debug)]
pub struct EncryptionSettings {
    /// The key, if it was configured itself.
    pub key: Option<SecretString>,
    /// Where it lies otherwise.
    pub key_file: PathBuf,
    /// Whether that place was configured: then the file must be there, it is not made.
    pub key_file_is_configured: bool,
}

impl EncryptionSettings {
    pub(super) fn read(sources: &Sources, data_dir: &Path) -> Result<Self, SettingsError> {
        let (key, key_file) = one_of(sources, "encryption.key", "encryption.key_file")?;
        Ok(Self {
            key,
            key_file_is_configured: key_file.is_some(),
            key_file: key_file.unwrap_or_else(|| data_dir.join("encryption.key")),
        })
    }
}
