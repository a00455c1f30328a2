//! Builds shell commands that the CLI prints for the user to copy.

use std::path::Path;

use url::Url;

/// Quotes `text` as one word of a POSIX shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes `text` as the last argument of a `goclaw` command. `--` keeps a leading hyphen from being read as an option.
pub fn last_argument(text: &str) -> String {
    let separator = if text.starts_with('-') { "-- " } else { "" };
    format!("{separator}{}", quoted(text))
}

/// Returns a curl command for `url`. The shell reads the token from its file or variable. The command does not contain
/// the token, because users copy it into chats and scripts.
pub fn curl(url: &Url, token_file: Option<&Path>) -> String {
    let token = match token_file {
        Some(path) => format!("$(cat {})", quoted(&path.to_string_lossy())),
        None => "$GOCLAW_TOKEN".to_owned(),
    };
    format!("curl -sS -H \"Authorization: Bearer {token}\" {}", quoted(url.as_str()))
}
