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

/// What the session provider says.
pub(crate) fn session(code: &str, message: &str) -> Value {
    json!({"errors": [{"message": message, "long_message": message, "code": code}]})
}
