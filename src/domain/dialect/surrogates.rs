//! Lone surrogates in JSON: escapes for half of a character that a program cut in two. JavaScript and Python write
//! them, but serde_json and the backend refuse them. Two halves in adjacent pieces of a text are joined; others are
//! replaced.

use std::borrow::Cow;

use memchr::memchr;

use super::raw_json::unescaped;

/// The length of an escape such as `\ud83d`.
const ESCAPE_LENGTH: usize = 6;
/// The escape of U+FFFD, which has the same length.
const REPLACEMENT: &[u8; ESCAPE_LENGTH] = br"\ufffd";

/// Returns the JSON with U+FFFD in place of each lone surrogate, borrowed if it has none.
pub fn without_lone_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(skipped) = json.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += skipped;
        at += match (code_unit(json, at), code_unit(json, at + ESCAPE_LENGTH)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * ESCAPE_LENGTH,
            (Some(0xD800..=0xDFFF), _) => {
                if let Some(escape) = mended.to_mut().get_mut(at..at + ESCAPE_LENGTH) {
                    escape.copy_from_slice(REPLACEMENT);
                }
                ESCAPE_LENGTH
            }
            // Any other escape has at least two bytes, and the second may be a backslash.
            _ => 2,
        };
    }
    mended
}

/// Whether the JSON has a lone surrogate.
pub(super) fn has_lone_surrogates(json: &str) -> bool {
    matches!(without_lone_surrogates(json.as_bytes()), Cow::Owned(_))
}

/// Returns the UTF-16 code unit of the escape at `at`.
fn code_unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at.checked_add(ESCAPE_LENGTH)?)?.strip_prefix(br"\u")?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Resolves the escapes of a string. Lone surrogates become U+FFFD. Returns None for other JSON.
pub(super) fn unescape_lossy(json: &str) -> Option<Cow<'_, str>> {
    // Lone surrogates are rare. They are replaced only if the text cannot be parsed.
    unescaped(json).or_else(|| serde_json::from_slice(&without_lone_surrogates(json.as_bytes())).ok())
}

/// The first half of a character at the end of a piece of a text, as a JSON escape. The next piece has the second half.
#[derive(Debug, Default)]
pub(super) struct HeldHalf(Option<String>);

impl HeldHalf {
    /// Returns the text of the next piece, which is given as a JSON string. Puts the held half before it, and holds
    /// back a half at its end.
    pub(super) fn join<'a>(&mut self, piece: &'a str) -> Cow<'a, str> {
        let mut json = match self.0.take() {
            None => Cow::Borrowed(piece),
            Some(half) => Cow::Owned(format!("\"{half}{}", piece.strip_prefix('"').unwrap_or_default())),
        };
        if let Some((before, half)) = split_half(&json) {
            self.0 = Some(half.to_owned());
            json = Cow::Owned(format!("{before}\""));
        }
        let text = match json {
            Cow::Borrowed(json) => unescape_lossy(json),
            Cow::Owned(json) => unescape_lossy(&json).map(|text| Cow::Owned(text.into_owned())),
        };
        text.unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns U+FFFD in place of the held half, if there is one. Call this when the text ends.
    pub(super) fn rest(&mut self) -> Option<&'static str> {
        self.0.take().map(|_half| "\u{fffd}")
    }
}

/// Splits off the escape of a first half at the end of a string. The string before it lacks its closing quote.
fn split_half(json: &str) -> Option<(&str, &str)> {
    let text = json.strip_suffix('"')?;
    let (before, half) = text.split_at_checked(text.len().checked_sub(ESCAPE_LENGTH)?)?;
    if !matches!(code_unit(half.as_bytes(), 0), Some(0xD800..=0xDBFF)) {
        return None;
    }
    // After an odd number of backslashes, the backslash of `half` is itself escaped.
    let backslashes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
    backslashes.is_multiple_of(2).then_some((before, half))
}
