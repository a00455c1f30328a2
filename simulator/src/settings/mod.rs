//! The settings a test may change. The same types are the body of `POST /settings` on the control port.

mod choices;

use std::{collections::BTreeMap, time::Duration};

pub use choices::{
    AccessTokenForm, Approval, CallbackFault, ErrorShape, ExpiresIn, RedirectPorts, ReusePolicy, Speech,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{durations, model};

/// The client id of the public Codex client, registered by default.
const CODEX_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// The default API key. It contains the canary, like every secret here.
const API_KEY: &str = "sk-simulated-CANARY-0001";

/// The provider's behaviour. By default the provider behaves correctly and approves every request immediately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The registered public clients.
    pub clients: Vec<Client>,
    /// The accounts that can sign in.
    pub accounts: Vec<Account>,
    /// Index in `accounts` of the user in the browser. Out of range means an invalid session.
    pub signed_in: usize,
    /// The ports a loopback redirect may use.
    pub redirect_ports: RedirectPorts,
    /// The outcome of a valid request at the authorization endpoint.
    pub approval: Approval,
    /// The fault in the redirect back to the client.
    pub callback: CallbackFault,
    /// The lifetime of an authorization code.
    #[serde(with = "durations")]
    pub code_lifetime: Duration,
    /// The lifetime of an access token (its `exp`, and `expires_in` unless overridden).
    #[serde(with = "durations")]
    pub access_lifetime: Duration,
    /// The lifetime of a refresh token.
    #[serde(with = "durations")]
    pub refresh_lifetime: Duration,
    /// The reaction to a reused refresh token.
    pub reuse: ReusePolicy,
    /// Whether a revocation ends everything that the user has granted to the client, not only the token's family.
    pub revocation_ends_grant: bool,
    /// The form of error responses.
    pub error_shape: ErrorShape,
    /// The `expires_in` member of token responses.
    pub expires_in: ExpiresIn,
    /// The form of access tokens.
    pub access_token_form: AccessTokenForm,
    /// Omits `id_token` from token responses.
    pub omit_id_token: bool,
    /// Omits `refresh_token` from token responses. On a refresh this means *no rotation* (RFC 6749 section 6: the
    /// client keeps its token).
    pub omit_refresh_token: bool,
    /// Index in `accounts`: responds with tokens of this account, regardless of the grant's account.
    pub answer_for_account: Option<usize>,
    /// Seconds the provider's clock is ahead of the machine's (negative: behind). Moves expiry without waiting.
    pub clock_offset_seconds: i64,
    /// The lifetime of a session token. The browser's cookie is valid until it is revoked.
    #[serde(with = "durations")]
    pub session_lifetime: Duration,
    /// The models the backend lists and serves.
    pub models: Vec<String>,
    /// The backend's models that take their tools from an item of the input (`additional_tools`).
    pub lite_models: Vec<String>,
    /// The text of a plain response.
    pub speech: Speech,
    /// The number of text deltas in one response of numbered words.
    pub stream_deltas: u32,
    /// The pause before each delta.
    #[serde(with = "durations")]
    pub stream_pause: Duration,
    /// The reported usage of the plan's primary window before any response counts, in percent. From 100 on, the
    /// backend refuses model requests.
    pub used_percent: u32,
    /// The same for the secondary window; half of the primary value by default.
    pub secondary_used_percent: Option<u32>,
    /// Both values for single accounts, by `account_id`.
    pub used_percent_by_account: BTreeMap<String, UsedPercent>,
    /// The `account_id` of each deactivated workspace: its valid tokens get a 402.
    pub deactivated_workspaces: Vec<String>,
    /// The percentage each response adds to both windows. The addition disappears when a window ends.
    pub percent_per_response: UsedPercent,
    /// Whether a response also reports both windows in its stream.
    pub rate_limits_in_stream: bool,
    /// The API keys that DashScope accepts.
    pub api_keys: Vec<String>,
    /// The models DashScope lists and serves.
    pub dashscope_models: Vec<String>,
    /// The models of DashScope that make embeddings. It does not list them.
    pub embedding_models: Vec<String>,
}

/// The usage of a plan's two windows, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsedPercent {
    /// The shorter window.
    pub primary: u32,
    /// The longer window.
    pub secondary: u32,
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
            revocation_ends_grant: false,
            error_shape: ErrorShape::Object,
            expires_in: ExpiresIn::Honest,
            access_token_form: AccessTokenForm::Jwt,
            omit_id_token: false,
            omit_refresh_token: false,
            answer_for_account: None,
            clock_offset_seconds: 0,
            session_lifetime: Duration::from_hours(1),
            models: ["gpt-5.5", "gpt-5.4", "gpt-5.3-codex-spark"].map(ToOwned::to_owned).into(),
            lite_models: Vec::new(),
            speech: Speech::NumberedWords,
            stream_deltas: 5,
            stream_pause: Duration::ZERO,
            used_percent: 12,
            secondary_used_percent: None,
            used_percent_by_account: BTreeMap::new(),
            deactivated_workspaces: Vec::new(),
            percent_per_response: UsedPercent::default(),
            rate_limits_in_stream: false,
            api_keys: vec![API_KEY.to_owned()],
            dashscope_models: ["qwen3-max", "qwen-plus", "qwen-image"].map(ToOwned::to_owned).into(),
            embedding_models: vec!["text-embedding-v4".to_owned()],
        }
    }
}

/// The members of a settings change are invalid.
#[derive(Debug, thiserror::Error)]
#[error("a setting is unknown or its value does not fit")]
pub struct InvalidSetting(#[source] serde_json::Error);

impl Settings {
    /// Returns the settings with this many accounts, each in its own workspace.
    #[must_use]
    pub fn with_accounts(self, count: u32) -> Self {
        Self { accounts: (1..=count).map(Account::numbered).collect(), ..self }
    }

    /// Returns the pieces of a plain response.
    pub(crate) fn text_pieces(&self) -> Vec<String> {
        match self.speech {
            Speech::NumberedWords => model::words(self.stream_deltas),
            Speech::Sentences => model::sentences(),
        }
    }

    /// Returns the configured usage of an account's plan.
    pub(crate) fn used_percent_of(&self, account: &Account) -> UsedPercent {
        let default = UsedPercent {
            primary: self.used_percent,
            secondary: self.secondary_used_percent.unwrap_or(self.used_percent / 2),
        };
        self.used_percent_by_account.get(&account.account_id).copied().unwrap_or(default)
    }

    /// Returns these settings with the given members replaced.
    ///
    /// # Errors
    /// Fails if a member is unknown or its value has the wrong form.
    pub fn merged(&self, members: serde_json::Map<String, Value>) -> Result<Self, InvalidSetting> {
        let mut all = serde_json::to_value(self).map_err(InvalidSetting)?;
        if let Some(all) = all.as_object_mut() {
            all.extend(members);
        }
        serde_json::from_value(all).map_err(InvalidSetting)
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
    /// The e-mail address; without it the claims have none.
    pub email: Option<String>,
    /// `chatgpt_plan_type`: any text, as at the real provider.
    pub plan: String,
    /// `chatgpt_account_is_fedramp`.
    #[serde(default)]
    pub fedramp: bool,
}

impl Account {
    /// Returns an account whose ids, name and e-mail address belong to this number only.
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
