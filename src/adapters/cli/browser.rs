//! Opens the authorize URL in the default browser.

use std::io;

use url::Url;

use super::address::is_loopback;

/// Returns the URL if it is safe to open. It comes from the network, and other schemes would start other programs.
pub fn openable(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    safe.then_some(url)
}

/// Passes the URL to the desktop as one argument, without a shell. Success means only that the browser was launched.
///
/// # Errors
///
/// The URL is not safe to open, or no browser can be launched.
pub fn open(url: &str) -> io::Result<()> {
    let url = openable(url).ok_or(io::ErrorKind::InvalidInput)?;
    open::that_detached(url.as_str())
}
