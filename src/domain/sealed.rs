//! Stored secrets: encrypted, and bound to their place.

use super::ids::{AccountName, LoginId};

stored_text!(
    /// An encrypted secret, `v1:<key id>:<base64url(nonce, ciphertext, tag)>`.
    #[derive(Debug)]
    SealedSecret
);

impl SealedSecret {
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The place of a sealed secret. It is the associated data of the encryption, so a secret that was moved to another
/// row, column or login does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealContext<'a> {
    pub table: &'static str,
    pub row: &'a str,
    pub column: &'static str,
    pub login_id: &'a LoginId,
}

impl<'a> SealContext<'a> {
    pub fn access_token(name: &'a AccountName, login_id: &'a LoginId) -> Self {
        Self { table: "llm_providers", row: name.as_str(), column: "api_key", login_id }
    }

    /// The row is the account's name, which is part of the key in `config_secrets`.
    pub fn refresh_token(name: &'a AccountName, login_id: &'a LoginId) -> Self {
        Self { table: "config_secrets", row: name.as_str(), column: "value", login_id }
    }

    pub fn login_state(login_id: &'a LoginId) -> Self {
        Self { table: "login_sessions", row: login_id.as_str(), column: "state", login_id }
    }

    pub fn login_verifier(login_id: &'a LoginId) -> Self {
        Self { table: "login_sessions", row: login_id.as_str(), column: "verifier", login_id }
    }
}

/// Returns the key of an account's refresh token in `config_secrets`.
pub fn refresh_token_key(name: &AccountName) -> String {
    format!("oauth.{name}.refresh_token")
}
