//! Allowlists of forwarded headers, with names in lower case. Unlisted headers are dropped, because they could leak a
//! caller's token to the provider or a provider's cookie to the caller.

/// Headers from the caller that concern a turn of a conversation. They are also sent with a translated body.
const TURN_HEADERS: [&str; 12] = [
    "conversation-id",
    "idempotency-key",
    "openai-beta",
    "originator",
    "session-id",
    "thread-id",
    "traceparent",
    "tracestate",
    "version",
    "x-client-request-id",
    "x-openai-memgen-request",
    "x-openai-subagent",
];
/// Prefixes of such headers.
const TURN_PREFIXES: [&str; 2] = ["x-codex-", "x-dashscope-"];

/// The header of a request whose tools are in an item of the input (`additional_tools`). The backend refuses such an
/// item without the header, and the header without the item.
pub const RESPONSES_LITE: &str = "x-openai-internal-codex-responses-lite";

/// Headers from the caller that concern its body or the response. A translated request is sent without them, except for
/// [`RESPONSES_LITE`] if its body has such an item.
const MESSAGE_HEADERS: [&str; 11] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-encoding",
    "content-type",
    "if-modified-since",
    "if-none-match",
    "range",
    RESPONSES_LITE,
    "x-stainless-retry-count",
];

/// Headers from the provider to the caller. `cache-control` is not listed, because caches must not store responses.
const RESPONSE_HEADERS: [&str; 15] = [
    "accept-ranges",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "retry-after",
    "vary",
    "x-models-etag",
    "x-oai-request-id",
    "x-openai-authorization-error",
    "x-reasoning-included",
];
/// Prefixes of such headers.
const RESPONSE_PREFIXES: [&str; 4] = ["openai-", "x-codex-", "x-dashscope-", "x-ratelimit-"];

/// Whether a caller's header is forwarded to the provider.
pub fn is_forwarded_to_provider(name: &str) -> bool {
    is_forwarded_with_translated_body(name) || is_listed(name, &MESSAGE_HEADERS, &[])
}

/// Whether a caller's header is forwarded even if the body is translated.
pub fn is_forwarded_with_translated_body(name: &str) -> bool {
    is_listed(name, &TURN_HEADERS, &TURN_PREFIXES)
}

/// Whether a provider's header is forwarded to the caller.
pub fn is_forwarded_to_caller(name: &str) -> bool {
    is_listed(name, &RESPONSE_HEADERS, &RESPONSE_PREFIXES)
}

/// Whether a name is listed. Names with `_` never match, because some servers treat `_` like `-`. The session headers
/// of older clients are renamed before this check (`app/models/session.rs`).
fn is_listed(name: &str, names: &[&str], prefixes: &[&str]) -> bool {
    !name.contains('_') && (names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix)))
}
