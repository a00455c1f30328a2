//! Which headers pass, by name in lower case. Lists of what may, never of what may not: a header that nobody thought of
//! cannot carry a caller's token out, or a provider's cookie in.

/// From a caller to the provider: what steers a turn of a conversation. It goes on beside a body that the gateway has
/// written anew, too.
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
/// Families of them.
const UPSTREAM_FAMILIES: [&str; 2] = ["x-codex-", "x-dashscope-"];

/// From a caller to the provider: what is about the very bytes of this request or of its answer.
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

/// From the provider back to the caller.
const DOWNSTREAM: [&str; 17] = [
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "retry-after",
    "vary",
    "x-models-etag",
    "x-oai-request-id",
    "x-openai-authorization-error",
    "x-reasoning-included",
];
const DOWNSTREAM_FAMILIES: [&str; 4] = ["openai-", "x-codex-", "x-dashscope-", "x-ratelimit-"];

/// Whether a caller's header goes to the provider.
pub fn goes_upstream(name: &str) -> bool {
    steers_a_turn(name) || is_listed(name, &DESCRIBING, &[])
}

/// Whether a caller's header goes on beside a body that is the gateway's.
pub fn steers_a_turn(name: &str) -> bool {
    is_listed(name, &STEERING, &UPSTREAM_FAMILIES)
}

/// Whether a provider's header goes to the caller.
pub fn comes_back(name: &str) -> bool {
    is_listed(name, &DOWNSTREAM, &DOWNSTREAM_FAMILIES)
}

/// A name with `_` is none: some servers take it for the one with `-`.
fn is_listed(name: &str, names: &[&str], families: &[&str]) -> bool {
    !name.contains('_') && (names.contains(&name) || families.iter().any(|family| name.starts_with(family)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identifies_or_steers_stays_here() {
        for name in [
            "authorization",
            "chatgpt-account-id",
            "connection",
            "cookie",
            "forwarded",
            "host",
            "proxy-authorization",
            "te",
            "transfer-encoding",
            "upgrade",
            "user-agent",
            "x-api-key",
            "x-forwarded-for",
            "x_codex_turn_state",
            "x-codex-turn_state",
        ] {
            assert!(!goes_upstream(name), "{name}");
        }
        for name in [
            "access-control-allow-origin",
            "alt-svc",
            "connection",
            "keep-alive",
            "location",
            "refresh",
            "server",
            "set-cookie",
            "transfer-encoding",
            "www-authenticate",
        ] {
            assert!(!comes_back(name), "{name}");
        }
    }

    #[test]
    fn what_describes_bytes_steers_no_turn() {
        for name in ["content-type", "content-encoding", "accept", "accept-encoding", "if-none-match", "range"] {
            assert!(goes_upstream(name) && !steers_a_turn(name), "{name}");
        }
    }

    #[test]
    fn a_turn_and_its_limits_pass_both_ways() {
        assert!(goes_upstream("x-codex-turn-state") && comes_back("x-codex-turn-state"));
        assert!(goes_upstream("content-type") && comes_back("content-type"));
        assert!(comes_back("x-codex-primary-used-percent") && comes_back("openai-model"));
    }
}
