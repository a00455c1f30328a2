//! `/docs`: the contract as a page one can try requests on. Everything is in it, so it works without an internet
//! connection.

use poem::{Endpoint, IntoResponse, Response, endpoint::make_sync, http::header, web::Html};

/// The page's scripts and styles are inline, as the generator makes them; it may talk to this gateway and nobody else.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                      font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn endpoint(html: String) -> impl Endpoint<Output = Response> {
    make_sync(move |_| Html(html.clone()).with_header(header::CONTENT_SECURITY_POLICY, POLICY).into_response())
}
