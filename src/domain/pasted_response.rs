//! The authorization response in what a person pasted: usually the address that the browser ended at, as it came through
//! a terminal, a chat or a mail.
//!
//! What authenticates a response is its `state`, which only the browser of this login has seen. Scheme, host, port and
//! path prove nothing, and the address is never fetched, so they are ignored.

use form_urlencoded::parse;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::authorization_response::{AuthorizationResponse, InvalidRedirect, MAX_REDIRECT_BYTES};

/// What turns an `&` into something else: HTML, JSON, and the shells of Windows and Unix.
const ESCAPED: [(&str, &str); 5] = [("&amp;", "&"), ("&#38;", "&"), (r"\u0026", "&"), ("^&", "&"), ("\\", "")];
/// What may stand around an address or between two, and never in one.
const SEPARATORS: [char; 8] = ['?', '#', '&', '"', '<', '>', '`', '|'];
/// What may follow an address in a sentence, and ends neither a code nor a state.
const TRAILING: [char; 10] = [',', ';', '.', ':', '!', ')', ']', '}', '\'', '*'];

impl AuthorizationResponse {
    /// Finds the response in a pasted text: an address with anything around it, its query alone, or code and state
    /// separated by white space or `#`. Identical repeats count once.
    ///
    /// White space may be where an address was wrapped, also inside the code, or may end it. Returns the first reading,
    /// then the second if its state differs; the right one has the state of a login.
    ///
    /// # Errors
    /// [`InvalidRedirect`], if no reading is a response.
    pub fn from_pasted(text: &SecretString) -> Result<Vec<Self>, InvalidRedirect> {
        let text = text.expose_secret();
        if text.len() > MAX_REDIRECT_BYTES {
            return Err(InvalidRedirect::TooLong);
        }
        let mut text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        for (escaped, plain) in ESCAPED {
            text = text.replace(escaped, plain);
        }
        let unwrapped: String = text.split_whitespace().collect();
        if !["code=", "state=", "error="].iter().any(|name| unwrapped.contains(name)) {
            return Ok(vec![of_two_words(&text)?]);
        }
        let (unwrapped, words) = (of_address(&unwrapped), of_address(&text));
        match (unwrapped, words) {
            (Ok(unwrapped), Ok(words)) if unwrapped.state.digest() != words.state.digest() => {
                Ok(vec![unwrapped, words])
            }
            (Ok(reading), _) | (Err(_), Ok(reading)) => Ok(vec![reading]),
            (Err(error), Err(_)) => Err(error),
        }
    }
}

/// Reads the parameters of an address. White space separates them like any other character that is in no address.
fn of_address(text: &str) -> Result<AuthorizationResponse, InvalidRedirect> {
    let text = text.replace("http://", "&").replace("https://", "&");
    let parts = text.split(|c: char| c.is_whitespace() || SEPARATORS.contains(&c));
    let mut distinct = Vec::new();
    for parameter in parts.map(|part| part.trim_end_matches(TRAILING)).flat_map(|part| parse(part.as_bytes())) {
        if !distinct.contains(&parameter) {
            distinct.push(parameter);
        }
    }
    AuthorizationResponse::from_parameters(distinct.into_iter())
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

/// Byte order marks, joiners, marks of direction and soft hyphens. White space separates words.
pub(super) fn is_invisible(c: char) -> bool {
    let is_control = c.is_control() && !c.is_whitespace();
    is_control
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
