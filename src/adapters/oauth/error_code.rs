//! The error codes of token endpoints, as a closed set: whatever else a provider writes never leaves this adapter.

use serde_json::Value;

/// RFC 6749 section 5.2, RFC 7009 section 2.2.1, and what OpenAI's server was seen to send.
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

/// The code in an error body: `error.code`, else `error`, else `code`, compared without regard to case.
pub(super) fn known(body: &[u8]) -> &'static str {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.get("error");
    let candidates = [error.and_then(|error| error.get("code")), error, body.get("code")];
    // The most telling one wins: OpenAI also sends `error: invalid_grant` with a top-level `code` that says why.
    let found = candidates.into_iter().flatten().filter_map(Value::as_str).filter_map(canonical);
    found.max_by_key(|code| code.len()).unwrap_or("unknown")
}

fn canonical(code: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_wherever_they_are_and_nothing_else_is_passed_on() {
        for (body, code) in [
            (r#"{"error":{"code":"refresh_token_reused","message":"secret"}}"#, "refresh_token_reused"),
            (r#"{"error":"invalid_grant","error_description":"secret"}"#, "invalid_grant"),
            (r#"{"error":"invalid_grant","code":"Refresh_Token_Reused"}"#, "refresh_token_reused"),
            (r#"{"code":"token_expired"}"#, "token_expired"),
            (r#"{"detail":"Unauthorized"}"#, "unknown"),
            (r#"{"error":"my token is abc"}"#, "unknown"),
            ("<html>", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(known(body.as_bytes()), code, "{body}");
        }
    }
}
