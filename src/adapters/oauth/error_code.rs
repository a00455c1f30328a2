//! The known error codes of token endpoints. No other error text of a provider leaves this adapter.

use serde_json::Value;
use url::form_urlencoded;

use crate::{domain::json::without_byte_order_mark, ports::UNKNOWN_CODE};

/// RFC 6749 section 5.2, RFC 7009 section 2.2.1, the codes that OpenAI's server sends, and Clerk's codes of requests
/// that it refuses although the cookie is valid.
const KNOWN: [&str; 33] = [
    "access_denied",
    "account_deactivated",
    "account_deleted",
    "account_disabled",
    "account_suspended",
    "app_session_expired",
    "app_session_terminated",
    "codex_workspace_access_denied",
    "deactivated_workspace",
    "invalid_client",
    "invalid_grant",
    "invalid_refresh_token",
    "invalid_request",
    "invalid_scope",
    "invalid_workspace_selected",
    "missing_expired_token",
    "organization_deactivated",
    "refresh_token_expired",
    "refresh_token_invalidated",
    "refresh_token_reused",
    "requires_captcha",
    "token_expired",
    "token_invalidated",
    "token_revoked",
    "unauthorized_client",
    "unsupported_country_region_territory",
    "unsupported_grant_type",
    "unsupported_token_type",
    "user_deactivated",
    "user_deleted",
    "user_suspended",
    "workspace_access_denied",
    "workspace_deactivated",
];

/// The members in which servers put the code. They nest them, too.
const CODE_MEMBERS: [&str; 7] = ["error", "errors", "error_code", "code", "type", "detail", "message"];

/// Returns the longest known code in an error body, ignoring case, or [`UNKNOWN_CODE`].
///
/// A text counts if it is a code and nothing else, and if only [`CODE_MEMBERS`] and lists lead to it: an error of Clerk
/// also has the whole client, with the errors of earlier sign-ins. A body that is not JSON may be form-encoded.
pub(super) fn known(body: &[u8]) -> &'static str {
    let body = without_byte_order_mark(body);
    let found = match serde_json::from_slice::<Value>(body) {
        Ok(json) => longest_code(&json),
        // A page may have links with such a parameter.
        Err(_not_json) if body.contains(&b'<') => None,
        Err(_not_json) => {
            let error = form_urlencoded::parse(body).find(|(name, _)| name == "error");
            error.and_then(|(_, code)| canonical(&code))
        }
    };
    found.unwrap_or(UNKNOWN_CODE)
}

/// The longest code is the most specific: OpenAI also sends `error: invalid_grant` with the reason in a top-level
/// `code`. The parser limits the depth.
fn longest_code(json: &Value) -> Option<&'static str> {
    match json {
        Value::String(text) => canonical(text),
        Value::Array(items) => items.iter().filter_map(longest_code).max_by_key(|code| code.len()),
        Value::Object(members) => {
            let parts = CODE_MEMBERS.into_iter().filter_map(|name| members.get(name));
            parts.filter_map(longest_code).max_by_key(|code| code.len())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn canonical(text: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(text.trim()))
}
