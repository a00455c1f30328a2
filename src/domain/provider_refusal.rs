//! Classifies a provider's error for the caller of a model: who can fix it, and when a retry makes sense.
//!
//! Clients retry: the Codex CLI sends a request once if the response is a 400, six times for a 401, 403 or 429, and
//! thirty times for a 502 or 503. So `adapters/http/openai_error.rs` makes most lasting conditions a 400, and marks the
//! others (404, 413, 429) as not worth a retry.

use std::time::Duration;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use super::{
    dialect::{ResponseFailure, without_lone_surrogates},
    json::without_byte_order_mark,
    provider_feedback::{ProviderCode, account_code},
    retry_time::{RetryTime, error_object},
    time::Timestamp,
};

/// The header that stops retries of OpenAI's SDKs if its value is `false`. It takes precedence over the status.
pub const SHOULD_RETRY: &str = "x-should-retry";

/// The maximum length of a forwarded message, in characters.
const MAX_MESSAGE_CHARS: usize = 2_000;
/// A shorter message about an account gets an explanation.
const MIN_MESSAGE_CHARS: usize = 20;
/// The maximum length of a forwarded code, in characters.
const MAX_CODE_CHARS: usize = 100;

/// The maximum length of the header `x-error-json` that is read, in bytes.
const MAX_ERROR_JSON: usize = 8 * 1024;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The code of OpenAI's API for a model that does not exist, or that the caller may not use.
const MODEL_NOT_FOUND: &str = "model_not_found";

/// What an error means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request is invalid.
    BadRequest,
    /// The model or path does not exist.
    NotFound,
    /// The request is too large.
    TooLarge,
    /// The request is forbidden: by the workspace, the location, or an intermediary such as Cloudflare.
    NotAllowed,
    /// The provider refuses the account, or its token lacks a permission. No refresh helps.
    AccountRefused,
    /// The provider refused an access token that was already refreshed.
    TokenRefused,
    /// The plan is used up until a reset.
    UsageLimit,
    /// Too many requests.
    RateLimited,
    /// The provider is overloaded, or had a temporary conflict or timeout (408, 409, 425). A retry may succeed.
    Overloaded,
    /// The provider failed.
    Failed,
}

impl RefusalKind {
    /// Returns the `type` of this error in OpenAI's API.
    pub fn openai_type(self) -> &'static str {
        match self {
            Self::BadRequest | Self::NotFound | Self::TooLarge => "invalid_request_error",
            Self::NotAllowed | Self::AccountRefused => "permission_error",
            Self::TokenRefused => "authentication_error",
            // The Codex CLI shows a message for this type.
            Self::UsageLimit => "usage_limit_reached",
            Self::RateLimited => "rate_limit_error",
            Self::Overloaded | Self::Failed => "server_error",
        }
    }
}

/// A provider's error, as the gateway forwards it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderRefusal {
    pub kind: RefusalKind,
    /// The provider's code, or the gateway's if the provider sent none.
    pub code: String,
    /// The provider's message, or the gateway's if the provider sent none.
    pub message: String,
    /// The invalid parameter.
    pub param: Option<String>,
    /// The delay before a retry.
    pub retry_after: Option<Duration>,
    /// When the limit ends, according to the body or the plan's headers, in Unix seconds. The Codex CLI shows it.
    pub resets_at: Option<i64>,
    pub plan_type: Option<String>,
}

/// An error response of a provider.
#[derive(Debug, Clone, Copy)]
pub struct ErrorResponse<'a> {
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The header `retry-after-ms`.
    pub retry_after_ms: Option<&'a str>,
    /// When the used-up windows of the plan reset, according to the headers.
    pub limit_resets_at: Option<Timestamp>,
    /// The header `cf-ray`, which identifies a response of Cloudflare.
    pub cf_ray: Option<&'a str>,
    /// The header `x-error-json`: an error object in base64. ChatGPT's backend sends the reason of a 401 only there.
    pub error_json: Option<&'a str>,
    pub body: &'a [u8],
}

impl ErrorResponse<'_> {
    /// Returns the JSON of the body, or that of the header `x-error-json` if only the header names the error.
    fn json(&self) -> Value {
        // A message may quote a text of the caller that was cut in two.
        let body = without_lone_surrogates(without_byte_order_mark(self.body));
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if ErrorBody::of(&body).is_named() {
            return body;
        }
        let encoded = self.error_json.filter(|encoded| encoded.len() <= MAX_ERROR_JSON);
        let decoded = encoded.and_then(|encoded| BASE64.decode(encoded).ok());
        let header = decoded.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
        header.filter(|header| ErrorBody::of(header).is_named()).unwrap_or(body)
    }
}

impl ProviderRefusal {
    /// Reads an error response in any known form: an OpenAI error object, `detail` only, top-level members, an HTML
    /// page, or an empty body.
    pub fn read(response: ErrorResponse<'_>, now: Timestamp) -> Self {
        let json = response.json();
        let ErrorBody { code, kind, message, details } = ErrorBody::of(&json);
        let is_named = |name: &str| code == Some(name) || kind == Some(name);
        let (kind, default_code) = match response.status {
            _ if is_named("usage_limit_reached") || is_named("insufficient_quota") => {
                (RefusalKind::UsageLimit, "usage_limit_reached")
            }
            _ if let Some(code) = [code, kind].into_iter().flatten().find_map(account_code) => {
                (RefusalKind::AccountRefused, code)
            }
            // A refresh cannot add a scope (RFC 6749 section 6).
            401 | 403 if is_named("missing_scope") || is_named("insufficient_scope") => {
                (RefusalKind::AccountRefused, "missing_scope")
            }
            // The body is unreadable or empty. The headers report the limit.
            429 if json.is_null() && response.limit_resets_at.is_some() => {
                (RefusalKind::UsageLimit, "usage_limit_reached")
            }
            400 | 404 if is_named(MODEL_NOT_FOUND) || message.is_some_and(is_about_the_model) => {
                (RefusalKind::NotFound, MODEL_NOT_FOUND)
            }
            401 => (RefusalKind::TokenRefused, "token_refused"),
            402 => (RefusalKind::AccountRefused, "payment_required"),
            403 if response.cf_ray.is_some() && json.is_null() => (RefusalKind::NotAllowed, "blocked_by_intermediary"),
            403 => (RefusalKind::NotAllowed, "forbidden"),
            404 => (RefusalKind::NotFound, "not_found"),
            413 => (RefusalKind::TooLarge, "too_large"),
            429 => (RefusalKind::RateLimited, "rate_limit_exceeded"),
            408 | 409 | 425 => (RefusalKind::Overloaded, "try_again"),
            503 => (RefusalKind::Overloaded, "overloaded"),
            400..=499 => (RefusalKind::BadRequest, "bad_request"),
            _ => (RefusalKind::Failed, "provider_failed"),
        };
        let text = |name: &str| details.and_then(|details| details.get(name)).and_then(Value::as_str);
        let used_up_until = response.limit_resets_at.filter(|_| kind == RefusalKind::UsageLimit);
        let reset = RetryTime::since(now).with_time(used_up_until).with_body(&json);
        let retry = reset.with_headers(response.retry_after, response.retry_after_ms);
        // A code about the account has one spelling in the status, in events and in the response.
        let code = code.filter(|code| account_code(code).is_none()).unwrap_or(default_code);
        let default_message = || match response.cf_ray {
            _ if kind == RefusalKind::AccountRefused => ProviderCode::new(code).in_words().to_owned(),
            Some(ray) if kind == RefusalKind::NotAllowed => {
                format!(
                    "a proxy in front of the provider blocked the request (status {}, cf-ray {ray})",
                    response.status
                )
            }
            _ => format!("the provider responded with status {} and no message", response.status),
        };
        Self {
            kind,
            code: code.chars().take(MAX_CODE_CHARS).collect(),
            message: match message {
                None => default_message(),
                Some(text) if kind == RefusalKind::AccountRefused && text.chars().count() < MIN_MESSAGE_CHARS => {
                    format!("{}: {text}", ProviderCode::new(code).in_words())
                }
                Some(text) => text.chars().take(MAX_MESSAGE_CHARS).collect(),
            },
            param: text("param").or_else(|| (code == MODEL_NOT_FOUND).then_some("model")).map(str::to_owned),
            retry_after: retry.wait_from_now(),
            resets_at: reset.latest().map(Timestamp::unix_seconds),
            plan_type: text("plan_type").map(str::to_owned),
        }
    }

    /// Converts a failure that came after a successful status.
    pub fn of_failure(failure: ResponseFailure, now: Timestamp) -> Self {
        let ResponseFailure { kind, code, message, retry_after, limit } = failure;
        let plan_type = limit.get("plan_type").and_then(Value::as_str).map(str::to_owned);
        let reset = RetryTime::since(now).with_body(&limit.into());
        Self {
            kind,
            code,
            message,
            param: None,
            retry_after: retry_after.max(reset.wait_from_now()),
            resets_at: reset.latest().map(Timestamp::unix_seconds),
            plan_type,
        }
    }

    /// Whether automatic retries are useless: they fail until a person acts or a window of the plan resets.
    pub fn forbids_retry(&self) -> bool {
        !matches!(self.kind, RefusalKind::RateLimited | RefusalKind::Overloaded | RefusalKind::Failed)
    }
}

/// The error in a JSON body of any known form.
struct ErrorBody<'a> {
    code: Option<&'a str>,
    kind: Option<&'a str>,
    message: Option<&'a str>,
    details: Option<&'a Map<String, Value>>,
}

impl<'a> ErrorBody<'a> {
    fn of(json: &'a Value) -> Self {
        let details = error_object(json);
        let text = |name: &str| details.and_then(|details| details.get(name)).and_then(Value::as_str);
        // `detail` and `error` may be strings with the message, or with a code.
        let outer_text = |name: &str| json.get(name).and_then(Value::as_str);
        let outer = || ["detail", "error"].into_iter().filter_map(outer_text);
        let message = text("message").or_else(|| text("msg")).or_else(|| outer().next());
        Self {
            code: text("code").or_else(|| outer_text("code")).or_else(|| outer().find_map(account_code)),
            kind: text("type"),
            message: message.filter(|text| !text.is_empty()),
            details,
        }
    }

    fn is_named(&self) -> bool {
        self.code.is_some() || self.kind.is_some()
    }
}

/// Whether a message says that the account has no such model. ChatGPT's backend sends no code for this.
fn is_about_the_model(message: &str) -> bool {
    message.starts_with("The '") && message.contains("' model is not supported")
}
