//! The paths of the API: which ones need a token, and which ones speak OpenAI's API.

use poem::http::uri::{PathAndQuery, Uri};

pub(super) const HEALTH: &str = "/healthz";
pub(super) const SESSION: &str = "/v1/session";
/// The prefix of requests that are forwarded to a provider.
pub(super) const PROXY: &str = "/v1/proxy/";

/// The prefix of requests for one model.
const MODEL: &str = "/v1/models/";

/// Paths that need no token, besides the page. All others need one, even if they do not exist.
const OPEN: [&str; 3] = [HEALTH, "/openapi.json", "/docs"];

/// Routes of OpenAI's API. A trailing slash includes all paths below.
const OPENAI: [&str; 5] = ["/v1/responses", "/v1/chat/completions", "/v1/models", MODEL, PROXY];

pub(super) fn needs_token(path: &str) -> bool {
    !OPEN.contains(&path) && !is_page(path)
}

/// Returns whether a path is the page or one of its files.
pub(super) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/page/")
}

/// Returns whether the callers of a path expect errors in OpenAI's form.
pub(super) fn speaks_openai(path: &str) -> bool {
    OPENAI.iter().any(|route| path == *route || route.ends_with('/') && path.starts_with(route))
}

/// Returns the target of a request for one model with the slashes in the model's name encoded, as the route has them; None
/// if there is nothing to encode. Clients encode them or not.
pub(super) fn encoded_model(target: &Uri) -> Option<Uri> {
    let name = target.path().strip_prefix(MODEL).filter(|name| name.contains('/'))?;
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{MODEL}{}{query}", name.replace('/', "%2F"));
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}
