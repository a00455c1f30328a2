//! The ids of input items. The backend stores nothing under them, but refuses a request with an id that is not in its
//! own form. Some ids that it creates have hundreds of characters, and it refuses those too.

use std::collections::{HashMap, hash_map::Entry};

use super::{InvalidRequest, json_writer::JsonWriter, members::Members, raw_json::List};

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

/// Returns the items of a JSON array, separated by commas, without repeated ids, which the backend refuses. Leaves out
/// an item that is repeated as a whole, and one that may not be sent without its id.
pub(super) fn without_repeated(array: &str) -> Result<String, InvalidRequest> {
    let (mut seen, mut out) = (HashMap::new(), JsonWriter::default());
    List::of_json(array).each_raw(|raw, path| {
        let mut item = Members::of(raw, path)?;
        let kind = item.word("type");
        match item.word("id").filter(|_| is_own(kind.as_deref())).map(|id| seen.entry(id)) {
            None => out.item(raw),
            Some(Entry::Vacant(entry)) => {
                entry.insert(raw.get());
                out.item(raw);
            }
            Some(Entry::Occupied(first)) if *first.get() != raw.get() && is_optional(kind.as_deref()) => {
                let _repeated = item.take("id");
                out.begin_object();
                item.write(&mut out);
                out.end_object();
            }
            Some(Entry::Occupied(_)) => {}
        }
        Ok(())
    })?;
    Ok(out.into_text())
}

/// Whether the `id` of an item of this type is its own. The one of a local shell output may be that of its call.
fn is_own(kind: Option<&str>) -> bool {
    kind != Some("local_shell_call_output")
}

/// Whether an item with a repeated id is sent without it. Outputs always are, because their calls need them. Two
/// items of reasoning with one id are two states of the same reasoning.
fn is_optional(kind: Option<&str>) -> bool {
    kind != Some("reasoning") && (prefix(kind).is_some() || kind.is_some_and(|kind| kind.ends_with("_output")))
}
