//! Failures after the response stream has begun. The status was 200, so only an event can report them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::domain::{provider_feedback::account_code, provider_refusal::RefusalKind, retry_time::stated_wait};

/// The members of an error that describe a limit: when it ends, and the plan.
const LIMIT_MEMBERS: [&str; 7] = [
    "resets_at",
    "reset_at",
    "resets_in_seconds",
    "reset_after_seconds",
    "retry_after",
    "retry_after_seconds",
    "plan_type",
];

/// The code of a stream that violates the backend's protocol.
const VIOLATION: &str = "invalid_upstream_response";

/// A failed response with the backend's code and message (OpenAI API reference, response object, `error.code`; the
/// Codex CLI for ChatGPT's codes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResponseFailure {
    pub kind: RefusalKind,
    /// The backend's code, or the gateway's if the backend sent none.
    pub code: String,
    pub message: String,
    /// The delay before a retry, if the message of a limit states one.
    pub retry_after: Option<Duration>,
    /// The members of the error that describe a limit.
    pub limit: Map<String, Value>,
}

impl ResponseFailure {
    /// Returns the failure of a stream that ended without `response.completed`, `response.incomplete` or a failure.
    pub fn ended_early() -> Self {
        Self::of_stream(
            "stream_ended_early",
            "The provider's stream ended before the response was complete.".to_owned(),
        )
    }

    /// Returns the failure of a stream that violates the backend's protocol.
    pub(super) fn violation(what: &str) -> Self {
        Self::of_stream(VIOLATION, format!("The provider sent {what}."))
    }

    /// Whether the stream violates the backend's protocol. Otherwise the backend reported the failure, or the stream
    /// ended early.
    pub fn is_violation(&self) -> bool {
        self.code == VIOLATION
    }

    /// Returns the failure of a stream whose last event does not contain the response.
    pub(super) fn without_response() -> Self {
        Self::violation("a finished response without the response")
    }

    fn of_stream(code: &str, message: String) -> Self {
        Self { kind: RefusalKind::Failed, code: code.to_owned(), message, retry_after: None, limit: Map::new() }
    }

    /// Reads an error object. ChatGPT sends the code as `type` instead of `code`.
    pub(super) fn of_error(error: &Map<String, Value>) -> Self {
        let text = |name| error.get(name).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
        let mut names = [text("code"), text("type").filter(|name| *name != "error")].into_iter().flatten();
        let kind = names.clone().find_map(kind_of).unwrap_or(RefusalKind::Failed);
        let message = text("message").or_else(|| text("error"));
        let message = message.unwrap_or("The provider reported a failure without details.");
        Self {
            kind,
            code: names.next().unwrap_or("provider_failed").to_owned(),
            message: message.to_owned(),
            retry_after: stated_wait(message)
                .filter(|_| matches!(kind, RefusalKind::RateLimited | RefusalKind::UsageLimit)),
            limit: LIMIT_MEMBERS
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), error.get(name)?.clone())))
                .collect(),
        }
    }
}

/// Returns the kind of refusal that a code stands for; None if the code is unknown.
fn kind_of(code: &str) -> Option<RefusalKind> {
    match code {
        "insufficient_quota" | "usage_limit_reached" => Some(RefusalKind::UsageLimit),
        code if account_code(code).is_some() => Some(RefusalKind::AccountRefused),
        "rate_limit_exceeded" => Some(RefusalKind::RateLimited),
        "server_is_overloaded" | "service_unavailable_error" | "slow_down" => Some(RefusalKind::Overloaded),
        // Too long, against the provider's policy, or otherwise invalid.
        "content_policy_violation"
        | "context_length_exceeded"
        | "invalid_prompt"
        | "invalid_request_error"
        | "moderation_blocked" => Some(RefusalKind::BadRequest),
        // E.g. `cyber_policy`, `invalid_image_url`, `image_too_large`, `failed_to_download_image`.
        code if code.ends_with("_policy") || code.contains("image") => Some(RefusalKind::BadRequest),
        _ => None,
    }
}
