//! Serves the gateway's page. Its files are embedded in the binary, need no build step and load nothing from elsewhere
//! (`docs/adr/0016-a-page-without-a-build.md`). The page uses the public API only.

use std::collections::HashMap;

use poem::{
    Endpoint, Request, Response,
    endpoint::make_sync,
    error::{MethodNotAllowedError, NotFoundError},
    http::{HeaderName, HeaderValue, Method, header},
};

use crate::adapters::serving::StaticText;

/// CSP: scripts and styles from this origin only, no inline code, no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// URL path prefix of the files.
const PREFIX: &str = "/page/";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// The files of the page, by name.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("page/", $name)))),*];
    };
}

files! {
    "actions.js",
    "activity.js",
    "add_account.js",
    "api.js",
    "app.js",
    "cards.js",
    "connect.js",
    "dom.js",
    "favicon.svg",
    "history.js",
    "index.html",
    "lifeline.js",
    "live.js",
    "paste.js",
    "provider.js",
    "providers.js",
    "requests.js",
    "secret_form.js",
    "session.js",
    "snippets.js",
    "start_session.js",
    "states.js",
    "store.js",
    "style.css",
    "theme.js",
    "time.js",
    "try_it.js",
    "verdict.js",
    "words.js",
}

/// Returns the endpoint for `/` and `/page/*`.
pub fn endpoint() -> impl Endpoint<Output = Response> {
    let text = |(name, text): &(&'static str, &'static str)| (*name, StaticText::new(content_type(name), *text));
    let files = FILES.iter().map(text).collect();
    make_sync(move |request: Request| respond(&files, &request))
}

fn respond(files: &HashMap<&str, StaticText>, request: &Request) -> poem::Result<Response> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Err(MethodNotAllowedError.into());
    }
    let name = match request.uri().path() {
        "/" => "index.html",
        path => path.strip_prefix(PREFIX).unwrap_or_default(),
    };
    let mut response = files.get(name).ok_or(NotFoundError)?.response(request);
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // A new gateway version must not run with a cached page.
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Ok(response)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
