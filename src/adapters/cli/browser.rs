//! Opens the authorization URL in the default browser.

use std::io;

use url::Url;

use super::address::is_loopback;

/// Returns the URL if it is safe to open. It comes from the network, and other schemes would start other programs.
fn openable(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    safe.then_some(url)
}

/// Passes the URL to the desktop as one argument, without a shell. Success means only that the browser was launched.
///
/// # Errors
///
/// The URL is not safe to open, or no browser can be launched.
pub(super) fn open(url: &str) -> io::Result<()> {
    match openable(url) {
        Some(url) => open::that_detached(url.as_str()),
        None => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_pages_are_opened() {
        for (url, expected) in [
            ("https://auth.openai.com/oauth/authorize?client_id=x", true),
            ("http://127.0.0.1:9000/authorize", true),
            ("http://auth.example.com/", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("-x", false),
            ("", false),
        ] {
            assert_eq!(openable(url).is_some(), expected, "{url}");
        }
    }
}
