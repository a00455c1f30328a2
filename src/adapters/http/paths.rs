//! The paths of the API: which ones need a token, which ones speak OpenAI's API, and their methods.

use std::collections::BTreeMap;

use matchit::Router;
use serde_json::Value;

pub(super) const HEALTH: &str = "/healthz";
pub(super) const SESSION: &str = "/v1/session";
/// The prefix of requests that are forwarded to a provider.
pub(super) const PROXY: &str = "/v1/proxy/";

/// Paths that need no token, besides the page. All others need one, even if they do not exist.
const OPEN: [&str; 3] = [HEALTH, "/openapi.json", "/docs"];

/// Routes of OpenAI's API. A trailing slash includes all paths below.
const OPENAI: [&str; 5] = ["/v1/responses", "/v1/chat/completions", "/v1/models", "/v1/models/", PROXY];

/// Paths that are not in the document, and their methods.
const UNDOCUMENTED: [(&str, &str); 4] =
    [("/", "GET, HEAD"), ("/docs", "GET"), ("/openapi.json", "GET"), ("/page/{file}", "GET, HEAD")];

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

/// The methods of each path, for the `Allow` header that a 405 must carry (RFC 9110 section 15.5.6): the framework
/// leaves it out.
#[derive(Default)]
pub(super) struct AllowedMethods(Router<String>);

impl AllowedMethods {
    /// Reads the methods from the OpenAPI document.
    pub(super) fn of_document(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let mut methods = BTreeMap::from(UNDOCUMENTED.map(|(path, methods)| (path.to_owned(), methods.to_owned())));
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let mut names: Vec<_> =
                item.as_object().into_iter().flatten().map(|(name, _)| name.to_uppercase()).collect();
            names.sort();
            methods.insert(path.replace("{path}", "{*path}"), names.join(", "));
        }
        let mut router = Router::new();
        for (path, methods) in methods {
            // Two operations cannot have the same path, so there is no conflict to handle.
            router.insert(path, methods).ok();
        }
        Self(router)
    }

    /// Returns the methods of a path, separated by commas; `None` if there is nothing at this path.
    pub(super) fn of(&self, path: &str) -> Option<&str> {
        self.0.at(path).ok().map(|found| found.value.as_str())
    }
}
