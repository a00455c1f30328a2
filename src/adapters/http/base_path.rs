//! The path below which a reverse proxy serves the gateway (`server.public_url`). Some proxies pass it on and others
//! remove it, so both forms of a request are accepted. It is removed before anything else reads the path.

use poem::{
    Request, Response,
    http::{
        HeaderValue, StatusCode, header,
        uri::{PathAndQuery, Uri},
    },
};

/// Empty, or a slash and further segments.
#[derive(Debug, Clone, Default)]
pub(super) struct BasePath(String);

impl BasePath {
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Removes the base path from a request that has it, once.
    ///
    /// # Errors
    /// The redirect for a request without the trailing slash: relative links of the page would not resolve.
    pub(super) fn remove_from(&self, request: &mut Request) -> Result<(), Response> {
        if self.0.is_empty() {
            return Ok(());
        }
        match request.uri().path().strip_prefix(&self.0) {
            Some("") => Err(self.redirect()),
            Some(rest) if rest.starts_with('/') => {
                if let Some(plain) = with_path(request.uri(), rest) {
                    *request.uri_mut() = plain;
                }
                Ok(())
            }
            // Another path, perhaps one whose first segment only has this prefix.
            _ => Ok(()),
        }
    }

    fn redirect(&self) -> Response {
        let mut response = Response::builder().status(StatusCode::PERMANENT_REDIRECT).finish();
        let location = HeaderValue::try_from(format!("{}/", self.0)).ok();
        response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
        response
    }
}

/// Returns `target` with another path, and the same query.
pub(super) fn with_path(target: &Uri, path: &str) -> Option<Uri> {
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}
