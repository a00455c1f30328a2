//! The error bodies of the backend, the music API and the session provider, in the real providers' words. Genuine
//! refusals and queued faults share them. `provider::refusal` has the errors of the token endpoint.

use serde_json::{Value, json};

/// Returns the backend's error for an unknown caller.
pub(crate) fn unauthorized() -> Value {
    detail("Unauthorized")
}

/// Returns a reason as plain text in `detail`.
pub(crate) fn detail(why: &str) -> Value {
    json!({"detail": why})
}

/// Returns the backend's error for an account of a deactivated workspace.
pub(crate) fn deactivated_workspace() -> Value {
    json!({"detail": {"code": "deactivated_workspace"}})
}

/// Returns the backend's error for a token that is no longer valid.
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

/// Returns the backend's error for an exhausted plan.
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

/// Returns the message for a response that fails mid-stream, in the real backend's words where known.
pub(crate) fn failure_message(code: &str) -> &'static str {
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

/// Returns the session provider's error.
pub(crate) fn session_error(code: &str, message: &str) -> Value {
    json!({"errors": [{"message": message, "long_message": message, "code": code}]})
}
