//! The bodies that the control API takes. Unknown members are refused: a misspelt one must not be silently ignored.

use poem_openapi::{Object, types::Password};
use secrecy::SecretString;

use crate::{
    app::{PastedSecret, StartOptions},
    domain::provider::AuthMethod,
    ports::ProfileChange,
};

/// How to start a login; all of it may be left out.
#[derive(Object, Default)]
#[oai(deny_unknown_fields)]
pub(super) struct StartRequest {
    /// Sign in anew although the login is sound; the old one serves until the new one is saved.
    #[oai(default)]
    force: bool,
    /// What to call the account.
    #[oai(validator(min_length = 1, max_length = 255))]
    display_name: Option<String>,
    /// For a name that is not built in: what type of provider it is, e.g. `openai-codex`.
    provider_type: Option<String>,
}

impl From<StartRequest> for StartOptions {
    fn from(request: StartRequest) -> Self {
        Self { force: request.force, display_name: request.display_name, provider_type: request.provider_type }
    }
}

/// The address that the browser came back to.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct CallbackRequest {
    /// The whole address, as copied: `http://localhost:1455/auth/callback?code=...&state=...`.
    pub(super) redirect_url: Password,
}

/// A secret to connect with: exactly one of the two.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct SecretRequest {
    /// A key from the provider's console.
    api_key: Option<Password>,
    /// The token of a signed-in browser session.
    session_token: Option<Password>,
    /// What to call the account.
    #[oai(validator(min_length = 1, max_length = 255))]
    display_name: Option<String>,
    /// For a name that is not built in: what type of provider it is, e.g. `dashscope`.
    provider_type: Option<String>,
}

impl SecretRequest {
    /// None if it holds both secrets or neither.
    pub(super) fn into_pasted(self) -> Option<PastedSecret> {
        let (method, secret) = match (self.api_key, self.session_token) {
            (Some(key), None) => (AuthMethod::ApiKey, key),
            (None, Some(token)) => (AuthMethod::SessionToken, token),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(PastedSecret {
            method,
            secret: SecretString::from(secret.0),
            display_name: self.display_name,
            provider_type: self.provider_type,
        })
    }
}

/// What to change; what is left out stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct UpdateProviderRequest {
    /// What to call the account.
    #[oai(validator(min_length = 1, max_length = 255))]
    display_name: Option<String>,
    /// Whether the gateway may use it. Switching it off deletes nothing.
    enabled: Option<bool>,
}

impl From<UpdateProviderRequest> for ProfileChange {
    fn from(request: UpdateProviderRequest) -> Self {
        Self { display_name: request.display_name, enabled: request.enabled }
    }
}
