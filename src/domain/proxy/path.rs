//! The path of a proxied request, below the provider's base URL.
//!
//! The path is checked and sent in the same form, without decoding it. Otherwise a path could bypass the allowlist.

use std::fmt;

/// The maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 4 * 1024;

/// A path relative to a base URL, e.g. `codex/responses`. Only the last segment may be empty. No segment consists only
/// of dots or encodes a slash, backslash, dot, percent sign or control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPath(String);

/// Why a path is refused.
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
    #[error("the path encodes a slash, a backslash, a dot, a percent sign or a control character")]
    HidesCharacters,
    #[error("the path has a character that is not allowed")]
    InvalidCharacter,
}

impl ProxyPath {
    /// Parses the raw path of a request, without its query and without a leading slash.
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

    /// Wraps a constant path, for the gateway's own requests.
    pub fn fixed(path: &'static str) -> Self {
        Self(path.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProxyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Accepts the characters of RFC 3986 section 3.3 except `;`, at which some servers truncate a segment.
fn check_characters(segment: &str) -> Result<(), InvalidPath> {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                    return Err(InvalidPath::InvalidCharacter);
                };
                // 0x25 is the percent sign, which could hide any character from a server that decodes twice.
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
