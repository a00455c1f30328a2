//! Text that a POSIX shell will read.

use std::path::Path;

use url::Url;

/// `text` as one word, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A line that asks `url` with the gateway's token. It says where the token is, not what it is: the line will be copied
/// into chats and scripts.
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
    fn quoting_leaves_nothing_to_the_shell() {
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
    fn the_curl_line_says_where_the_token_is() {
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
