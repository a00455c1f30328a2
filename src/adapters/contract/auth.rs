//! The bodies of `/v1/auth/{provider}/...` for logins, refreshes and secrets.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{
    CancelStatus, Label, LoginStartStatus, LogoutStatus, PastedCookie, PastedToken, Problem, ProviderType,
    ProviderTypeName, RedirectUrl, Revocation, status::names,
};
use crate::{
    app,
    domain::{
        ids::{Generation, LoginId},
        refresh::TokenVersion,
    },
};

/// How to start a login; every member is optional.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartLoginRequest {
    /// Start a login although the account is signed in; the old tokens serve until the new ones are saved.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// Replace the account even if another user or workspace signs in. Otherwise the login waits for a confirmation.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub replace: Option<bool>,
    /// The account's display name.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// The provider type, for a name that is not built in.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<ProviderTypeName>,
}

impl StartLoginRequest {
    pub fn provider_type(&self) -> Option<&str> {
        self.provider_type.as_ref().map(|name| name.0.as_str())
    }

    /// Converts the request; `provider_type` is the parsed one.
    pub fn into_options(self, provider_type: Option<ProviderType>) -> app::StartOptions {
        app::StartOptions {
            force: self.force.unwrap_or_default(),
            replace: self.replace.unwrap_or_default(),
            display_name: self.display_name.map(|name| name.0),
            provider_type,
        }
    }
}

/// A pending login with all members, or `already_authenticated` with only `status` and `provider_name`.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct LoginStarted {
    pub status: LoginStartStatus,
    pub provider_name: String,
    /// Open this URL in a browser, sign in and approve. It is specific to this login; do not share it.
    pub auth_url: Option<String>,
    /// The `login_id` that the tokens will carry.
    pub login_id: Option<String>,
    /// When the login began, in Unix seconds; earlier than this call if it was pending already.
    pub started_at: Option<i64>,
    /// When the login expires, in Unix seconds.
    pub expires_at: Option<i64>,
    pub callback: Option<CallbackState>,
}

/// Whether the gateway receives the browser's redirect.
#[derive(Debug, Default, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct CallbackState {
    pub listening: bool,
    /// Why not. The redirect URL can be pasted instead.
    pub error: Option<String>,
}

impl From<app::StartOutcome> for LoginStarted {
    fn from(outcome: app::StartOutcome) -> Self {
        match outcome {
            app::StartOutcome::AlreadyAuthenticated { name } => Self {
                status: LoginStartStatus::AlreadyAuthenticated,
                provider_name: name.to_string(),
                auth_url: None,
                login_id: None,
                started_at: None,
                expires_at: None,
                callback: None,
            },
            app::StartOutcome::Pending(login) => Self {
                status: LoginStartStatus::Pending,
                provider_name: login.name.to_string(),
                auth_url: Some(login.auth_url.expose_secret().to_owned()),
                login_id: Some(login.login_id.to_string()),
                started_at: Some(login.started_at.unix_seconds()),
                expires_at: Some(login.expires_at.unix_seconds()),
                callback: Some(CallbackState {
                    listening: login.callback_error.is_none(),
                    error: login.callback_error.map(|error| error.to_string()),
                }),
            },
        }
    }
}

/// The address that the browser was redirected to.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompleteLoginRequest {
    /// The whole address, as copied: `http://localhost:1455/auth/callback?code=...&state=...`.
    pub redirect_url: RedirectUrl,
}

/// The tokens are saved.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct AccountConnected {
    pub authenticated: bool,
    pub provider_name: String,
    pub provider_id: String,
    /// Other accounts here of the same user and workspace.
    pub same_account_as: Option<Vec<String>>,
}

impl From<app::Connected> for AccountConnected {
    fn from(connected: app::Connected) -> Self {
        let app::Connected { name, id, authenticated, other_names } = connected;
        Self {
            authenticated,
            provider_name: name.to_string(),
            provider_id: id.as_str().to_owned(),
            same_account_as: names(&other_names),
        }
    }
}

/// The answer to the question whether the account that signed in replaces the connected one.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The login that waits.
    #[oai(validator(pattern = "^[0-9a-f]{32}$"))]
    pub login_id: String,
    /// The login that is connected, as the question named it.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    #[oai(validator(pattern = "^[0-9a-f]{32}$"))]
    pub replaces: Option<String>,
    /// Replace the connected account, or keep it and revoke the new tokens.
    pub replace: bool,
}

impl ConfirmRequest {
    /// Converts the request.
    ///
    /// # Errors
    ///
    /// A member is not an id.
    pub fn into_answer(self) -> Result<app::Answer, Problem> {
        let id = |text: String| {
            LoginId::parse(&text).ok_or_else(|| Problem::body("an id of a login is 32 lower-case hex digits"))
        };
        let (login_id, replaces) = (id(self.login_id)?, self.replaces.map(id).transpose()?);
        Ok(app::Answer { login_id, replaces, replace: self.replace })
    }
}

#[derive(Debug, Object, Deserialize)]
pub struct CancelResult {
    pub status: CancelStatus,
}

impl From<bool> for CancelResult {
    fn from(is_cancelled: bool) -> Self {
        Self { status: if is_cancelled { CancelStatus::Cancelled } else { CancelStatus::NoPendingLogin } }
    }
}

/// The account is signed out here, whether or not the provider revoked its tokens.
#[derive(Debug, Object, Deserialize)]
pub struct LogoutResult {
    pub status: LogoutStatus,
    /// Whether there was anything to remove.
    pub removed: bool,
    pub revocation: Revocation,
}

impl From<app::LoggedOut> for LogoutResult {
    fn from(logged_out: app::LoggedOut) -> Self {
        let app::LoggedOut { removed, revocation, .. } = logged_out;
        Self { status: LogoutStatus::LoggedOut, removed, revocation }
    }
}

/// Consent to one more refresh although the provider may have consumed the refresh token: the `login_id` and
/// `generation` that the status showed. Send both members or neither.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    #[oai(validator(pattern = "^[0-9a-f]{32}$"))]
    pub login_id: Option<String>,
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "0")))]
    pub generation: Option<u64>,
}

impl RefreshRequest {
    /// Returns the tokens that the caller consents to risk.
    ///
    /// # Errors
    ///
    /// Only one of the members is present, or `login_id` is not an id.
    pub fn consent(self) -> Result<Option<TokenVersion>, Problem> {
        let missing = |name, other| Err(Problem::body(format!("`{name}` is missing beside `{other}`")));
        match (self.login_id, self.generation) {
            (None, None) => Ok(None),
            (Some(id), Some(generation)) => {
                let not_an_id = || Problem::body("`login_id` is not an id: 32 lower-case hex digits");
                let login_id = LoginId::parse(&id).ok_or_else(not_an_id)?;
                Ok(Some(TokenVersion { login_id, generation: Generation(generation) }))
            }
            (Some(_), None) => missing("generation", "login_id"),
            (None, Some(_)) => missing("login_id", "generation"),
        }
    }
}

/// The secret of an account: an `api_key`, or a `session_token`, a `client_cookie` or both.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// A key from the provider's console. Surrounding white space is ignored.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub api_key: Option<PastedToken>,
    /// The token of a signed-in browser session. Surrounding white space is ignored. Without it, or with null, the
    /// gateway gets one with the `client_cookie`.
    #[oai(nullable)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<PastedToken>,
    /// The browser's long-lived cookie at the identity provider (Suno: `__client` of `auth.suno.com`), with which the
    /// gateway refreshes the token: its value, `name=value`, the whole `Cookie` header, or the part of a curl command
    /// that sends it. Without it, the owner must paste a new token when this one expires.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub client_cookie: Option<PastedCookie>,
    /// The account's display name.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// The provider type, for a name that is not built in.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<ProviderTypeName>,
    /// Save the secret without checking it with the provider.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<bool>,
}

impl SecretRequest {
    pub fn provider_type(&self) -> Option<&str> {
        self.provider_type.as_ref().map(|name| name.0.as_str())
    }

    /// Converts the request; `provider_type` is the parsed one.
    ///
    /// # Errors
    ///
    /// The combination of members is invalid.
    pub fn into_secret(self, provider_type: Option<ProviderType>) -> Result<app::PastedSecret, Problem> {
        let secret = match (self.api_key, self.session_token, self.client_cookie) {
            (Some(key), None, None) => app::Secret::ApiKey(key.0),
            (None, Some(token), None) => app::Secret::SessionToken(token.0),
            (None, token, Some(cookie)) => {
                app::Secret::ClientCookie { cookie: cookie.0, session_token: token.map(|token| token.0) }
            }
            (Some(_), None, Some(_)) => return Err(Problem::body("`client_cookie` does not go with an `api_key`")),
            (Some(_), Some(_), _) | (None, None, None) => {
                return Err(Problem::body("send an `api_key`, a `session_token` or a `client_cookie`"));
            }
        };
        Ok(app::PastedSecret {
            secret,
            display_name: self.display_name.map(|name| name.0),
            provider_type,
            unchecked: self.unchecked.unwrap_or_default(),
        })
    }
}
