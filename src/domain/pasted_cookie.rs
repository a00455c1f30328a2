//! Finds a browser's cookie in a pasted text: its value alone, `name=value`, a `Cookie` header, a row of the developer
//! tools, exported JSON, or part of a curl or PowerShell command. A terminal, chat or mail program may have wrapped or
//! quoted it.
//!
//! Only the named cookie is read. The provider checks its value, so many spellings are accepted.

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    invisible::is_invisible,
    provider::ProviderType,
    secret::{InvalidSecret, MAX_PASTED_SECRET_BYTES, RefreshToken},
};

/// The maximum length of a pasted text with a cookie, in bytes. The text may have all cookies of a site.
pub const MAX_PASTED_COOKIE_BYTES: usize = 32 * 1024;

/// The characters that continue a line in a shell.
const LINE_CONTINUATIONS: [char; 3] = ['\\', '^', '`'];
const QUOTES: [char; 8] = ['"', '\'', '\u{ab}', '\u{bb}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'];
/// Characters that mail programs and text frames put around a line.
const LINE_MARKS: [char; 3] = ['>', '|', '\u{2502}'];
/// Characters around a value in a sentence or in Markdown. No value of a session cookie begins or ends in one.
const VALUE_MARKS: [char; 10] = [';', ',', '.', '`', '<', '>', '(', ')', '[', ']'];

impl RefreshToken {
    /// Finds the value of the cookie `name` in a pasted text. A text that names no cookie is taken as the value.
    ///
    /// # Errors
    /// [`InvalidSecret`], if the text is too long or lacks the cookie, or its value cannot be sent (RFC 6265, 4.1.1).
    pub fn from_pasted_cookie(text: &SecretString, name: &'static str) -> Result<Self, InvalidSecret> {
        let text = text.expose_secret();
        if text.len() > MAX_PASTED_COOKIE_BYTES {
            return Err(InvalidSecret::TooLong);
        }
        let mut text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        if text.contains(&format!("{name}%3D")) && !text.contains(&format!("{name}=")) {
            text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        }
        let value = match exported_value(&text, name) {
            Some(value) => value,
            None => match named_value(&join_wrapped_lines(&text, name), name)? {
                Some(value) => value,
                None => bare_value(&text, name)?,
            },
        };
        if value.len() > MAX_PASTED_SECRET_BYTES {
            return Err(InvalidSecret::TooLong);
        }
        Ok(Self::new(value))
    }
}

/// Whether a pasted text has `name=`, a row with the name, or the name in quotes, for the client cookie of a provider.
pub fn names_client_cookie(text: &SecretString) -> bool {
    let names =
        ProviderType::ALL.into_iter().filter_map(|known| known.descriptor().sessions.map(|sessions| sessions.cookie));
    let text = text.expose_secret();
    let forms = |name: &str| {
        [format!("{name}="), format!("{name}%3D"), format!("{name}\t"), format!("\"{name}\""), format!("'{name}'")]
    };
    names.into_iter().any(|name| forms(name).iter().any(|form| text.contains(form)))
}

/// Finds the cookie in JSON with an object for each cookie, as extensions of browsers export them.
fn exported_value(text: &str, name: &str) -> Option<String> {
    let joined: String = text.lines().map(str::trim).collect();
    let value = value_in(&serde_json::from_str(&joined).ok()?, name)?;
    first_value(&value).ok().filter(|whole| *whole == value).map(str::to_owned)
}

/// Finds the first non-empty value of the named cookie in JSON. The parser limits the depth.
fn value_in(json: &Value, name: &str) -> Option<String> {
    match json {
        Value::Array(items) => items.iter().find_map(|item| value_in(item, name)),
        Value::Object(members) => {
            let text_of = |member: &str| {
                members.iter().find(|(key, _)| key.eq_ignore_ascii_case(member)).and_then(|(_, value)| value.as_str())
            };
            let own = text_of("value").filter(|value| !value.is_empty() && text_of("name") == Some(name));
            own.map(str::to_owned).or_else(|| members.values().find_map(|member| value_in(member, name)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Joins wrapped lines, even within a value. A line stays separate if the line before it ends with a quote, or with a
/// space and a line continuation, or if it begins with a header's name or the cookie's.
fn join_wrapped_lines(text: &str, name: &str) -> String {
    let mut all = String::new();
    for line in text.lines().map(without_marks) {
        let before = all.trim_end_matches(LINE_CONTINUATIONS);
        let is_whole = before.ends_with(QUOTES) || before.ends_with(' ');
        let is_new = is_whole || begins_header(line) || line.starts_with(name);
        all.truncate(before.trim_end().len());
        if is_new {
            all.push('\n');
        }
        all.push_str(line);
    }
    all
}

/// Removes white space and [`LINE_MARKS`] around a line.
fn without_marks(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || LINE_MARKS.contains(&c))
}

/// Whether a line begins with the name of a header field.
fn begins_header(line: &str) -> bool {
    let name = line.split_once(':').map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'))
}

/// Returns the first non-empty value of the named cookie; None if the name is empty, which would be found everywhere.
fn named_value<'a>(text: &'a str, name: &str) -> Result<Option<String>, InvalidSecret> {
    if name.is_empty() {
        return Ok(None);
    }
    let value_after = |(at, found): (usize, &'a str)| {
        let (before, rest) = text.split_at(at);
        let is_part = before.ends_with(|c: char| c.is_ascii_alphanumeric() || "_-.%".contains(c));
        let quoted = rest.strip_prefix(found)?;
        let rest = quoted.trim_start_matches(QUOTES);
        // The developer tools of browsers copy `name<tab>value` and `name:"value"`, for PowerShell `"name", "value"`.
        let is_separator = |c: char| matches!(c, '=' | ':' | '\t') || (c == ',' && rest.len() < quoted.len());
        rest.trim_start_matches(' ').strip_prefix(is_separator).filter(|_| !is_part)
    };
    for rest in text.match_indices(name).filter_map(value_after) {
        let value = first_value(rest)?;
        if !value.is_empty() {
            return Ok(Some(value.to_owned()));
        }
    }
    Ok(None)
}

/// Reads a value up to the character that ends it.
fn first_value(text: &str) -> Result<&str, InvalidSecret> {
    let text = text.trim_start_matches([' ', '\\', '^']).trim_start_matches(QUOTES);
    let end = text.find(|c: char| c.is_whitespace() || QUOTES.contains(&c) || ";,\\".contains(c));
    let (value, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    // A space either ends the value or comes from a wrapped line. The two cannot be told apart, so the text is refused.
    let follows = rest.trim_start_matches([' ', '\\', '^']);
    let is_inside = rest.starts_with(' ') && follows.starts_with(|c: char| !c.is_whitespace() && !"-;'\"".contains(c));
    let value = value.trim_end_matches(|c: char| c == '^' || VALUE_MARKS.contains(&c));
    if is_inside || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidSecret::NotHeaderSafe);
    }
    Ok(value)
}

/// Reads the whole text as the cookie's value. Refuses a text that has other cookies.
fn bare_value(text: &str, name: &'static str) -> Result<String, InvalidSecret> {
    let value: String = text.lines().map(|line| without_marks(line).trim_end_matches(LINE_CONTINUATIONS)).collect();
    let value = value.trim_matches(|c: char| c.is_whitespace() || VALUE_MARKS.contains(&c) || QUOTES.contains(&c));
    if value.is_empty() {
        return Err(InvalidSecret::Empty);
    }
    // The text is another cookie, or several.
    let is_other = value.contains('=') && (value.contains(';') || value.starts_with("__"));
    if is_other || value.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("cookie:")) {
        return Err(InvalidSecret::OtherCookie(name));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidSecret::NotHeaderSafe);
    }
    if value.contains(['"', ',', ';', '\\']) {
        return Err(InvalidSecret::NotCookieSafe);
    }
    Ok(value.to_owned())
}
