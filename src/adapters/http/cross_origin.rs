//! Requests of web applications on other origins (Fetch standard, section 3.2, "CORS protocol"). The pages of the
//! configured origins may call the model routes from a browser, with a token as any other caller. The control API and
//! the proxy have no such headers, so that no other page can manage accounts even with a token.

use poem::{
    Request, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};

use super::paths;

/// The response headers that scripts may read, besides those that every script may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "goclaw-ignored-parameters, goclaw-incomplete-models, openai-model, retry-after, x-request-id, x-should-retry",
);
/// How long browsers may remember the response to a preflight request, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins whose pages may call the model routes.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Allows these origins, each as browsers send it.
    pub fn new(listed: &[String]) -> Self {
        Self(listed.to_vec())
    }

    /// Decides about the origin of a request.
    pub(super) fn decide(&self, request: &Request) -> CrossOrigin {
        if self.0.is_empty() || !paths::is_model_route(request.uri().path()) {
            return CrossOrigin::Unsupported;
        }
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none());
        let listed = origin.filter(|origin| self.0.iter().any(|listed| listed.as_bytes() == origin.as_bytes()));
        listed.cloned().map_or(CrossOrigin::NotAllowed, CrossOrigin::Allowed)
    }
}

/// Whether a script of another origin may read the response.
pub(super) enum CrossOrigin {
    /// The route has no CORS headers.
    Unsupported,
    NotAllowed,
    /// This origin may.
    Allowed(HeaderValue),
}

impl CrossOrigin {
    /// Returns the response to a preflight request, which has no token; None if the request is not a preflight, or not
    /// allowed. `methods` are those of the path.
    pub(super) fn preflight(&self, request: &Request, methods: Option<&str>) -> Option<Response> {
        let wanted = |name| request.headers().get(name);
        let is_preflight =
            *request.method() == Method::OPTIONS && wanted(header::ACCESS_CONTROL_REQUEST_METHOD).is_some();
        match self {
            Self::Allowed(_) if is_preflight => {}
            Self::Allowed(_) | Self::NotAllowed | Self::Unsupported => return None,
        }
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        let headers = response.headers_mut();
        let methods = methods.and_then(|methods| HeaderValue::from_str(methods).ok());
        headers.extend(methods.map(|methods| (header::ACCESS_CONTROL_ALLOW_METHODS, methods)));
        // Each SDK sends headers of its own, and none of them permits anything.
        let names = wanted(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        headers.extend(names.map(|names| (header::ACCESS_CONTROL_ALLOW_HEADERS, names)));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(response)
    }

    /// Adds the headers of every response. There are no cookies, so credentials are never allowed.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        match self {
            Self::Unsupported => return,
            Self::NotAllowed => {}
            Self::Allowed(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            }
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
