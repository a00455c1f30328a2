//! The names of called tools. Conversations that began with another model may have names that the backend refuses.

use std::borrow::Cow;

use super::raw_json::Text;

/// The name of a call without a name.
const UNNAMED: &str = "unnamed";

/// Returns `name`, with `_` in place of each character that the backend refuses. A call and its output are matched by
/// their id, so another name loses nothing.
pub(super) fn accepted(name: Text<'_>) -> Text<'_> {
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    let plain = name.clone().unescaped();
    let accepted: Cow<'_, str> = match &*plain {
        "" => UNNAMED.into(),
        plain if plain.chars().all(is_allowed) => return name,
        plain => plain.chars().map(|char| if is_allowed(char) { char } else { '_' }).collect::<String>().into(),
    };
    Text::from_plain(&accepted)
}
