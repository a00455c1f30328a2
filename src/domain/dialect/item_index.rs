//! The item that an event is about. Some events have no `output_index`.

use std::collections::HashMap;

use serde_json::Value;

use super::event::BackendEvent;

/// How many ids are remembered, and how long each may be: a stream may go on for ever.
const MAX_IDS: usize = 10_000;
const MAX_ID_BYTES: usize = 1024;

/// The items of one stream.
#[derive(Debug, Default)]
pub(super) struct ItemIndexes {
    by_id: HashMap<String, u64>,
    /// The newest item, and whether it is finished.
    newest: Option<(u64, bool)>,
}

impl ItemIndexes {
    /// Returns the index of an event's item: its `output_index`, or that of the earlier events with its id. An event
    /// with neither refers to the newest item, because items do not overlap then.
    pub(super) fn of(&mut self, event: &BackendEvent) -> u64 {
        let id = event.text("item_id").or_else(|| event.object("item")?.get("id").and_then(Value::as_str));
        let by_id = id.and_then(|id| self.by_id.get(id)).copied();
        let (newest, is_finished) = self.newest.unwrap_or((0, false));
        let begins = event.kind == "response.output_item.added" && self.newest.is_some();
        let is_another = by_id.is_none() && id.is_some() && self.by_id.values().any(|index| *index == newest);
        let next = if begins || is_finished || is_another { newest.saturating_add(1) } else { newest };
        let index = event.number("output_index").or(by_id).unwrap_or(next);
        if let (Some(id), None) = (id, by_id)
            && id.len() <= MAX_ID_BYTES
            && self.by_id.len() < MAX_IDS
        {
            self.by_id.insert(id.to_owned(), index);
        }
        let is_about_item = id.is_some() || event.kind.starts_with("response.output_item.");
        if is_about_item && self.newest.is_none_or(|(newest, _)| newest <= index) {
            self.newest = Some((index, event.kind == "response.output_item.done"));
        }
        index
    }
}
