//! The ids of items in an input. The backend stores nothing under them, but it refuses a request with an id that is not
//! in the form of its own; and it gives some items ids of hundreds of characters, which it refuses when they come back.

use super::members::Members;

/// The maximum length of an id at the backend, in bytes.
const MAX_BYTES: usize = 64;

/// Returns the prefix of the ids of items of this type; None if an item needs its id, or if the prefix is not known.
fn prefix(kind: Option<&str>) -> Option<&'static str> {
    match kind {
        None | Some("message") => Some("msg"),
        Some("reasoning") => Some("rs"),
        Some("function_call") => Some("fc"),
        Some("function_call_output" | "custom_tool_call" | "custom_tool_call_output") => Some(""),
        Some(_) => None,
    }
}

/// Whether the backend accepts an id in an item of this type.
pub(super) fn is_accepted(kind: Option<&str>, id: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    prefix(kind).is_none_or(|prefix| {
        id.starts_with(prefix) && !id.is_empty() && id.len() <= MAX_BYTES && id.bytes().all(is_known)
    })
}

/// Removes an id that the backend refuses. Returns whether there was one.
pub(super) fn leave_out_refused(item: &mut Members<'_>) -> bool {
    let kind = item.word("type");
    let is_refused = item.word("id").is_some_and(|id| !is_accepted(kind.as_deref(), &id));
    is_refused && item.take("id").is_some()
}
