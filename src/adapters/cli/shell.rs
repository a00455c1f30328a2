//! Quoting for POSIX shells.

use std::path::Path;

use url::Url;

/// Quotes `text` as one word.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns a curl command for `url`. It refers to the token by its file or variable and does not contain it, because
/// users copy the line into chats and scripts.
pub(super) fn curl(url: &Url, token_file: Option<&Path>) -> String {
    let token = match token_file {
        Some(path) => format!("$(cat {})", quoted(&path.to_string_lossy())),
        None => "$GOCLAW_TOKEN".to_owned(),
    };
    format!("curl -sS -H \"Authorization: Bearer {token}\" {}", quoted(url.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_not_expanded() {
        for (text, expected) in [
            ("", "''"),
            ("plain", "'plain'"),
            ("$(reboot) `x` \"y\" \\", "'$(reboot) `x` \"y\" \\'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn the_curl_line_refers_to_the_token() {
        let url = Url::parse("http://127.0.0.1:3577/v1/auth/openai/status").unwrap();
        assert_eq!(
            curl(&url, None),
            "curl -sS -H \"Authorization: Bearer $GOCLAW_TOKEN\" 'http://127.0.0.1:3577/v1/auth/openai/status'"
        );
        assert_eq!(
            curl(&url, Some(Path::new("my data/token"))),
            "curl -sS -H \"Authorization: Bearer $(cat 'my data/token')\" \
             'http://127.0.0.1:3577/v1/auth/openai/status'"
        );
    }
}
