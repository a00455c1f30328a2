//! `/docs`: the API reference. It has no scripts, so it cannot read what the gateway's page stores in the browser.

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{Endpoint, IntoResponse, Request, Response, endpoint::make_sync, http::header};
use sha2::{Digest, Sha256};

use super::reference::{self, STYLE};
use crate::adapters::serving::StaticText;

pub(super) fn endpoint(document: &str) -> impl Endpoint<Output = Response> + use<> {
    let page = StaticText::new("text/html; charset=utf-8", reference::html(document));
    // Allow only this style, by its hash.
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    make_sync(move |request: Request| {
        page.response(&request).with_header(header::CONTENT_SECURITY_POLICY, &policy).into_response()
    })
}
