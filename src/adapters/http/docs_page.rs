//! `/docs`: the API documentation as an interactive page. It is self-contained, so it works offline.

use poem::{Endpoint, IntoResponse, Request, Response, endpoint::make_sync, http::header};

use crate::adapters::serving::StaticText;

/// The generated page has inline scripts and styles. It may connect only to this gateway.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                      font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn endpoint(html: String) -> impl Endpoint<Output = Response> {
    let page = StaticText::new("text/html; charset=utf-8", html);
    make_sync(move |request: Request| {
        page.response(&request).with_header(header::CONTENT_SECURITY_POLICY, POLICY).into_response()
    })
}
