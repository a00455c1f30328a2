//! The bodies with which resource servers refuse, in the real providers' words: one text, whether the refusal is honest
//! or a fault on order.

use serde_json::{Value, json};

/// What the backend says to somebody it does not know at all.
pub(crate) fn unauthorized() -> Value {
    detail("Unauthorized")
}

/// A reason as plain text.
pub(crate) fn detail(why: &str) -> Value {
    json!({"detail": why})
}

/// What the backend says about a token it once accepted.
pub(crate) fn refused_token(code: &str) -> Value {
    let message = match code {
        "token_expired" => "Provided authentication token is expired. Please try signing in again.",
        "token_revoked" => "Your session has ended. Please log in again.",
        "token_invalidated" => "Your authentication token has been invalidated. Please try signing in again.",
        _ => "The authentication token was refused.",
    };
    json!({
        "error": {"message": message, "type": "invalid_request_error", "code": code, "param": null},
        "status": 401,
    })
}

/// What the backend says when a plan is used up.
pub(crate) fn usage_limit_reached(plan: &str, resets_at: u64, resets_in_seconds: u64) -> Value {
    json!({"error": {
        "type": "usage_limit_reached",
        "message": "The usage limit has been reached",
        "plan_type": plan,
        "resets_at": resets_at,
        "resets_in_seconds": resets_in_seconds,
        "eligible_promo": null,
    }})
}

/// Why a response failed in the middle, in the real backend's words where they are known.
pub(crate) fn failure(code: &str) -> &'static str {
    match code {
        "context_length_exceeded" => "Your input exceeds the context window of this model.",
        "insufficient_quota" => "You exceeded your current quota, please check your plan and billing details.",
        "usage_not_included" => "To use Codex with your ChatGPT plan, upgrade to Plus.",
        "rate_limit_exceeded" => "Rate limit reached for this model. Please try again in 11.054s.",
        "server_is_overloaded" | "slow_down" => "Our servers are currently overloaded. Please try again later.",
        "invalid_prompt" => "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        "server_error" => "An error occurred while processing your request.",
        _ => "The response failed, as ordered.",
    }
}

/// What the session provider says.
pub(crate) fn session(code: &str, message: &str) -> Value {
    json!({"errors": [{"message": message, "long_message": message, "code": code}]})
}
