//! Allowlists of forwarded headers, by name in lower case. An unknown header can neither leak a caller's token to the
//! provider nor a provider's cookie to the caller.

/// Headers from the caller that control a turn of a conversation. They are also sent with a translated body.
const STEERING: [&str; 12] = [
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
const UPSTREAM_FAMILIES: [&str; 2] = ["x-codex-", "x-dashscope-"];

/// Headers from the caller that describe the bytes of this request or of its response.
const DESCRIBING: [&str; 11] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-encoding",
    "content-type",
    "if-modified-since",
    "if-none-match",
    "range",
    "x-openai-internal-codex-responses-lite",
    "x-stainless-retry-count",
];

/// Headers from the provider to the caller. Caching headers are not among them, because caches must not store
/// responses.
const DOWNSTREAM: [&str; 15] = [
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
const DOWNSTREAM_FAMILIES: [&str; 4] = ["openai-", "x-codex-", "x-dashscope-", "x-ratelimit-"];

/// Whether a caller's header is forwarded to the provider.
pub fn is_forwarded_to_provider(name: &str) -> bool {
    is_turn_header(name) || is_listed(name, &DESCRIBING, &[])
}

/// Whether a caller's header is forwarded with a translated body.
pub fn is_turn_header(name: &str) -> bool {
    is_listed(name, &STEERING, &UPSTREAM_FAMILIES)
}

/// Whether a provider's header is forwarded to the caller.
pub fn is_forwarded_to_caller(name: &str) -> bool {
    is_listed(name, &DOWNSTREAM, &DOWNSTREAM_FAMILIES)
}

/// Whether a name is listed. Names with `_` never are, because some servers treat `_` like `-`. The session headers of
/// older clients are renamed before this check (`app/models/session.rs`).
fn is_listed(name: &str, names: &[&str], families: &[&str]) -> bool {
    !name.contains('_') && (names.contains(&name) || families.iter().any(|family| name.starts_with(family)))
}
