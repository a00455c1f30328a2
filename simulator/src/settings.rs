//! Everything about the provider that a test may choose. The same types are the body of `POST /settings` on the control
//! port, so whatever a Rust test can set, a script can set too.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::durations;

/// The client id of the public Codex client, known to the provider unless the settings say otherwise.
const CODEX_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// How the provider behaves from now on. The default is the well-behaved provider, with approval given at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The registered public clients.
    pub clients: Vec<Client>,
    /// The people who can sign in.
    pub accounts: Vec<Account>,
    /// Index in `accounts` of whoever sits at the browser. Out of range: nobody, so the session is invalid.
    pub signed_in: usize,
    /// Which ports a loopback redirect may name.
    pub redirect_ports: RedirectPorts,
    /// What happens at the authorization endpoint.
    pub approval: Approval,
    /// What goes wrong with the redirect back to the client.
    pub callback: CallbackFault,
    /// How long an authorization code may be redeemed.
    #[serde(with = "durations")]
    pub code_lifetime: Duration,
    /// How long an access token lives (its `exp`, and `expires_in` unless overridden).
    #[serde(with = "durations")]
    pub access_lifetime: Duration,
    /// How long a refresh token may be used.
    #[serde(with = "durations")]
    pub refresh_lifetime: Duration,
    /// What a spent refresh token does when it comes back.
    pub reuse: ReusePolicy,
    /// The JSON (or other) form of refusals.
    pub error_shape: ErrorShape,
    /// The `expires_in` member of token answers.
    pub expires_in: ExpiresIn,
    /// What access tokens look like.
    pub access_token_form: AccessTokenForm,
    /// Leave `id_token` out of token answers.
    pub omit_id_token: bool,
    /// Leave `refresh_token` out of token answers. On a refresh this means *no rotation* (RFC 6749 section 6: the
    /// client keeps the one it has).
    pub omit_refresh_token: bool,
    /// Index in `accounts`: answer with tokens of this account, whoever the grant belongs to.
    pub answer_for_account: Option<usize>,
    /// Seconds the provider's clock is ahead of the machine's (negative: behind). Moves expiry without waiting.
    pub clock_offset_seconds: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clients: vec![Client { client_id: CODEX_CLIENT_ID.to_owned(), name: "Codex".to_owned() }],
            accounts: vec![Account::numbered(1), Account::numbered(2)],
            signed_in: 0,
            redirect_ports: RedirectPorts::Any,
            approval: Approval::AutoApprove,
            callback: CallbackFault::None,
            code_lifetime: Duration::from_mins(10),
            access_lifetime: Duration::from_hours(7 * 24),
            refresh_lifetime: Duration::from_hours(90 * 24),
            reuse: ReusePolicy::KillFamily,
            error_shape: ErrorShape::Object,
            expires_in: ExpiresIn::Honest,
            access_token_form: AccessTokenForm::Jwt,
            omit_id_token: false,
            omit_refresh_token: false,
            answer_for_account: None,
            clock_offset_seconds: 0,
        }
    }
}

/// The members sent to change settings do not fit.
#[derive(Debug, thiserror::Error)]
#[error("a setting is unknown or its value does not fit")]
pub struct UnknownSetting(#[source] serde_json::Error);

impl Settings {
    /// These settings with the given members replaced, the rest as they are.
    ///
    /// # Errors
    /// When a member is unknown or its value has the wrong form.
    pub fn merged(&self, members: serde_json::Map<String, Value>) -> Result<Self, UnknownSetting> {
        let mut all = serde_json::to_value(self).map_err(UnknownSetting)?;
        if let Some(all) = all.as_object_mut() {
            all.extend(members);
        }
        serde_json::from_value(all).map_err(UnknownSetting)
    }
}

/// A public client (RFC 6749 section 2.1): it has an id and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The `client_id`.
    pub client_id: String,
    /// The name shown on the approval page.
    pub name: String,
}

/// A person in a workspace. Two accounts may share `account_id` (one workspace) or `user_id` (one person).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// `chatgpt_user_id`.
    pub user_id: String,
    /// `chatgpt_account_id`, the workspace.
    pub account_id: String,
    /// The person's name.
    pub name: String,
    /// The e-mail address; without one the claims have none.
    pub email: Option<String>,
    /// `chatgpt_plan_type`: any text, as with the real provider.
    pub plan: String,
    /// `chatgpt_account_is_fedramp`.
    #[serde(default)]
    pub fedramp: bool,
}

impl Account {
    /// An account whose members differ from those of every other number.
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        Self {
            user_id: format!("user-simulated-{number}"),
            account_id: format!("00000000-0000-4000-8000-{number:012}"),
            name: format!("Simulated Person {number}"),
            email: Some(format!("person{number}@example.com")),
            plan: "plus".to_owned(),
            fedramp: false,
        }
    }
}

/// Which ports a loopback redirect URI may name. The real provider has two registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectPorts {
    /// Any port, as tests need it.
    Any,
    /// These ports only.
    Only(Vec<u16>),
}

/// What happens at the authorization endpoint once the request itself is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Approval {
    /// Show a page with Approve and Deny.
    Ask,
    /// Redirect back with a code at once.
    AutoApprove,
    /// Redirect back with `access_denied`.
    Deny,
    /// Redirect back with `access_denied` whose description contains `missing_codex_entitlement`.
    MissingEntitlement,
    /// Redirect back with this error code.
    ErrorParam {
        /// The value of the `error` parameter.
        error: String,
    },
    /// Accept the request and never answer.
    NeverAnswer,
    /// Show the HTML page of a stale session (400), without a redirect.
    InvalidSession,
}

/// What goes wrong with the redirect back to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackFault {
    /// Nothing.
    None,
    /// `state` is not the one that was sent.
    WrongState,
    /// No `code`.
    MissingCode,
    /// Parameters nobody asked for. Not a fault: clients must ignore them (RFC 6749 section 4.1.2).
    ExtraParams,
    /// `code` twice, with different values.
    RepeatedCode,
    /// `iss` with the issuer (RFC 9207). Not a fault.
    IssuerAdded,
    /// `iss` with somebody else's issuer (RFC 9207 section 2.4: clients must refuse).
    WrongIssuer,
}

/// What a spent refresh token does when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReusePolicy {
    /// Refused, and the whole family, access tokens included, is dead (RFC 9700 section 4.14).
    KillFamily,
    /// Refused; the family lives on.
    RefuseOnly,
    /// Within this time after it was first spent it still works; later as `KillFamily`.
    Grace(#[serde(with = "durations")] Duration),
}

/// The form of refusals at the token endpoint. The real provider shows several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// `{"error": {"message", "type", "param", "code"}}`.
    Object,
    /// `{"error": "...", "error_description": "..."}` (RFC 6749 section 5.2).
    StringAndDescription,
    /// `{"code": "...", "message": "..."}`.
    TopLevelCode,
    /// `{"error": "invalid_grant", "code": "..."}`, the two disagreeing.
    Mixed,
    /// `{"detail": "..."}`.
    Detail,
    /// The message as text.
    PlainText,
    /// A page.
    Html,
    /// Nothing.
    Empty,
    /// The object form, cut in the middle, in a complete HTTP answer.
    TruncatedJson,
}

/// The `expires_in` member of token answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// The access lifetime in seconds.
    Honest,
    /// No such member.
    Absent,
    /// Whatever this is: 0, -1, 1e18, "3600".
    Value(Value),
}

/// What access tokens look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenForm {
    /// A JWT with all claims.
    Jwt,
    /// Not a JWT at all.
    Opaque,
    /// A JWT without `exp`.
    WithoutExp,
    /// A JWT whose `exp` is not a number.
    UnreadableExp,
}
