//! CORS (Fetch standard, section 3.2): lets web applications on the configured origins call the model routes with a
//! token, and read the errors about other paths of OpenAI's API. The control API and the proxy send no CORS headers, so a
//! page on another origin cannot manage accounts even if it has a token.

use poem::{
    Request, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};

use super::paths;

/// The response headers that scripts may read, in addition to the CORS-safelisted ones.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "goclaw-ignored-parameters, goclaw-incomplete-models, openai-model, retry-after, x-request-id, x-should-retry",
);
/// How long browsers may cache the response to a preflight request, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins whose pages may call the model routes.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Allows these origins, each written as in an `Origin` header.
    pub fn new(listed: &[String]) -> Self {
        Self(listed.to_vec())
    }

    /// Compares the `Origin` header of a request with the allowed origins.
    pub(super) fn decide(&self, request: &Request) -> CrossOrigin {
        if self.0.is_empty() || !paths::is_cross_origin(request.uri().path()) {
            return CrossOrigin::Unsupported;
        }
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none());
        let listed = origin.filter(|origin| self.0.iter().any(|listed| listed.as_bytes() == origin.as_bytes()));
        listed.cloned().map_or(CrossOrigin::NotAllowed, CrossOrigin::Allowed)
    }
}

/// Whether a script on another origin may read the response.
pub(super) enum CrossOrigin {
    /// The route sends no CORS headers, or no origin is configured.
    Unsupported,
    NotAllowed,
    /// The origin, as the request names it.
    Allowed(HeaderValue),
}

impl CrossOrigin {
    /// Returns the response to a preflight request, which browsers send without a token. Returns `None` if the request
    /// is not a preflight or its origin is not allowed. `methods` are the methods of the path.
    pub(super) fn preflight(&self, request: &Request, methods: Option<&str>) -> Option<Response> {
        let requested = |name| request.headers().get(name);
        let is_preflight =
            *request.method() == Method::OPTIONS && requested(header::ACCESS_CONTROL_REQUEST_METHOD).is_some();
        match self {
            Self::Allowed(_) if is_preflight => {}
            Self::Allowed(_) | Self::NotAllowed | Self::Unsupported => return None,
        }
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        let headers = response.headers_mut();
        let methods = methods.and_then(|methods| HeaderValue::from_str(methods).ok());
        headers.extend(methods.map(|methods| (header::ACCESS_CONTROL_ALLOW_METHODS, methods)));
        // Allow every requested header: SDKs add their own, and the request itself still needs a valid token.
        let names = requested(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        headers.extend(names.map(|names| (header::ACCESS_CONTROL_ALLOW_HEADERS, names)));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(response)
    }

    /// Adds the CORS headers of a response. The API uses no cookies, so credentials are never allowed.
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
