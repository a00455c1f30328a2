//! What a provider's refusal means for the caller of a model: who can do something about it, and when.
//!
//! Callers multiply what they are answered. One turn of the Codex CLI asks once after a 400, six times after a 401, 403 or
//! 429, and thirty times after a 502 or 503. So a condition that will not go away by itself is answered as a 400, whatever
//! the provider's own status was.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    dialect::{FailureKind, ResponseFailure},
    time::Timestamp,
};

/// The header by which OpenAI's SDKs are told `false` where another try makes no sense; they obey it before the status.
pub const SHOULD_RETRY: &str = "x-should-retry";

/// The longest message that is passed on, in characters.
const MAX_MESSAGE: usize = 2_000;

/// The longest wait that is believed: the windows of a plan are shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(31 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request must be changed.
    BadRequest,
    /// There is no such model or path.
    NotFound,
    /// The request must be smaller.
    TooLarge,
    /// The account's plan, workspace or place does not allow it.
    NotAllowed,
    /// The token was refused although it is as new as can be.
    TokenRefused,
    /// The plan is used up for now.
    UsageLimit,
    /// Too many requests at a time.
    RateLimited,
    /// The provider has too much to do.
    Overloaded,
    /// The provider is broken.
    Failed,
}

impl Verdict {
    /// What OpenAI calls such an error in its `type`.
    pub fn openai_type(self) -> &'static str {
        match self {
            Self::BadRequest | Self::NotFound | Self::TooLarge => "invalid_request_error",
            Self::NotAllowed => "permission_error",
            Self::TokenRefused => "authentication_error",
            // The Codex CLI knows it by this name and tells its user.
            Self::UsageLimit => "usage_limit_reached",
            Self::RateLimited => "rate_limit_error",
            Self::Overloaded | Self::Failed => "server_error",
        }
    }
}

/// A provider's error, as the gateway passes it on.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderRefusal {
    pub verdict: Verdict,
    /// The provider's own code, or ours where it gave none.
    pub code: String,
    /// The provider's own words, or ours where it gave none.
    pub message: String,
    /// The parameter that is at fault.
    pub param: Option<String>,
    /// How long to wait before another try makes sense.
    pub retry_after: Option<Duration>,
    /// When the plan's window is over, in Unix seconds: the Codex CLI shows it.
    pub resets_at: Option<i64>,
    pub plan_type: Option<String>,
}

/// What there is to judge by.
#[derive(Debug, Clone, Copy)]
pub struct RefusedAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, if it is a number of seconds.
    pub retry_after: Option<Duration>,
    /// When the windows of the plan are empty again that the headers call used up.
    pub full_until: Option<Timestamp>,
    /// The header `cf-ray`, by which Cloudflare's own answers can be traced.
    pub cf_ray: Option<&'a str>,
    pub body: &'a [u8],
}

impl ProviderRefusal {
    /// Reads a provider's answer with an error status, in any of the forms that are known: OpenAI's, with `detail` alone,
    /// with members at the top, a page, or nothing at all.
    pub fn read(answer: RefusedAnswer<'_>, now: Timestamp) -> Self {
        let json: Value = serde_json::from_slice(answer.body).unwrap_or_default();
        let Words { code, kind, message, details } = Words::of(&json);
        let is = |wanted: &str| code == Some(wanted) || kind == Some(wanted);
        let (verdict, ours) = match answer.status {
            _ if is("usage_limit_reached") || is("insufficient_quota") => (Verdict::UsageLimit, "usage_limit_reached"),
            _ if is("usage_not_included") => (Verdict::NotAllowed, "usage_not_included"),
            // Compressed words, or none: the headers tell the same.
            429 if json.is_null() && answer.full_until.is_some() => (Verdict::UsageLimit, "usage_limit_reached"),
            401 => (Verdict::TokenRefused, "token_refused"),
            402 => (Verdict::NotAllowed, "payment_required"),
            403 if answer.cf_ray.is_some() && json.is_null() => (Verdict::NotAllowed, "blocked_on_the_way"),
            403 => (Verdict::NotAllowed, "forbidden"),
            404 => (Verdict::NotFound, "not_found"),
            413 => (Verdict::TooLarge, "too_large"),
            429 => (Verdict::RateLimited, "rate_limit_exceeded"),
            408 | 409 | 425 => (Verdict::Overloaded, "try_again"),
            503 => (Verdict::Overloaded, "overloaded"),
            400..=499 => (Verdict::BadRequest, "bad_request"),
            _ => (Verdict::Failed, "provider_failed"),
        };
        let number = |name: &str| details.and_then(|details| details.get(name)).and_then(Value::as_i64);
        let text = |name: &str| details.and_then(|details| details.get(name)).and_then(Value::as_str);
        let resets_at = number("resets_at")
            .or_else(|| number("resets_in_seconds").map(|wait| now.unix_seconds().saturating_add(wait)))
            .or(answer.full_until.filter(|_| verdict == Verdict::UsageLimit).map(Timestamp::unix_seconds));
        let until_reset = resets_at.map(|at| now.until(Timestamp::from_unix_seconds(at)));
        let without_words = || match answer.cf_ray {
            Some(ray) if verdict == Verdict::NotAllowed => {
                format!("the provider's front door blocked the request (status {}, cf-ray {ray})", answer.status)
            }
            _ => format!("the provider answered with status {} and no words", answer.status),
        };
        Self {
            verdict,
            code: code.unwrap_or(ours).chars().take(100).collect(),
            message: message.map_or_else(without_words, |words| words.chars().take(MAX_MESSAGE).collect()),
            param: text("param").map(str::to_owned),
            retry_after: answer.retry_after.or(until_reset).map(|wait| wait.min(LONGEST_WAIT)),
            resets_at,
            plan_type: text("plan_type").map(str::to_owned),
        }
    }

    /// Whether every other try would be answered the same before somebody does something, or a window of the plan is over.
    pub fn is_lasting(&self) -> bool {
        !matches!(self.verdict, Verdict::RateLimited | Verdict::Overloaded | Verdict::Failed)
    }
}

impl From<ResponseFailure> for ProviderRefusal {
    /// A failure that came after the status had been good.
    fn from(failure: ResponseFailure) -> Self {
        let (verdict, ours, retry_after) = match failure.kind {
            FailureKind::BadRequest => (Verdict::BadRequest, "bad_request", None),
            FailureKind::UsageLimit => (Verdict::UsageLimit, "usage_limit_reached", None),
            FailureKind::NotIncluded => (Verdict::NotAllowed, "usage_not_included", None),
            FailureKind::RateLimited { retry_after } => (Verdict::RateLimited, "rate_limit_exceeded", retry_after),
            FailureKind::Overloaded => (Verdict::Overloaded, "overloaded", None),
            FailureKind::Other => (Verdict::Failed, "provider_failed", None),
            FailureKind::Garbled => (Verdict::Failed, "provider_garbled", None),
            FailureKind::EndedEarly => (Verdict::Failed, "stream_ended_early", None),
        };
        Self {
            verdict,
            code: failure.code.unwrap_or_else(|| ours.to_owned()),
            message: failure.message,
            param: None,
            retry_after,
            resets_at: None,
            plan_type: None,
        }
    }
}

/// What a body says, wherever in it that stands.
struct Words<'a> {
    code: Option<&'a str>,
    kind: Option<&'a str>,
    message: Option<&'a str>,
    details: Option<&'a Map<String, Value>>,
}

impl<'a> Words<'a> {
    fn of(json: &'a Value) -> Self {
        let within = [json.get("error"), json.get("detail"), Some(json)];
        let details = within.into_iter().flatten().find_map(Value::as_object);
        let text = |name: &str| details.and_then(|details| details.get(name)).and_then(Value::as_str);
        // `detail` and `error` may be the sentence themselves.
        let sentence = |name: &str| json.get(name).and_then(Value::as_str);
        let message = text("message").or_else(|| sentence("detail")).or_else(|| sentence("error"));
        Self {
            code: text("code").or_else(|| json.get("code").and_then(Value::as_str)),
            kind: text("type"),
            message: message.filter(|words| !words.is_empty()),
            details,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, body: &str) -> ProviderRefusal {
        let answer = RefusedAnswer { status, retry_after: None, full_until: None, cf_ray: None, body: body.as_bytes() };
        ProviderRefusal::read(answer, Timestamp::from_unix_seconds(1_000))
    }

    #[test]
    fn every_form_is_read() {
        let limit = json!({"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached",
            "plan_type": "plus", "resets_at": 1_060, "resets_in_seconds": 60}});
        let unsupported = r#"{"detail":"Unsupported parameter: foo"}"#;
        let workspace = r#"{"detail":{"code":"invalid_workspace_selected"}}"#;
        let expired = r#"{"error":{"message":"expired","type":"invalid_request_error","code":"token_expired"}}"#;
        let overloaded = r#"{"error":{"code":"server_is_overloaded","message":"busy"}}"#;
        for (status, body, verdict, code, message) in [
            (
                429,
                limit.to_string().as_str(),
                Verdict::UsageLimit,
                "usage_limit_reached",
                "The usage limit has been reached",
            ),
            (
                404,
                limit.to_string().as_str(),
                Verdict::UsageLimit,
                "usage_limit_reached",
                "The usage limit has been reached",
            ),
            (400, unsupported, Verdict::BadRequest, "bad_request", "Unsupported parameter: foo"),
            (
                403,
                workspace,
                Verdict::NotAllowed,
                "invalid_workspace_selected",
                "the provider answered with status 403 and no words",
            ),
            (401, expired, Verdict::TokenRefused, "token_expired", "expired"),
            (503, overloaded, Verdict::Overloaded, "server_is_overloaded", "busy"),
            (
                429,
                r#"{"error":{"type":"usage_not_included","message":"no"}}"#,
                Verdict::NotAllowed,
                "usage_not_included",
                "no",
            ),
            (429, r#"{"code":"Throttling","message":"slower"}"#, Verdict::RateLimited, "Throttling", "slower"),
            (400, r#"{"error":"bad"}"#, Verdict::BadRequest, "bad_request", "bad"),
            (502, "<html>", Verdict::Failed, "provider_failed", "the provider answered with status 502 and no words"),
            (500, "", Verdict::Failed, "provider_failed", "the provider answered with status 500 and no words"),
        ] {
            let refusal = read(status, body);
            let found = (refusal.verdict, refusal.code.as_str(), refusal.message.as_str());
            assert_eq!(found, (verdict, code, message), "{status} {body}");
        }
    }

    #[test]
    fn a_used_up_plan_says_when_it_is_back() {
        let refusal = read(429, r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":90,"plan_type":"pro"}}"#);
        assert_eq!((refusal.retry_after, refusal.resets_at), (Some(Duration::from_secs(90)), Some(1_090)));
        assert_eq!(refusal.plan_type.as_deref(), Some("pro"));
    }

    #[test]
    fn a_used_up_plan_is_known_by_its_headers_where_the_words_cannot_be_read() {
        let full_until = Some(Timestamp::from_unix_seconds(1_090));
        let told = |body| RefusedAnswer { status: 429, retry_after: None, full_until, cf_ray: None, body };
        let read = |body| ProviderRefusal::read(told(body), Timestamp::from_unix_seconds(1_000));
        let compressed = read(b"\x1f\x8b\x08");
        assert_eq!((compressed.verdict, compressed.retry_after), (Verdict::UsageLimit, Some(Duration::from_secs(90))));
        assert!(compressed.is_lasting());
        let too_fast = read(br#"{"error":{"code":"rate_limit_exceeded"}}"#);
        assert_eq!(
            (too_fast.verdict, too_fast.retry_after, too_fast.is_lasting()),
            (Verdict::RateLimited, None, false)
        );
    }

    #[test]
    fn a_blocked_request_can_be_traced() {
        let body = b"<html>blocked";
        let answer = RefusedAnswer { status: 403, retry_after: None, full_until: None, cf_ray: Some("8f-TXL"), body };
        let refusal = ProviderRefusal::read(answer, Timestamp::from_unix_seconds(0));
        assert_eq!((refusal.verdict, refusal.code.as_str()), (Verdict::NotAllowed, "blocked_on_the_way"));
        assert!(refusal.message.contains("8f-TXL"), "{}", refusal.message);
    }
}
