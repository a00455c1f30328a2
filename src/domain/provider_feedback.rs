//! What a provider's API said last about an account, beyond a single request: its plan is used up.
//!
//! It is part of the account's status and blocks no request. It is stored beside the account's row, whose lease a
//! refresh may hold at the same time.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// The kind of call that a provider answered. The usage says nothing about prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackSource {
    Prompt,
    Usage,
}

/// A plan that is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLimit {
    /// The window that is used up, as in [`UsageWindow::name`](super::usage::UsageWindow::name), if known.
    pub window: Option<String>,
    /// When it resets, if known.
    pub until: Option<Timestamp>,
}

/// What a provider said last about one login of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderFeedback {
    limit: Option<PlanLimit>,
}

impl ProviderFeedback {
    /// Returns the limit of the plan, unless it has passed.
    pub fn limit(&self, now: Timestamp) -> Option<&PlanLimit> {
        self.limit.as_ref().filter(|limit| limit.until.is_none_or(|until| now < until))
    }

    /// Notes that the plan is used up.
    pub fn note_limit(&mut self, limit: PlanLimit) {
        self.limit = Some(limit);
    }

    /// Notes that the provider has answered a prompt.
    pub fn note_accepted(&mut self) {
        self.limit = None;
    }
}
