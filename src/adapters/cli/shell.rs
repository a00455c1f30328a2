//! Quoting for POSIX shells.

use std::path::Path;

use url::Url;

/// Quotes `text` as one word.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns a curl command for `url`. It refers to the token by its file or variable and does not contain it, because
/// users copy the line into chats and scripts.
pub fn curl(url: &Url, token_file: Option<&Path>) -> String {
    let token = match token_file {
        Some(path) => format!("$(cat {})", quoted(&path.to_string_lossy())),
        None => "$GOCLAW_TOKEN".to_owned(),
    };
    format!("curl -sS -H \"Authorization: Bearer {token}\" {}", quoted(url.as_str()))
}
