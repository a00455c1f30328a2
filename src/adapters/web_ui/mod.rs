//! The gateway's page, as files in the binary: it works without an internet connection and is built by nobody
//! (`docs/adr/0016-a-page-without-a-build.md`). It uses the public API alone, so this adapter only hands out files.

use poem::{
    Endpoint, Request, Response,
    endpoint::make,
    error::{MethodNotAllowedError, NotFoundError},
    http::{HeaderName, HeaderValue, Method, header},
};

/// Scripts and styles come from files, and nothing from elsewhere. Nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What stands before the name of a file.
const PREFIX: &str = "/page/";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// Every file of the page.
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
    "door.js",
    "favicon.svg",
    "history.js",
    "index.html",
    "lifeline.js",
    "live.js",
    "paste.js",
    "provider.js",
    "providers.js",
    "secret_form.js",
    "session.js",
    "snippets.js",
    "states.js",
    "store.js",
    "style.css",
    "theme.js",
    "time.js",
    "try_it.js",
    "verdict.js",
    "words.js",
}

/// Answers `/` and whatever is below `/page/`.
pub fn endpoint() -> impl Endpoint<Output = Response> {
    make(async |request: Request| answer(&request))
}

fn answer(request: &Request) -> poem::Result<Response> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Err(MethodNotAllowedError.into());
    }
    let name = match request.uri().path() {
        "/" => "index.html",
        path => path.strip_prefix(PREFIX).unwrap_or_default(),
    };
    let Some((name, text)) = FILES.iter().find(|(known, _)| *known == name) else {
        return Err(NotFoundError.into());
    };
    let mut answer = Response::builder().content_type(content_type(name)).body(*text);
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // It is small, and a new binary must not meet an old page.
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    answer.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Ok(answer)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_binary_and_all_of_them_are_light() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/adapters/web_ui/page");
        let mut there: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        there.sort();
        let mut known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(known, there);
        assert!(known.iter().all(|name| content_type(name) != "application/octet-stream"));
        let weight: usize = FILES.iter().map(|(_, text)| text.len()).sum();
        assert!(weight < 150_000, "{weight} bytes");
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for (name, text) in FILES {
            // The namespace of SVG is a name, no address that is asked.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for forbidden in
                ["src=\"http", "href=\"http", "url(http", "@import", "eval(", "innerHTML", "document.write"]
            {
                assert!(!text.contains(forbidden), "{forbidden} in {name}");
            }
        }
    }
}
