//! Finds the authorization response in a pasted text: usually the address in the browser's address bar, possibly
//! wrapped or quoted by a terminal, a chat or a mail program.
//!
//! Only its `state` authenticates a response, because only the browser of this login has seen it. Scheme, host, port
//! and path are ignored, and the address is never fetched.

use std::collections::HashSet;

use form_urlencoded::parse;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::{
    authorization_response::{AuthorizationResponse, InvalidRedirect, MAX_REDIRECT_BYTES},
    invisible::is_invisible,
};

/// Escapes of `&` and `=` in HTML and JSON, the full-width `&`, and the escape characters of Windows and Unix shells.
const ESCAPES: [(&str, &str); 13] = [
    ("&amp;amp;", "&"),
    ("&amp;", "&"),
    ("&AMP;", "&"),
    ("&#38;", "&"),
    ("&#038;", "&"),
    ("&#x26;", "&"),
    ("&#X26;", "&"),
    ("&#61;", "="),
    (r"\u0026", "&"),
    (r"\u003d", "="),
    ("\u{ff06}", "&"),
    ("^", ""),
    ("\\", ""),
];
/// The markers of a bracketed paste in terminals, without their escape character.
const PASTE_MARKERS: [&str; 2] = ["[200~", "[201~"];
/// Characters that mail programs and text frames put around a line.
const LINE_MARKS: [char; 4] = ['>', '|', '\u{2502}', ' '];
/// Characters that end a parameter: delimiters of a URL, and characters that no URL contains.
const SEPARATORS: [char; 20] = [
    '?', '#', '&', '"', '<', '>', '`', '|', '[', ']', '\u{2502}', '\u{2026}', '\u{ab}', '\u{bb}', '\u{2018}',
    '\u{2019}', '\u{201a}', '\u{201c}', '\u{201d}', '\u{201e}',
];
/// Punctuation that may follow an address in a sentence. No code or state ends in it.
const TRAILING_PUNCTUATION: [char; 10] = [',', ';', '.', ':', '!', ')', ']', '}', '\'', '*'];

const SCHEMES: [&str; 2] = ["http://", "https://"];
/// Maximum number of words that are joined one by one. An address that begins later must not be wrapped.
const MAX_WORDS: usize = 256;
/// Maximum number of readings of joined words. An address that has a state ends within a few more lines.
const MAX_READINGS: usize = 16;

impl AuthorizationResponse {
    /// Finds the response in a pasted text: an address with any text around it, its query alone, or code and state
    /// separated by white space or `#`. Identical repeats count once.
    ///
    /// White space may come from a wrapped line, even inside the code, or it may end the address. So the text has
    /// several readings: all of it joined, its first words joined, and each word for itself. Returns those with
    /// different states. Of those with the same state, only the longest counts, because it has the whole code. The
    /// caller picks the one with a login's state.
    ///
    /// # Errors
    /// [`InvalidRedirect`], if no reading is a response.
    pub fn from_pasted(text: &SecretString) -> Result<Vec<Self>, InvalidRedirect> {
        let text = text.expose_secret();
        if text.len() > MAX_REDIRECT_BYTES {
            return Err(InvalidRedirect::TooLong);
        }
        let mut text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        for (escaped, plain) in ESCAPES.into_iter().chain(PASTE_MARKERS.map(|marker| (marker, " "))) {
            text = text.replace(escaped, plain);
        }
        text = text.lines().map(|line| line.trim_matches(LINE_MARKS)).collect::<Vec<_>>().join("\n");
        if !has_result(&text) {
            // Mail programs and search engines put the percent-encoded address into an address of their own.
            let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
            if has_result(&decoded) {
                text = decoded;
            }
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let joined = words.concat();
        if !has_result(&joined) && !joined.contains("state=") {
            return Ok(vec![of_two_words(&text)?]);
        }
        let (whole, separate) = match (of_address(&joined), of_address(&text)) {
            (Err(error), Err(_)) => return Err(error),
            readings => readings,
        };
        let mut readings: Vec<Self> = Vec::new();
        for reading in whole.into_iter().chain(of_first_words(&words)).chain(separate) {
            if readings.iter().all(|known| known.state.expose_secret() != reading.state.expose_secret()) {
                readings.push(reading);
            }
        }
        Ok(readings)
    }
}

/// Whether a text has the parameter with the provider's decision. A line may be wrapped within the parameter's name.
fn has_result(text: &str) -> bool {
    let joined: String = text.split_whitespace().collect();
    ["code=", "error="].iter().any(|name| joined.contains(name))
}

/// Reads the first words joined, without the last one, without the last two, and so on. Skips those without a state.
fn of_first_words(words: &[&str]) -> Vec<AuthorizationResponse> {
    let (mut joined, mut readings) = (String::new(), Vec::new());
    for word in words.iter().take(MAX_WORDS) {
        joined.push_str(word);
        readings.extend(of_address(&joined));
        if readings.len() == MAX_READINGS {
            break;
        }
    }
    readings.reverse();
    readings
}

/// Reads the parameters of an address. White space and [`SEPARATORS`] separate them.
fn of_address(text: &str) -> Result<AuthorizationResponse, InvalidRedirect> {
    let text = SCHEMES.iter().fold(text.to_owned(), |text, scheme| with_separate_addresses(&text, scheme));
    let ends_part = |c: char| c.is_whitespace() || SEPARATORS.contains(&c);
    let (mut seen, mut distinct) = (HashSet::new(), Vec::new());
    for part in text.split_inclusive(ends_part) {
        // Punctuation is removed only from the last parameter of an address.
        let part = part
            .strip_suffix('&')
            .unwrap_or_else(|| part.trim_end_matches(ends_part).trim_end_matches(TRAILING_PUNCTUATION));
        for parameter in parse(part.as_bytes()) {
            if seen.insert(parameter.clone()) {
                distinct.push(parameter);
            }
        }
    }
    AuthorizationResponse::from_parameters(distinct.into_iter())
}

/// Replaces the scheme of each address by a separator, unless it begins the value of a parameter, such as `iss`.
fn with_separate_addresses(text: &str, scheme: &str) -> String {
    let mut parts = text.split(scheme);
    let mut separated = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        separated.push_str(if separated.ends_with('=') { scheme } else { "&" });
        separated.push_str(part);
    }
    separated
}

fn of_two_words(text: &str) -> Result<AuthorizationResponse, InvalidRedirect> {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c == '#').filter(|word| !word.is_empty()).collect();
    match words[..] {
        [code, state] => AuthorizationResponse::from_parameters(
            [("code", code), ("state", state)].map(|(name, value)| (name.into(), value.into())).into_iter(),
        ),
        _ => Err(InvalidRedirect::NoResponse),
    }
}
