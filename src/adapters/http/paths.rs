//! Classifies the paths of the API, for example which ones need a token and which ones return OpenAI's errors.

use poem::http::Uri;

use super::base_path::with_path;

pub(super) const PROBES: [&str; 3] = ["/healthz", "/livez", "/readyz"];
pub(super) const METRICS: &str = "/metrics";
pub(super) const REQUESTS: &str = "/v1/requests";
pub(super) const SESSION: &str = "/v1/session";
/// The prefix of the paths that are forwarded to a provider.
pub(super) const PROXY: &str = "/v1/proxy/";

/// The prefix of the path of one model.
const MODEL: &str = "/v1/models/";

/// The paths besides the page and the probes that need no token. All other paths need one, even if they do not exist.
const OPEN: [&str; 2] = ["/openapi.json", "/docs"];

/// The model routes. A trailing slash includes all paths below.
const MODEL_ROUTES: [&str; 8] = [
    "/v1/responses",
    "/v1/responses/",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/models",
    MODEL,
];

/// The first path segments of the control API, below `/v1/`.
const CONTROL: [&str; 10] =
    ["activity", "audit", "auth", "events", "providers", "requests", "session", "sessions", "tokens", "usage"];

/// The supported operations of OpenAI's API, for the error about an unknown path or method.
pub(super) const SUPPORTED_OPERATIONS: &str = "the gateway offers POST /v1/responses, /v1/responses/compact, \
    /v1/chat/completions, /v1/completions, /v1/embeddings and /v1/images/generations, GET /v1/models, and the providers' \
    own APIs below /v1/proxy/";

pub(super) fn needs_token(path: &str) -> bool {
    !OPEN.contains(&path) && !is_probe(path) && !is_page(path)
}

pub(super) fn is_probe(path: &str) -> bool {
    PROBES.contains(&path)
}

/// Returns whether requests to a path are recorded. Probes, scrapes and page files would hide the other requests.
pub(super) fn is_recorded(path: &str) -> bool {
    !is_probe(path) && !is_page(path) && path != METRICS
}

/// Returns whether a path is the page or one of its files.
pub(super) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/page/")
}

/// Returns whether a path is one of the model routes.
pub(super) fn is_model_route(path: &str) -> bool {
    MODEL_ROUTES.iter().any(|route| path == *route || route.ends_with('/') && path.starts_with(route))
}

/// Returns whether requests to a path never make a change that the audit log records.
pub(super) fn is_unaudited(path: &str) -> bool {
    is_model_route(path) || path.starts_with(PROXY)
}

/// Returns whether errors of a path have OpenAI's form: all paths below `/v1/` except the control API. This includes
/// paths that do not exist here, because OpenAI's clients call many of those.
pub(super) fn expects_openai_errors(path: &str) -> bool {
    let first = |below: &str| below.split('/').next().unwrap_or_default().to_owned();
    path.strip_prefix("/v1/").map(first).is_some_and(|first| !first.is_empty() && !CONTROL.contains(&first.as_str()))
}

/// Returns whether web applications on the configured origins may call a path: the paths with OpenAI's errors, except the
/// proxy. A page can read the error of a path that does not exist. The first segment must not be encoded, because the
/// router may decode it.
pub(super) fn is_cross_origin(path: &str) -> bool {
    let first = path.strip_prefix("/v1/").and_then(|below| below.split('/').next()).unwrap_or_default();
    let is_plain = first.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    is_plain && first != "proxy" && expects_openai_errors(path)
}

/// Percent-encodes the slashes in a model's name, because the route `/v1/models/:model` matches one segment. Returns
/// `None` if `target` has no such slash. Some clients encode them themselves.
pub(super) fn encoded_model(target: &Uri) -> Option<Uri> {
    let name = target.path().strip_prefix(MODEL).filter(|name| name.contains('/'))?;
    with_path(target, &format!("{MODEL}{}", name.replace('/', "%2F")))
}
