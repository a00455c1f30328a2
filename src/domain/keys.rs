//! Encryption keys as the database records them: the values that each key has sealed, and a check for each key in use.

use std::collections::BTreeMap;

use super::{ids::KeyId, sealed_secret::SealedSecret, time::Timestamp};

/// The text that a key check seals. A stored check means what the text says: values of the first format and API tokens
/// without a mark are no longer accepted.
pub const KEY_CHECK: &str = "goclaw key check: first format closed";

/// A stored value that shows whether a gateway has a key that the database uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    pub key_id: KeyId,
    /// [`KEY_CHECK`], sealed with that key.
    pub value: SealedSecret,
}

/// A column whose values are sealed again when the key is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
pub enum SealedColumn {
    /// `llm_providers.api_key`; the row is the account's name.
    #[strum(serialize = "access token")]
    AccessToken,
    /// `config_secrets.value`; the row is its key.
    #[strum(serialize = "refresh token")]
    RefreshToken,
    /// `revocations.token`; the row is its id.
    #[strum(serialize = "queued refresh token")]
    Revocation,
    /// `api_tokens.mac`; the row is its id.
    #[strum(serialize = "mark of the API token")]
    ApiToken,
}

impl SealedColumn {
    /// Returns the column's name for messages.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A sealed value and where it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    pub column: SealedColumn,
    pub row: String,
    /// None for an API token without a mark.
    pub value: Option<SealedSecret>,
}

/// How many records of a gateway's token journal are sealed with each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalUse {
    /// The host and folder of the journal.
    pub place: String,
    pub seen_at: Timestamp,
    /// The number of records for each key.
    pub records: BTreeMap<KeyId, usize>,
}

/// Replaces a sealed value if it is still `old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    pub column: SealedColumn,
    pub row: String,
    pub old: Option<SealedSecret>,
    pub new: SealedSecret,
}
