//! Finds the authorization response in a pasted text: usually the address in the browser's address bar, possibly
//! wrapped or quoted by a terminal, a chat or a mail program.
//!
//! Only its `state` authenticates a response, because only the browser of this login has seen it. Scheme, host, port
//! and path are ignored, and the address is never fetched.

use std::{borrow::Cow, collections::HashSet};

use form_urlencoded::parse;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::{
    authorization_response::{AuthorizationResponse, InvalidRedirect, MAX_REDIRECT_BYTES},
    invisible::is_invisible,
    pkce::STATE_BYTES,
};

/// Escapes of `&` and `=` in HTML and JSON, full-width delimiters, the end of an address within one of URL Defense,
/// escaped line breaks, and the escape characters of Windows and Unix shells.
const ESCAPES: [(&str, &str); 19] = [
    ("&amp;amp;", "&"),
    ("&amp;", "&"),
    ("&AMP;", "&"),
    ("&#38;", "&"),
    ("&#038;", "&"),
    ("&#x26;", "&"),
    ("&#X26;", "&"),
    ("&#61;", "="),
    ("&amp", "&"),
    (r"\u0026", "&"),
    (r"\u003d", "="),
    ("\u{ff06}", "&"),
    ("\u{ff1d}", "="),
    ("\u{ff1f}", "?"),
    ("__;!!", "&"),
    (r"\n", "\n"),
    (r"\r", "\n"),
    ("^", ""),
    ("\\", ""),
];
/// The markers of a bracketed paste in terminals, without their escape character.
const PASTE_MARKERS: [&str; 2] = ["[200~", "[201~"];
/// Characters that mail programs, text frames and editors put around a line: quote marks, frames, and the marks of a
/// wrapped line.
const LINE_MARKS: [char; 8] = ['>', '|', '\u{2502}', ' ', '`', '\u{21a9}', '\u{21b5}', '\u{23ce}'];
/// Characters that end a parameter: delimiters of a URL, and ASCII characters that no URL contains.
const SEPARATORS: [char; 10] = ['?', '#', '&', '"', '<', '>', '`', '|', '[', ']'];
/// The names of parameters in a table or in JSON, and the characters around them and their values.
const LABELS: [&str; 3] = ["code", "state", "error"];
const LABEL_MARKS: [char; 9] = ['"', '\'', '{', '}', '[', ']', ',', ':', '='];
/// The length of a `state` of this gateway.
const STATE_CHARS: usize = (STATE_BYTES * 4).div_ceil(3);
/// Punctuation that may follow an address in a sentence. No code or state ends in it.
const TRAILING_PUNCTUATION: [char; 10] = [',', ';', '.', ':', '!', ')', ']', '}', '\'', '*'];

const SCHEMES: [&str; 2] = ["http://", "https://"];
/// Maximum number of words that are joined one by one. An address that begins later must not be wrapped.
const MAX_WORDS: usize = 256;
/// Maximum number of readings of joined words. An address that has a state ends within a few more lines.
const MAX_READINGS: usize = 16;
/// How often an address may be percent-encoded, within addresses of mail filters and search engines.
const MAX_ENCODINGS: usize = 3;

impl AuthorizationResponse {
    /// Finds the response in a pasted text: an address with any text around it, its query alone, code and state
    /// separated by white space or `#`, or JSON or a table with their names. Identical repeats count once.
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
        let text = without_escapes(text.chars().filter(|c| !is_invisible(*c)).collect());
        let words: Vec<&str> = text.split_whitespace().collect();
        let joined = words.concat();
        if !has_result(&joined) && !joined.contains("state=") {
            return Ok(vec![of_labels(&text).map_or_else(|| of_two_words(&text), Ok)?]);
        }
        let (whole, separate) = match (of_address(&joined), of_address(&text)) {
            (Err(error), Err(_)) => return of_each_word(&words).ok_or(error),
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

/// Undoes what programs do to an address on its way: escapes, marks around lines, and the encodings of mail.
fn without_escapes(mut text: String) -> String {
    // Quoted-printable text (RFC 2045 section 6.7): lines end in `=`, and `=` itself is `=3D`.
    let unfolded = text.replace("=\r\n", "").replace("=\n", "");
    if ["code=3D", "state=3D"].iter().all(|encoded| unfolded.contains(encoded)) {
        text = unfolded.replace("=3D", "=");
    }
    for (escaped, plain) in ESCAPES.into_iter().chain(PASTE_MARKERS.map(|marker| (marker, " "))) {
        text = text.replace(escaped, plain);
    }
    text = text.lines().map(|line| line.trim_matches(LINE_MARKS)).collect::<Vec<_>>().join("\n");
    if !has_result(&text) && text.contains("urldefense.proofpoint.com/v2/") {
        // URL Defense writes `-` for `%` and `_` for `/`.
        text = text.replace('-', "%").replace('_', "/");
    }
    // Mail programs and search engines put the percent-encoded address into an address of their own.
    let mut decoded = text.clone();
    for _ in 0..MAX_ENCODINGS {
        if has_result(&decoded) {
            return decoded;
        }
        decoded = percent_decode_str(&decoded).decode_utf8_lossy().into_owned();
    }
    if has_result(&decoded) { decoded } else { text }
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
    // Letters of other scripts may be in an error description.
    let is_foreign_mark = |c: char| !c.is_ascii() && !c.is_alphanumeric();
    let ends_part = |c: char| c.is_whitespace() || SEPARATORS.contains(&c) || is_foreign_mark(c);
    let (mut seen, mut distinct) = (HashSet::new(), Vec::new());
    for part in text.split_inclusive(ends_part) {
        // Punctuation is removed only from the last parameter of an address.
        let part = part
            .strip_suffix('&')
            .unwrap_or_else(|| part.trim_end_matches(ends_part).trim_end_matches(TRAILING_PUNCTUATION));
        for (name, value) in parse(part.as_bytes()) {
            // A line break or quote that was encoded with the address.
            let value = value.trim_matches(|c: char| c.is_whitespace() || is_invisible(c) || c == '"').to_owned();
            let parameter: (Cow<'_, str>, Cow<'_, str>) = (name, Cow::Owned(value));
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

/// Reads each word with a result as an address: an earlier address may be in the text, too. Each must be a response, and
/// their states must differ: two codes for one state cannot be told apart.
fn of_each_word(words: &[&str]) -> Option<Vec<AuthorizationResponse>> {
    let mut seen = HashSet::new();
    let addresses = words.iter().filter(|word| has_result(word) && seen.insert(**word)).take(MAX_READINGS);
    let readings = addresses.map(|word| of_address(word).ok()).collect::<Option<Vec<_>>>()?;
    let states = readings.iter().map(|reading| reading.state.expose_secret()).collect::<HashSet<&str>>().len();
    (states > 0 && states == readings.len()).then_some(readings)
}

/// Reads names and their values, as in JSON and in the developer tools of browsers.
fn of_labels(text: &str) -> Option<AuthorizationResponse> {
    let ends_word = |c: char| c.is_whitespace() || LABEL_MARKS.contains(&c);
    let words: Vec<&str> = text.split(ends_word).filter(|word| !word.is_empty()).collect();
    let parameters = words.windows(2).filter_map(|pair| match *pair {
        [name, value] if LABELS.contains(&name) => Some((Cow::Borrowed(name), Cow::Borrowed(value))),
        _ => None,
    });
    let response = AuthorizationResponse::from_parameters(parameters).ok()?;
    (response.state.expose_secret().len() == STATE_CHARS).then_some(response)
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
