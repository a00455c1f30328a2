//! What a provider's API said last about an account as a whole: it refuses the account, or the plan is used up.
//!
//! This feedback is part of the account's status and blocks no request. It has its own row, because a refresh may hold
//! the lease of the account's row at the same time.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ids::Generation, time::Timestamp};

/// The minimum time between two events about the same refusal of a login.
pub const ANNOUNCEMENT_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// After this many futile refreshes, a refused access token counts as a refusal of the account.
const FUTILE_REFRESHES: u32 = 2;
/// The first and the longest pause before a further refresh after that. The pause doubles each time.
const PAUSES: (Duration, Duration) = (Duration::from_secs(6 * 3600), Duration::from_secs(24 * 3600));

/// The maximum length of a code, in characters.
const MAX_CODE_CHARS: usize = 100;

/// The request that the provider responded to. A response about usage says nothing about prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackSource {
    Prompt,
    Usage,
}

/// Error codes about the whole account, with any HTTP status. They apply until a person acts.
const ACCOUNT_CODES: [(&str, &str); 18] = [
    ("account_deactivated", "the provider has deactivated the account"),
    ("account_deleted", "the provider has deleted the account"),
    ("account_disabled", "the provider has disabled the account"),
    ("account_suspended", "the provider has suspended the account"),
    ("user_deactivated", "the provider has deactivated the user"),
    ("user_deleted", "the provider has deleted the user"),
    ("user_suspended", "the provider has suspended the user"),
    ("deactivated_workspace", "the provider has deactivated the workspace of the account"),
    ("workspace_deactivated", "the provider has deactivated the workspace of the account"),
    ("organization_deactivated", "the provider has deactivated the organization of the account"),
    ("workspace_access_denied", "the account may not use its workspace any more"),
    ("codex_workspace_access_denied", "the account may not use Codex in its workspace"),
    ("codex_entitlement_missing", "the plan of the account does not include Codex"),
    ("invalid_workspace_selected", "the account may not use the workspace of its login"),
    ("usage_not_included", "the plan of the account does not include this API"),
    ("billing_not_active", "the account has no active billing"),
    // These are from Alibaba Cloud. Its `AllocationQuota.FreeTierOnly` concerns one model only: each has its own quota.
    ("Arrearage", "the account has an overdue payment"),
    ("AccessDenied.Unpurchased", "the account has not activated this service"),
];

/// Codes that the gateway assigns, or that concern the token.
const TOKEN_CODES: [(&str, &str); 4] = [
    ("payment_required", "the provider requires a payment for the account"),
    ("missing_scope", "the access token lacks a permission"),
    ("insufficient_scope", "the access token lacks a permission"),
    ("token_refused", "the provider does not accept the account's access token"),
];

/// Returns the code as in [`ACCOUNT_CODES`] if it concerns the whole account. Ignores case.
pub fn account_code(code: &str) -> Option<&'static str> {
    ACCOUNT_CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(known, _)| *known)
}

/// A provider's error code, safe to show in a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct ProviderCode(String);

impl ProviderCode {
    /// Removes characters that do not occur in codes, and truncates the text. An empty code becomes `unknown`.
    pub fn new(text: &str) -> Self {
        let is_kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        let kept: String = text.chars().filter(is_kept).take(MAX_CODE_CHARS).collect();
        Self(if kept.is_empty() { "unknown".to_owned() } else { kept })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what the code says about the account, to end a sentence with.
    pub fn in_words(&self) -> &'static str {
        let known = ACCOUNT_CODES.iter().chain(&TOKEN_CODES).find(|(code, _)| *code == self.as_str());
        known.map_or("the provider refuses the account", |(_, words)| words)
    }
}

impl From<String> for ProviderCode {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Display for ProviderCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A refusal that lasts until a person acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRefusal {
    pub code: ProviderCode,
    pub source: FeedbackSource,
}

/// A plan that is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLimit {
    /// The window that is used up, as in [`UsageWindow::name`](super::usage::UsageWindow::name), if known.
    pub window: Option<String>,
    /// When the window resets, if known.
    pub until: Option<Timestamp>,
}

/// Consecutive refreshes after which the provider refused the new access token too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct FutileRefreshes {
    count: u32,
    /// The generation that the last of these refreshes led to.
    generation: u64,
    last_at: Option<Timestamp>,
}

/// The last feedback about one login of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderFeedback {
    refusal: Option<AccountRefusal>,
    limit: Option<PlanLimit>,
    futile: FutileRefreshes,
}

impl ProviderFeedback {
    /// Returns the refusal of the account, if there is one.
    pub fn refusal(&self) -> Option<&AccountRefusal> {
        self.refusal.as_ref()
    }

    /// Returns the refusal if its code is not that of `before`.
    pub fn new_refusal(&self, before: &Self) -> Option<&AccountRefusal> {
        let known = before.refusal().map(|refusal| &refusal.code);
        self.refusal().filter(|refusal| known != Some(&refusal.code))
    }

    /// Returns the plan limit, unless it has reset.
    pub fn limit(&self, now: Timestamp) -> Option<&PlanLimit> {
        self.limit.as_ref().filter(|limit| limit.until.is_none_or(|until| now < until))
    }

    /// Records that the provider refuses the account.
    pub fn note_refusal(&mut self, code: ProviderCode, source: FeedbackSource) {
        // The refusal of a prompt is cleared only by an accepted prompt.
        let prompt_was_refused = self.refusal().is_some_and(|known| known.source == FeedbackSource::Prompt);
        let source = if prompt_was_refused { FeedbackSource::Prompt } else { source };
        self.refusal = Some(AccountRefusal { code, source });
    }

    /// Records that the provider refused the access token of this generation, which a refresh had just returned.
    pub fn note_futile_refresh(&mut self, generation: Generation, now: Timestamp) {
        if self.futile.generation < generation.0 {
            let count = self.futile.count.saturating_add(1);
            self.futile = FutileRefreshes { count, generation: generation.0, last_at: Some(now) };
        }
    }

    /// Records that the provider accepted an access token that had replaced a refused one.
    pub fn note_helpful_refresh(&mut self) {
        self.futile = FutileRefreshes::default();
    }

    /// Whether refreshes no longer help against refused access tokens.
    pub fn refreshes_are_futile(&self) -> bool {
        self.futile.count >= FUTILE_REFRESHES
    }

    /// Returns the end of the pause, during which a refused access token is refreshed only if a person requests it.
    pub fn refreshes_pause_until(&self) -> Option<Timestamp> {
        let doublings = self.futile.count.checked_sub(FUTILE_REFRESHES)?;
        let (first, longest) = PAUSES;
        let pause = first.saturating_mul(2_u32.saturating_pow(doublings)).min(longest);
        self.futile.last_at.map(|last_at| last_at.plus(pause))
    }

    /// Records that the plan is used up.
    pub fn note_limit(&mut self, limit: PlanLimit) {
        self.limit = Some(limit);
    }

    /// Records an accepted request. A prompt clears all feedback, and a usage request only a refusal of usage requests.
    pub fn note_accepted(&mut self, source: FeedbackSource) {
        match source {
            FeedbackSource::Prompt => *self = Self::default(),
            FeedbackSource::Usage => self.refusal = self.refusal.take().filter(|known| known.source != source),
        }
    }
}
