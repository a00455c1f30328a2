//! Removes the base path: the path of `server.public_url`, below which a reverse proxy serves the gateway. Some proxies
//! forward the base path and others remove it, so the gateway accepts both forms.

use poem::{
    Request, Response,
    http::{
        HeaderValue, StatusCode, header,
        uri::{PathAndQuery, Uri},
    },
};

/// Empty, or a path such as `/goclaw`.
#[derive(Debug, Clone, Default)]
pub(super) struct BasePath(String);

impl BasePath {
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Removes the base path from a request, if it is there.
    ///
    /// # Errors
    /// A redirect, if the path is the base path without a slash at its end: the page's relative links need the slash.
    pub(super) fn remove_from(&self, request: &mut Request) -> Result<(), Response> {
        if self.0.is_empty() {
            return Ok(());
        }
        match request.uri().path().strip_prefix(&self.0) {
            Some("") => Err(self.redirect(request.uri().query())),
            Some(rest) if rest.starts_with('/') => {
                if let Some(plain) = with_path(request.uri(), rest) {
                    *request.uri_mut() = plain;
                }
                Ok(())
            }
            // Another path, or a segment that only begins like the base path.
            _ => Ok(()),
        }
    }

    fn redirect(&self, query: Option<&str>) -> Response {
        let mut response = Response::builder().status(StatusCode::PERMANENT_REDIRECT).finish();
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let location = HeaderValue::try_from(format!("{}/{query}", self.0)).ok();
        response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
        response
    }
}

/// Replaces the path of `target`, and keeps its query.
pub(super) fn with_path(target: &Uri, path: &str) -> Option<Uri> {
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}
