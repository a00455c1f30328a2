//! The ids of input items. The backend stores nothing under them, but refuses a request with an id that is not in its
//! own form. Some ids that it creates have hundreds of characters, and it refuses those too.

use super::members::Members;

/// The maximum length of an id at the backend, in bytes.
const MAX_BYTES: usize = 64;

/// Returns the prefix that ids of items of this type must have. Returns None if the prefix is unknown or the item needs
/// its id.
fn prefix(kind: Option<&str>) -> Option<&'static str> {
    match kind {
        None | Some("message") => Some("msg"),
        Some("reasoning") => Some("rs"),
        Some("function_call" | "function_call_output") => Some("fc"),
        Some("custom_tool_call" | "custom_tool_call_output") => Some("ctc"),
        Some(_) => None,
    }
}

/// Whether an item of this type may be sent without its id. Reasoning is not repeated without it.
pub(super) fn is_optional(kind: Option<&str>) -> bool {
    prefix(kind).is_some() && kind != Some("reasoning")
}

/// Whether the backend accepts this id for an item of this type.
pub(super) fn is_accepted(kind: Option<&str>, id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    prefix(kind).is_none_or(|prefix| {
        id.starts_with(prefix) && !id.is_empty() && id.len() <= MAX_BYTES && id.bytes().all(is_allowed)
    })
}

/// Removes the id if the backend refuses it. Returns whether it was removed.
pub(super) fn remove_refused(item: &mut Members<'_>) -> bool {
    let kind = item.word("type");
    let is_refused = item.word("id").is_some_and(|id| !is_accepted(kind.as_deref(), &id));
    is_refused && item.take("id").is_some()
}
