//! The error codes of token endpoints, as a closed set. No other text of a provider leaves this adapter.

use serde_json::Value;

/// RFC 6749 section 5.2, RFC 7009 section 2.2.1, and the codes that OpenAI's server sends.
const KNOWN: [&str; 16] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_refresh_token",
    "invalid_request",
    "invalid_scope",
    "refresh_token_expired",
    "refresh_token_invalidated",
    "refresh_token_reused",
    "token_expired",
    "token_invalidated",
    "token_revoked",
    "unauthorized_client",
    "unsupported_country_region_territory",
    "unsupported_grant_type",
    "unsupported_token_type",
];

/// Returns the longest known code among `error.code`, `error` and `code` of an error body, compared case-insensitively.
pub(super) fn known(body: &[u8]) -> &'static str {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.get("error");
    let candidates = [error.and_then(|error| error.get("code")), error, body.get("code")];
    // The longest is the most specific: OpenAI also sends `error: invalid_grant` with the reason in a top-level `code`.
    let found = candidates.into_iter().flatten().filter_map(Value::as_str).filter_map(canonical);
    found.max_by_key(|code| code.len()).unwrap_or("unknown")
}

fn canonical(code: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(code))
}
