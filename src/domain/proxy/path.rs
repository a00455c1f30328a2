//! The path of a pass-through request, below the provider's base URL.
//!
//! It is judged and sent in the very form it came in: decoding it for the one and not for the other is how such lists are
//! got around.

use std::fmt;

/// The longest path that is looked at, in bytes.
const MAX_PATH_BYTES: usize = 4 * 1024;

/// A path relative to a base URL, e.g. `codex/responses`: segments of plain characters, none of them empty (but perhaps
/// the last), none of them dots, and no encoded slash, backslash, dot, percent or control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPath(String);

/// Why a path cannot pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    #[error("the path is empty")]
    Empty,
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    #[error("the path has an empty segment")]
    EmptySegment,
    #[error("the path has a segment of dots")]
    DotSegment,
    #[error("the path encodes a slash, a dot, a percent sign or a control character")]
    HidesCharacters,
    #[error("the path holds a character that is not allowed there")]
    InvalidCharacter,
}

impl ProxyPath {
    /// Takes the raw path of a request, without its query and without a leading slash.
    pub fn parse(raw: &str) -> Result<Self, InvalidPath> {
        if raw.is_empty() {
            return Err(InvalidPath::Empty);
        }
        if raw.len() > MAX_PATH_BYTES {
            return Err(InvalidPath::TooLong);
        }
        let mut segments = raw.split('/').peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_some() {
                return Err(InvalidPath::EmptySegment);
            }
            if !segment.is_empty() && segment.bytes().all(|byte| byte == b'.') {
                return Err(InvalidPath::DotSegment);
            }
            check_characters(segment)?;
        }
        Ok(Self(raw.to_owned()))
    }

    /// A path that is written down in the program, for what the gateway itself asks.
    pub fn fixed(path: &'static str) -> Self {
        Self(path.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether one of the patterns lets it through: `codex/*` is everything below `codex/`, `wham/usage` that path alone.
    pub fn is_allowed_by(&self, patterns: &[String]) -> bool {
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(above) => self.0.len() > above.len() && self.0.starts_with(above),
            None => self.0 == *pattern,
        })
    }
}

impl fmt::Display for ProxyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 3986 section 3.3 without `;`, by which some servers cut a segment short.
fn check_characters(segment: &str) -> Result<(), InvalidPath> {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                    return Err(InvalidPath::InvalidCharacter);
                };
                // 0x25 is the percent sign itself: a server that decodes twice would find anything behind it.
                if matches!(high * 16 + low, 0x00..=0x1f | 0x25 | 0x2e | 0x2f | 0x5c | 0x7f) {
                    return Err(InvalidPath::HidesCharacters);
                }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' => {}
            b':' | b'@' => {}
            _ => return Err(InvalidPath::InvalidCharacter),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_paths_pass_and_disguised_ones_do_not() {
        for good in ["codex/responses", "wham/usage", "billing/info/", "a/b-c_d~e/f:g@h", "v1/%C3%A9", "..a/b.."] {
            assert_eq!(ProxyPath::parse(good).map(|path| path.as_str().to_owned()), Ok(good.to_owned()));
        }
        for (bad, error) in [
            ("", InvalidPath::Empty),
            ("/codex", InvalidPath::EmptySegment),
            ("codex//responses", InvalidPath::EmptySegment),
            ("codex/../wham/usage", InvalidPath::DotSegment),
            ("codex/.", InvalidPath::DotSegment),
            ("codex/...", InvalidPath::DotSegment),
            ("codex/%2e%2e/wham", InvalidPath::HidesCharacters),
            ("codex/%2E./wham", InvalidPath::HidesCharacters),
            ("codex%2Fresponses", InvalidPath::HidesCharacters),
            ("codex/%5c..", InvalidPath::HidesCharacters),
            ("codex/%252e%252e/", InvalidPath::HidesCharacters),
            ("codex/%00", InvalidPath::HidesCharacters),
            ("codex/..;/wham", InvalidPath::InvalidCharacter),
            ("codex\\responses", InvalidPath::InvalidCharacter),
            ("codex/%zz", InvalidPath::InvalidCharacter),
            ("codex/%2", InvalidPath::InvalidCharacter),
            ("https://evil.example/", InvalidPath::EmptySegment),
            ("codex/a b", InvalidPath::InvalidCharacter),
        ] {
            assert_eq!(ProxyPath::parse(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let allowed = ["codex/*".to_owned(), "wham/usage".to_owned()];
        let is_allowed = |path: &str| ProxyPath::parse(path).unwrap().is_allowed_by(&allowed);
        for path in ["codex/responses", "codex/responses/compact", "wham/usage"] {
            assert!(is_allowed(path), "{path}");
        }
        for path in ["codex", "codex/", "codexx/a", "wham", "wham/usage/", "wham/tasks", "Codex/a", "c%6fdex/a"] {
            assert!(!is_allowed(path), "{path}");
        }
        assert!(!ProxyPath::parse("codex/responses").unwrap().is_allowed_by(&[]));
    }

    proptest! {
        #[test]
        fn what_passes_stays_below_the_base(raw in "[a-c./%25eEfFxX2;:@\\\\ ]{0,24}") {
            if let Ok(path) = ProxyPath::parse(&raw) {
                let joined = url::Url::parse(&format!("https://base.example/api/{path}")).unwrap();
                prop_assert_eq!(joined.host_str(), Some("base.example"));
                prop_assert_eq!(joined.path(), format!("/api/{path}"));
            }
        }
    }
}
