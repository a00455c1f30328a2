//! Stored secrets: encrypted, and bound to their place.

use super::ids::{AccountName, LoginId};

/// An encrypted secret, `v1:<key id>:<base64url(nonce, ciphertext, tag)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret(String);

impl SealedSecret {
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresh_token_has_its_required_key() {
        let name = AccountName::parse("openai-codex").unwrap();
        assert_eq!(refresh_token_key(&name), "oauth.openai-codex.refresh_token");
    }

    /// Stored secrets are bound to these texts. They must not change, even if tables or types are renamed.
    #[test]
    fn seal_contexts_do_not_change() {
        let name = AccountName::parse("work").unwrap();
        let login = LoginId::from_stored("a-login".to_owned());
        for (context, place) in [
            (SealContext::access_token(&name, &login), ["llm_providers", "work", "api_key", "a-login"]),
            (SealContext::refresh_token(&name, &login), ["config_secrets", "work", "value", "a-login"]),
            (SealContext::login_state(&login), ["login_sessions", "a-login", "state", "a-login"]),
            (SealContext::login_verifier(&login), ["login_sessions", "a-login", "verifier", "a-login"]),
        ] {
            assert_eq!([context.table, context.row, context.column, context.login_id.as_str()], place);
        }
    }
}
