//! The known error codes of token endpoints. No other error text of a provider leaves this adapter.

use serde_json::Value;

use crate::ports::UNKNOWN_CODE;

/// RFC 6749 section 5.2, RFC 7009 section 2.2.1, the codes that OpenAI's server sends, and Clerk's codes of requests
/// that it refuses although the cookie is valid.
const KNOWN: [&str; 25] = [
    "access_denied",
    "account_deactivated",
    "account_suspended",
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
    "workspace_access_denied",
];

/// Returns the longest known code in an error body, ignoring case, or [`UNKNOWN_CODE`]. Codes are read from `error` and
/// `detail`, which may be strings or objects with `code` and `type`, from the items of `errors`, and from the top-level
/// `code` and `type`.
pub(super) fn known(body: &[u8]) -> &'static str {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (error, detail) = (body.get("error"), body.get("detail"));
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let parts = [error, detail, Some(&body)].into_iter().flatten().chain(errors);
    let members = parts.flat_map(|part| [part.get("code"), part.get("type")]);
    let candidates = members.chain([error, detail]);
    // The longest is the most specific: OpenAI also sends `error: invalid_grant` with the reason in a top-level `code`.
    let found = candidates.flatten().filter_map(Value::as_str).filter_map(canonical);
    found.max_by_key(|code| code.len()).unwrap_or(UNKNOWN_CODE)
}

fn canonical(code: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(code))
}
