//! The shapes of an error response. The real provider uses several, so a client must parse all of them.

use serde_json::{Value, json};

use super::approval_page::escape;
use crate::{http::Reply, provider::Refusal, settings::ErrorShape};

/// Renders a refusal in the given shape.
pub(super) fn render(refusal: &Refusal, shape: ErrorShape) -> Reply {
    let (status, code, message) = (refusal.status(), refusal.code(), refusal.message());
    let reply = match shape {
        ErrorShape::Object => Reply::json(status, &object(code, message)),
        ErrorShape::StringAndDescription => {
            Reply::json(status, &json!({"error": code.unwrap_or("unauthorized"), "error_description": message}))
        }
        ErrorShape::TopLevelCode => Reply::json(status, &json!({"code": code, "message": message})),
        ErrorShape::Mixed => Reply::json(status, &json!({"error": "invalid_grant", "code": code, "message": message})),
        ErrorShape::Detail => Reply::json(status, &json!({"detail": message})),
        ErrorShape::PlainText => Reply::new(status, message.to_owned()).header("content-type", "text/plain"),
        ErrorShape::Html => {
            let message = escape(message);
            Reply::html(status, format!("<!doctype html><title>{status}</title><h1>{message}</h1>"))
        }
        ErrorShape::Empty => Reply::new(status, ""),
        ErrorShape::TruncatedJson => {
            let whole = object(code, message).to_string();
            let half: String = whole.chars().take(whole.len() / 2).collect();
            Reply::new(status, half).header("content-type", "application/json")
        }
    };
    reply.header("cache-control", "no-store")
}

fn object(code: Option<&str>, message: &str) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}})
}

#[cfg(test)]
mod tests {
    use super::{Refusal, object};

    #[test]
    fn the_object_shape_matches_the_real_providers_error() {
        let refusal = Refusal::RefreshTokenReused;
        let expected = concat!(
            r#"{"error":{"message":"Your refresh token has already been used to generate a new access token. "#,
            r#"Please try signing in again.","type":"invalid_request_error","param":null,"#,
            r#""code":"refresh_token_reused"}}"#,
        );
        assert_eq!(object(refusal.code(), refusal.message()).to_string(), expected);
    }
}
