//! Failures of a response after its stream began. The status was 200, so only an event reports them.

use std::time::Duration;

use serde_json::{Map, Value};

/// A failed response, with the backend's code and message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResponseFailure {
    pub code: Option<String>,
    pub message: String,
    pub kind: FailureKind,
}

/// What a failure means for the caller (OpenAI API reference, response object, `error.code`; ChatGPT's codes as the
/// Codex CLI reads them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The request is invalid: too long, against policy, or with an unreadable image. A retry does not help.
    BadRequest,
    /// The account has used up its plan until a reset.
    UsageLimit,
    /// The account's plan does not include this.
    NotIncluded,
    /// Too many requests; the backend may name a delay.
    RateLimited { retry_after: Option<Duration> },
    /// The backend is overloaded.
    Overloaded,
    /// Anything else that the backend reports.
    Other,
    /// The stream violates the backend's protocol.
    Garbled,
    /// The stream ended before the response did. Reported by the reader of the stream, not by an event.
    EndedEarly,
}

impl ResponseFailure {
    /// Returns the failure of a stream that ended without `response.completed`, `response.incomplete` or a failure.
    pub fn ended_early() -> Self {
        Self::of_kind(FailureKind::EndedEarly)
    }

    pub(super) fn garbled(what: &str) -> Self {
        Self { code: None, message: format!("The provider sent {what}."), kind: FailureKind::Garbled }
    }

    /// Returns a failure without details.
    pub(super) fn of_kind(kind: FailureKind) -> Self {
        let message = match kind {
            FailureKind::EndedEarly => "The provider's stream ended before the response was complete.",
            FailureKind::BadRequest
            | FailureKind::UsageLimit
            | FailureKind::NotIncluded
            | FailureKind::RateLimited { .. }
            | FailureKind::Overloaded
            | FailureKind::Other
            | FailureKind::Garbled => "The provider reported a failure without details.",
        };
        Self { code: None, message: message.to_owned(), kind }
    }

    /// Reads an error object. ChatGPT has the code in `type` instead of `code`.
    pub(super) fn of_error(error: &Map<String, Value>) -> Self {
        let text = |name| error.get(name).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
        let message = text("message").unwrap_or("The provider reported a failure without details.");
        let names = [text("code"), text("type").filter(|name| *name != "error")];
        let kind = names.into_iter().flatten().find_map(|name| kind_of(name, message)).unwrap_or(FailureKind::Other);
        let code = names.into_iter().flatten().next().map(str::to_owned);
        Self { code, message: message.to_owned(), kind }
    }
}

/// Returns the kind of a code; None if the code is unknown.
fn kind_of(code: &str, message: &str) -> Option<FailureKind> {
    match code {
        "insufficient_quota" | "usage_limit_reached" => Some(FailureKind::UsageLimit),
        "usage_not_included" => Some(FailureKind::NotIncluded),
        "rate_limit_exceeded" => Some(FailureKind::RateLimited { retry_after: retry_after(message) }),
        "server_is_overloaded" | "slow_down" => Some(FailureKind::Overloaded),
        "context_length_exceeded" | "cyber_policy" | "invalid_prompt" | "invalid_request_error" => {
            Some(FailureKind::BadRequest)
        }
        // E.g. `invalid_image_url`, `image_too_large`, `failed_to_download_image`.
        code if code.contains("image") => Some(FailureKind::BadRequest),
        _ => None,
    }
}

/// Reads the delay from a text like "Please try again in 11.054s.". A delay may have several units ("1m2s").
fn retry_after(message: &str) -> Option<Duration> {
    const BEFORE: &str = "try again in ";
    let lower = message.to_ascii_lowercase();
    let (_, mut rest) = lower.split_once(BEFORE)?;
    let mut total: Option<Duration> = None;
    while let Some((part, after)) = leading_duration(rest) {
        total = total.unwrap_or_default().checked_add(part);
        rest = after;
    }
    total
}

/// Reads a number and its unit at the start of a text. Returns the duration and the rest of the text.
fn leading_duration(text: &str) -> Option<(Duration, &str)> {
    let text = text.trim_start();
    let (number, rest) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit() && c != '.')?)?;
    let rest = rest.trim_start();
    let (unit, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()));
    let scale = match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "second" | "seconds" => 1.0,
        "m" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        _ => return None,
    };
    let seconds: f64 = number.parse().ok()?;
    Some((Duration::try_from_secs_f64(seconds * scale).ok()?, after))
}
