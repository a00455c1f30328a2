//! Everything about the provider that a test may choose. The same types are the body of `POST /settings` on the control
//! port, so whatever a Rust test can set, a script can set too.

mod choices;

use std::{collections::BTreeMap, time::Duration};

pub use choices::{AccessTokenForm, Approval, CallbackFault, ErrorShape, ExpiresIn, RedirectPorts, ReusePolicy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::durations;

/// The client id of the public Codex client, known to the provider unless the settings say otherwise.
const CODEX_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// The API key unless the settings say otherwise. It carries the canary, as every secret here does.
const API_KEY: &str = "sk-simulated-CANARY-0001";

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
    /// How long a session token lives; the browser's cookie lives until it is revoked.
    #[serde(with = "durations")]
    pub session_lifetime: Duration,
    /// The models the backend lists and serves.
    pub models: Vec<String>,
    /// How many pieces of text the backend streams in one response.
    pub stream_deltas: u32,
    /// How long it pauses before each of them.
    #[serde(with = "durations")]
    pub stream_pause: Duration,
    /// How much of the plan is used up in its primary window, as the backend tells it, before any response counts; from 100
    /// on no model answers.
    pub used_percent: u32,
    /// The same of the secondary window; half as much as of the primary one unless it is given.
    pub secondary_used_percent: Option<u32>,
    /// Both, for single accounts, by `account_id`.
    pub used_percent_by_account: BTreeMap<String, UsedPercent>,
    /// By how much every response fills both windows. What it added is gone when a window is over.
    pub percent_per_response: UsedPercent,
    /// Whether a response tells of both windows in its stream, too.
    pub rate_limits_in_stream: bool,
    /// The API keys that DashScope takes.
    pub api_keys: Vec<String>,
    /// The models it lists and serves.
    pub dashscope_models: Vec<String>,
}

/// How much is used up of the two windows of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsedPercent {
    /// The shorter one.
    pub primary: u32,
    /// The longer one.
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
            error_shape: ErrorShape::Object,
            expires_in: ExpiresIn::Honest,
            access_token_form: AccessTokenForm::Jwt,
            omit_id_token: false,
            omit_refresh_token: false,
            answer_for_account: None,
            clock_offset_seconds: 0,
            session_lifetime: Duration::from_hours(1),
            models: ["gpt-5.5", "gpt-5.4", "gpt-5.3-codex-spark"].map(ToOwned::to_owned).into(),
            stream_deltas: 5,
            stream_pause: Duration::ZERO,
            used_percent: 12,
            secondary_used_percent: None,
            used_percent_by_account: BTreeMap::new(),
            percent_per_response: UsedPercent::default(),
            rate_limits_in_stream: false,
            api_keys: vec![API_KEY.to_owned()],
            dashscope_models: ["qwen3-max", "qwen-plus", "qwen-image"].map(ToOwned::to_owned).into(),
        }
    }
}

/// The members sent to change settings do not fit.
#[derive(Debug, thiserror::Error)]
#[error("a setting is unknown or its value does not fit")]
pub struct UnknownSetting(#[source] serde_json::Error);

impl Settings {
    /// So many people who can sign in, each in a workspace of their own.
    #[must_use]
    pub fn with_accounts(self, count: u32) -> Self {
        Self { accounts: (1..=count).map(Account::numbered).collect(), ..self }
    }

    /// What an account has used of its plan.
    pub(crate) fn used_percent_of(&self, account: &Account) -> UsedPercent {
        let of_all = UsedPercent {
            primary: self.used_percent,
            secondary: self.secondary_used_percent.unwrap_or(self.used_percent / 2),
        };
        self.used_percent_by_account.get(&account.account_id).copied().unwrap_or(of_all)
    }

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
