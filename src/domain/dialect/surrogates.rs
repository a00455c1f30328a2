//! Replaces lone surrogates in JSON: escapes for half of a character that a program cut in two. JavaScript and Python
//! write them, but serde_json and the backend refuse them.

use std::borrow::Cow;

use memchr::memchr;

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

/// Returns the UTF-16 code unit of the escape at `at`.
fn code_unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at.checked_add(ESCAPE_LENGTH)?)?.strip_prefix(br"\u")?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}
