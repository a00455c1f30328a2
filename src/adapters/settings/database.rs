//! The sections `database` and `encryption`: where credentials lie, and what seals them.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{SettingsError, server::one_of, sources::Sources};

/// Where the stores are.
#[derive(Debug)]
pub enum DatabaseSettings {
    /// A file: the embedded default.
    Sqlite(PathBuf),
    /// A server that several gateways may share. The URL may hold a password.
    Postgres(SecretString),
}

impl DatabaseSettings {
    pub(super) fn read(sources: &Sources, data_dir: &Path) -> Result<Self, SettingsError> {
        let allowed = "it must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE";
        let Some(url) = sources.text("database.url") else { return Ok(Self::Sqlite(data_dir.join("goclaw.db"))) };
        match url.split_once(':') {
            // Credentials in memory would be gone with the process.
            Some(("sqlite", path)) if !path.is_empty() && !path.ends_with(":memory:") => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Self::Postgres(url.into())),
            // The value may hold a password, so it is not repeated.
            _ => Err(SettingsError::bad_secret("database.url", allowed)),
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
