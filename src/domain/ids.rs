//! Names and ids as types of their own, so that they cannot be mixed up.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{invisible::is_invisible, time::Timestamp};

/// The maximum length of an account name, in characters (the width of the database column).
pub const MAX_ACCOUNT_NAME: usize = 50;

/// The name of an account, e.g. `openai-codex`: 1 to [`MAX_ACCOUNT_NAME`] lower-case letters, digits and inner hyphens.
/// It prefixes model names and is part of storage keys, so it never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountName(String);

/// The text is not an account name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account name is 1 to {MAX_ACCOUNT_NAME} lower-case letters, digits and inner hyphens")]
pub struct InvalidAccountName;

impl AccountName {
    pub fn parse(text: &str) -> Result<Self, InvalidAccountName> {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = !text.is_empty() && text.len() <= MAX_ACCOUNT_NAME;
        if fits && text.chars().all(is_allowed) && !text.starts_with('-') && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAccountName)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The maximum length of a display name, in characters.
pub const MAX_DISPLAY_NAME: usize = 255;

/// The owner's name for an account: one line of 1 to [`MAX_DISPLAY_NAME`] visible characters, safe to show in terminals
/// and pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

/// The text is not a display name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a display name is one line of 1 to {MAX_DISPLAY_NAME} visible characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    /// Parses a text. White space around it is removed, but counts towards the length.
    pub fn parse(text: &str) -> Result<Self, InvalidDisplayName> {
        // Line and paragraph separators are white space, but would break the line.
        let is_refused = |c: char| is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}');
        Self::from_stored(text).filter(|name| !name.0.contains(is_refused)).ok_or(InvalidDisplayName)
    }

    /// Parses a stored name. Earlier versions accepted more characters.
    pub fn from_stored(text: &str) -> Option<Self> {
        let is_too_long = text.chars().count() > MAX_DISPLAY_NAME;
        let text = text.trim();
        (!text.is_empty() && !is_too_long && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

stored_text!(
    /// The id of an account's row: a UUID v7 of a time and 10 random bytes, as text (RFC 9562 section 5.7).
    #[derive(Debug)]
    ProviderId
);

impl ProviderId {
    pub fn new(now: Timestamp, entropy: &[u8; 10]) -> Self {
        let millis = now.unix_millis().try_into().unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, entropy).into_uuid().to_string())
    }
}

random_id!(
    /// The id of one login and of all tokens that come from it. A new login of the same account gets a new id.
    LoginId
);

impl LoginId {
    /// Returns a placeholder for the login of an account that moved to another installation. If a restored database
    /// brings the account back, its login then counts as replaced, not as logged out, and its live tokens are not
    /// revoked.
    pub fn elsewhere() -> Self {
        Self("elsewhere".to_owned())
    }
}

impl fmt::Display for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of committed refreshes since the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl Generation {
    pub const FIRST: Self = Self(0);
}

/// The stored names of programs begin with this.
const PROGRAM: &str = "token:";

/// An authenticated caller. Only the principal that started a login may paste its redirect URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal(String);

impl Principal {
    /// Returns the principal of callers with the gateway token.
    pub fn gateway_token() -> Self {
        Self("gateway-token".to_owned())
    }

    /// Returns the principal of a program with this token.
    pub fn program(token_id: &str) -> Self {
        Self(format!("{PROGRAM}{token_id}"))
    }

    /// Returns the id of the program's token; None for other principals.
    pub fn program_token(&self) -> Option<&str> {
        self.0.strip_prefix(PROGRAM)
    }

    pub fn named(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

stored_text!(
    /// The SHA-256 of a login's `state` in base64url. Logins are looked up by it: see
    /// [`super::secret::OAuthState::digest`]. The state itself is stored sealed.
    #[derive(Debug)]
    StateDigest
);

/// The id of an encryption key: 16 hex digits derived from it. It distinguishes a wrong key from a damaged value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
