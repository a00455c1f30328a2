//! The JSON lines of an archive: a header, then lines with rows of one table or with one account, then an end line.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

use crate::domain::secret::{AccessToken, RefreshToken};

/// The version of the format. A reader rejects a later version.
pub(super) const FORMAT: u32 = 1;

/// What an archive is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveKind {
    /// The whole database. `goclaw restore` reads it.
    #[default]
    Backup,
    /// Accounts with plaintext tokens, for another installation. `goclaw import` reads it.
    Accounts,
}

/// The first line of an archive.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub goclaw_archive: u32,
    pub kind: ArchiveKind,
    /// The time of creation, in Unix milliseconds.
    pub created_at: i64,
    /// The version of goclaw that wrote the archive.
    pub made_by: String,
    /// The checks of the keys that sealed the archive's values.
    #[serde(default)]
    pub key_checks: Vec<StoredCheck>,
    /// The unchanged text of the configuration file.
    #[serde(default, serialize_with = "serialize_secret", skip_serializing_if = "Option::is_none")]
    pub settings: Option<SecretString>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<ArchivedSecrets>,
}

impl Header {
    pub fn new(kind: ArchiveKind, created_at: i64) -> Self {
        let made_by = env!("CARGO_PKG_VERSION").to_owned();
        Self { goclaw_archive: FORMAT, kind, created_at, made_by, ..Self::default() }
    }
}

/// A row of `key_checks`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredCheck {
    pub key_id: String,
    pub value: String,
}

/// Secrets that a backup contains only with `--with-keys`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ArchivedSecrets {
    /// One key per line, as in a key file. The first key seals.
    #[serde(serialize_with = "serialize_secret")]
    pub encryption_keys: Option<SecretString>,
    #[serde(serialize_with = "serialize_secret")]
    pub gateway_token: Option<SecretString>,
}

/// An account with its tokens.
#[derive(Debug, Serialize, Deserialize)]
pub struct ArchivedAccount {
    pub name: String,
    pub provider_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub enabled: bool,
    /// The metadata of the tokens, as in `llm_providers.settings`.
    pub settings: Value,
    #[serde(serialize_with = "serialize_secret")]
    pub access_token: Option<SecretString>,
    #[serde(default, serialize_with = "serialize_secret", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<SecretString>,
}

impl ArchivedAccount {
    /// Copies the text of a secret.
    pub fn text_of(secret: &impl ExposeSecret<str>) -> SecretString {
        secret.expose_secret().into()
    }

    pub fn access_token(&self) -> AccessToken {
        AccessToken::new(self.access_token.as_ref().map_or("", |token| token.expose_secret()))
    }

    pub fn refresh_token(&self) -> Option<RefreshToken> {
        self.refresh_token.as_ref().map(|token| RefreshToken::new(token.expose_secret()))
    }
}

/// A line after the header: rows of one table, one account, or the end of the archive.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// An array of objects, one for each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<ArchivedAccount>,
    /// Only in the end line: the total number of rows or accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// The number of rows or accounts in this line. Set by the reader.
    #[serde(skip)]
    pub count: usize,
}

impl Line {
    /// Counts the rows or accounts in this line.
    pub(super) fn count_entries(&self) -> serde_json::Result<usize> {
        let rows = self.rows.as_ref().map(|rows| serde_json::from_str::<Vec<IgnoredAny>>(rows.get())).transpose()?;
        Ok(rows.map_or(0, |rows| rows.len()) + usize::from(self.account.is_some()))
    }
}

/// Serializes the plaintext of a secret.
fn serialize_secret<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|secret| secret.expose_secret()).serialize(serializer)
}
