//! Encryption keys as the database shows them: which values each key has sealed, and a check for each key in use.

use std::collections::BTreeMap;

use super::{ids::KeyId, sealed_secret::SealedSecret, time::Timestamp};

/// The constant that a key check seals. The text states what its existence means: values of the first format and API
/// tokens without a mark are no longer accepted.
pub const KEY_CHECK: &str = "goclaw key check: first format closed";

/// Shows whether a gateway has a key that the database uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    pub key_id: KeyId,
    /// [`KEY_CHECK`], sealed with that key.
    pub value: SealedSecret,
}

/// A column of sealed values.
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
    /// Returns its name for messages.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A sealed value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    pub column: SealedColumn,
    pub row: String,
    /// None for an API token without a mark.
    pub value: Option<SealedSecret>,
}

/// What the token journal of one gateway has sealed with each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalUse {
    /// Host and folder.
    pub place: String,
    pub seen_at: Timestamp,
    /// The number of records by key.
    pub records: BTreeMap<KeyId, usize>,
}

/// A sealed value that is to be replaced if it still is `old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    pub column: SealedColumn,
    pub row: String,
    pub old: Option<SealedSecret>,
    pub new: SealedSecret,
}
