//! Ready-made faults of any origin, of streams and of the session provider, with the real providers' texts where known.
//! `backend` has those of the backend.

use serde_json::{Map, Value};

use super::{Fault, Interruption, backend::content_type};
use crate::refusals;

/// The redirect target of a hostile upstream.
const ELSEWHERE: &str = "https://elsewhere.example/";

impl Fault {
    /// 429 with an optional `Retry-After`.
    #[must_use]
    pub fn too_many_requests(retry_after: Option<&str>) -> Self {
        Self::status(429, "rate_limit_exceeded", "Rate limit reached. Please try again later.", retry_after)
    }

    /// 500 with a JSON error.
    #[must_use]
    pub fn internal_server_error() -> Self {
        Self::status(500, "server_error", "The server had an error while processing your request.", None)
    }

    /// 502 with a proxy's HTML page.
    #[must_use]
    pub fn bad_gateway() -> Self {
        Self::Status {
            status: 502,
            body: "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>".to_owned(),
            content_type: "text/html".to_owned(),
            retry_after: None,
        }
    }

    /// 503 with an optional `Retry-After`.
    #[must_use]
    pub fn service_unavailable(retry_after: Option<&str>) -> Self {
        Self::status(503, "server_is_overloaded", "The server is overloaded.", retry_after)
    }

    /// 403 `unsupported_country_region_territory`, in the real provider's words.
    #[must_use]
    pub fn unsupported_country() -> Self {
        let body = serde_json::json!({"error": {
            "code": "unsupported_country_region_territory",
            "message": "Country, region, or territory not supported",
            "param": null,
            "type": "request_forbidden",
        }});
        Self::Status { status: 403, body: body.to_string(), content_type: super::json(), retry_after: None }
    }

    fn status(status: u16, code: &str, message: &str, retry_after: Option<&str>) -> Self {
        let body =
            serde_json::json!({"error": {"message": message, "type": "server_error", "param": null, "code": code}});
        Self::Status {
            status,
            body: body.to_string(),
            content_type: super::json(),
            retry_after: retry_after.map(ToOwned::to_owned),
        }
    }

    /// The normal response with headers that a proxy must not forward: cookies, a challenge, a redirect, and hop-by-hop
    /// headers (RFC 9110 section 7.6.1).
    #[must_use]
    pub fn hostile_headers() -> Self {
        let header = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let headers = [
            ("set-cookie", "__cf_bm=hostile; Path=/; HttpOnly"),
            ("set-cookie", "session=hostile; Path=/"),
            ("www-authenticate", "Bearer realm=\"hostile\""),
            ("proxy-authenticate", "Basic realm=\"hostile\""),
            ("location", ELSEWHERE),
            ("refresh", "0; url=https://elsewhere.example/"),
            ("connection", "x-hop-by-hop"),
            ("x-hop-by-hop", "hostile"),
            ("keep-alive", "timeout=99"),
            ("upgrade", "h2c"),
            ("access-control-allow-origin", "*"),
            ("alt-svc", "h3=\"elsewhere.example:443\""),
        ];
        Self::Headers { headers: headers.map(header).into() }
    }

    /// A redirect to another host, which a client must not follow with a token.
    #[must_use]
    pub fn redirect_elsewhere(status: u16) -> Self {
        Self::Redirect { status, location: ELSEWHERE.to_owned() }
    }

    /// Committed, but a 500 replaces the response.
    #[must_use]
    pub fn internal_server_error_after_commit() -> Self {
        Self::StatusAfterCommit { status: 500, body: "{\"error\":{\"code\":\"server_error\"}}".to_owned() }
    }

    /// Committed and answered with one member replaced; null removes it.
    #[must_use]
    pub fn member(name: &str, value: Value) -> Self {
        Self::Members { members: Map::from_iter([(name.to_owned(), value)]) }
    }

    /// A stream that stops sending after this many deltas.
    #[must_use]
    pub fn stream_hangs(after: u32) -> Self {
        Self::Stream { after, interruption: Interruption::Hang }
    }

    /// A stream whose connection closes after this many deltas.
    #[must_use]
    pub fn stream_cut(after: u32) -> Self {
        Self::Stream { after, interruption: Interruption::Cut }
    }

    /// A stream that ends with `response.failed` and this error code after this many deltas.
    #[must_use]
    pub fn stream_fails(after: u32, code: &str) -> Self {
        Self::Stream { after, interruption: Interruption::Fail(code.to_owned()) }
    }

    /// 401 of the session provider for a valid cookie.
    #[must_use]
    pub fn session_refused() -> Self {
        let body = refusals::session_error("authentication_invalid", "Unable to authenticate the request.");
        Self::Answer { status: 401, headers: vec![content_type("application/json")], body: body.to_string() }
    }
}
