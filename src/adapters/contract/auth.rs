//! Logins, secrets and the state of an account.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{
    AccountState, CancelStatus, Label, LoginOutcome, LoginStartStatus, LogoutStatus, PastedCookie, PastedToken,
    Problem, ProviderTypeName, RedirectUrl, Revocation, SwitchedOffBy,
};
use crate::{
    app,
    domain::{
        account::AccountLabels,
        credential,
        ids::{Generation, LoginId},
        provider::{self, AuthMethod},
        refresh::TokenVersion,
        time::Timestamp,
    },
};

/// The account's user, from the claims of its tokens.
#[derive(Debug, Clone, Default, Object, Serialize, Deserialize)]
pub struct Account {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The plan, e.g. `plus`; an open set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_type: Option<String>,
}

impl Account {
    /// Returns `None` if the tokens have no such claims.
    pub fn of(labels: AccountLabels) -> Option<Self> {
        let AccountLabels { account_id, user_id, email, plan_type } = labels;
        let is_known = account_id.is_some() || user_id.is_some() || email.is_some() || plan_type.is_some();
        is_known.then_some(Self { account_id, user_id, email, plan_type })
    }
}

/// A login that waits for its callback.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct PendingLogin {
    pub login_id: String,
    /// When it expires, in Unix seconds.
    pub expires_at: i64,
}

/// The outcome of the caller's last login.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct LastLogin {
    pub login_id: String,
    pub outcome: LoginOutcome,
    /// The outcome as text.
    pub reason: String,
    /// When it ended, in Unix seconds.
    pub at: i64,
}

/// The state of an account.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct AuthStatus {
    /// Whether there is a usable access token.
    pub authenticated: bool,
    /// The account's name, when authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_name: Option<String>,
    /// `token invalid or expired`, if a token is stored but cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub state: AccountState,
    /// Explains the state and the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switched_off_by: Option<SwitchedOffBy>,
    /// When the access token expires, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When the access token was last refreshed, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refresh_at: Option<i64>,
    /// When the next refresh is due, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_refresh_at: Option<i64>,
    /// The login that issued the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_id: Option<String>,
    /// The number of refreshes since that login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The scopes that the provider granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingLogin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login: Option<LastLogin>,
}

impl From<app::AccountStatus> for AuthStatus {
    fn from(status: app::AccountStatus) -> Self {
        let authenticated = status.authenticated;
        let has_tokens = !matches!(status.state, credential::AccountState::Absent | credential::AccountState::Disabled);
        Self {
            authenticated,
            provider_name: authenticated.then(|| status.name.to_string()),
            error: (has_tokens && !authenticated).then(|| "token invalid or expired".to_owned()),
            state: status.state.into(),
            reason: status.reason,
            switched_off_by: status.switched_off_by.map(Into::into),
            expires_at: status.expires_at.map(Timestamp::unix_seconds),
            last_refresh_at: status.last_refresh_at.map(Timestamp::unix_seconds),
            next_refresh_at: status.next_refresh_at.map(Timestamp::unix_seconds),
            login_id: status.login_id.map(|id| id.to_string()),
            generation: status.generation.map(|generation| generation.0),
            scopes: Some(status.scopes).filter(|scopes| !scopes.is_empty()),
            account: Account::of(status.account),
            pending: status.pending.map(|login| PendingLogin {
                login_id: login.login_id.to_string(),
                expires_at: login.expires_at.unix_seconds(),
            }),
            last_login: status.last_login.map(|login| LastLogin {
                login_id: login.login_id.to_string(),
                outcome: login.outcome.into(),
                reason: login.outcome.sentence().to_owned(),
                at: login.at.unix_seconds(),
            }),
        }
    }
}

/// How to start a login; every member is optional.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartLoginRequest {
    /// Start a login although the account is signed in; the old tokens serve until the new ones are saved.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// What to call the account.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// The provider type, for a name that is not built in.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<ProviderTypeName>,
}

impl StartLoginRequest {
    pub fn provider_type(&self) -> Option<&str> {
        self.provider_type.as_ref().map(|name| name.0.as_str())
    }

    /// Converts the request; `provider_type` is the parsed one.
    pub fn into_options(self, provider_type: Option<provider::ProviderType>) -> app::StartOptions {
        app::StartOptions {
            force: self.force.unwrap_or_default(),
            display_name: self.display_name.map(|name| name.0),
            provider_type,
        }
    }
}

/// A pending login with all members, or `already_authenticated` with only `status` and `provider_name`.
#[derive(Object, Serialize, Deserialize)]
pub struct LoginStarted {
    pub status: LoginStartStatus,
    pub provider_name: String,
    /// Open this URL in a browser, sign in and approve. It is specific to this login; do not share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_url: Option<String>,
    /// The `login_id` that the tokens will carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_id: Option<String>,
    /// When the login began, in Unix seconds; earlier than this call if it was pending already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// When the login expires, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackState>,
}

/// Whether the gateway receives the browser's redirect.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
pub struct CallbackState {
    pub listening: bool,
    /// Why not. The redirect URL can be pasted instead.
    #[serde(skip_serializing_if = "Option::is_none")]
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
#[derive(Debug, Object, Serialize, Deserialize)]
pub struct AccountConnected {
    pub authenticated: bool,
    pub provider_name: String,
    pub provider_id: String,
}

impl From<app::Connected> for AccountConnected {
    fn from(connected: app::Connected) -> Self {
        let provider_name = connected.name.to_string();
        Self { authenticated: true, provider_name, provider_id: connected.id.as_str().to_owned() }
    }
}

#[derive(Debug, Object, Serialize, Deserialize)]
pub struct CancelResult {
    pub status: CancelStatus,
}

impl From<bool> for CancelResult {
    fn from(is_cancelled: bool) -> Self {
        Self { status: if is_cancelled { CancelStatus::Cancelled } else { CancelStatus::NoPendingLogin } }
    }
}

/// The account is signed out here, whether or not the provider revoked its tokens.
#[derive(Debug, Object, Serialize, Deserialize)]
pub struct LogoutResult {
    pub status: LogoutStatus,
    /// Whether there was anything to remove.
    pub removed: bool,
    pub revocation: Revocation,
}

impl From<app::LoggedOut> for LogoutResult {
    fn from(logged_out: app::LoggedOut) -> Self {
        let revocation = logged_out.revocation.into();
        Self { status: LogoutStatus::LoggedOut, removed: logged_out.removed, revocation }
    }
}

/// Consent to one more refresh although the provider may have consumed the refresh token: the `login_id` and
/// `generation` that the status showed. Send both members or neither.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    #[oai(validator(pattern = "^[0-9a-f]{32}$"))]
    pub login_id: Option<String>,
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
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

/// The secret of an account: either `api_key` or `session_token`.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// A key from the provider's console. Surrounding white space is ignored.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub api_key: Option<PastedToken>,
    /// The token of a signed-in browser session. Surrounding white space is ignored.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub session_token: Option<PastedToken>,
    /// With a `session_token`: the value of the browser's long-lived cookie at the identity provider (Suno: `__client`
    /// of `auth.suno.com`), with which the gateway refreshes the token. Without it, the owner must paste a new token
    /// when this one expires.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub client_cookie: Option<PastedCookie>,
    /// The account's display name.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// The provider type, for a name that is not built in.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<ProviderTypeName>,
    /// Save the secret without trying it at the provider.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
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
    pub fn into_secret(self, provider_type: Option<provider::ProviderType>) -> Result<app::PastedSecret, Problem> {
        let (method, secret) = match (self.api_key, self.session_token, &self.client_cookie) {
            (Some(key), None, None) => (AuthMethod::ApiKey, key.0),
            (None, Some(token), _) => (AuthMethod::SessionToken, token.0),
            (Some(_), None, Some(_)) => return Err(Problem::body("`client_cookie` goes with a `session_token`")),
            _ => return Err(Problem::body("send either `api_key` or `session_token`")),
        };
        Ok(app::PastedSecret {
            method,
            secret,
            client_cookie: self.client_cookie.map(|cookie| cookie.0),
            display_name: self.display_name.map(|name| name.0),
            provider_type,
            unchecked: self.unchecked.unwrap_or_default(),
        })
    }
}
