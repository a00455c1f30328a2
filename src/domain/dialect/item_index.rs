//! Finds the item that an event belongs to, because some events have no `output_index`.

use std::collections::HashMap;

use super::event::BackendEvent;

/// Limits on the stored ids, because a stream may have any number of ids of any length.
const MAX_IDS: usize = 10_000;
const MAX_ID_BYTES: usize = 1024;

/// The items of one stream.
#[derive(Debug, Default)]
pub(super) struct ItemIndexes {
    by_id: HashMap<String, u64>,
    newest: Option<Newest>,
}

/// The item with the highest index so far.
#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    index: u64,
    is_finished: bool,
    /// Whether `by_id` has an id for this item.
    has_id: bool,
}

impl ItemIndexes {
    /// Returns the index of an event's item: its `output_index`, or the index of earlier events with its item id.
    /// Without both, the event belongs to the newest item or begins the next one.
    pub(super) fn of(&mut self, event: &BackendEvent<'_>) -> u64 {
        let id = event.item_id();
        let by_id = id.as_deref().and_then(|id| self.by_id.get(id)).copied();
        let newest = self.newest.unwrap_or_default();
        let begins_item = event.kind == "response.output_item.added" && self.newest.is_some();
        let is_another = by_id.is_none() && id.is_some() && newest.has_id;
        let next =
            if begins_item || newest.is_finished || is_another { newest.index.saturating_add(1) } else { newest.index };
        let index = event.number("output_index").or(by_id).unwrap_or(next);
        let is_about_item = id.is_some() || event.kind.starts_with("response.output_item.");
        if is_about_item && self.newest.is_none_or(|newest| newest.index <= index) {
            let has_id = newest.has_id && newest.index == index;
            self.newest = Some(Newest { index, is_finished: event.kind == "response.output_item.done", has_id });
        }
        if let (Some(id), None) = (id, by_id)
            && id.len() <= MAX_ID_BYTES
            && self.by_id.len() < MAX_IDS
        {
            self.by_id.insert(id.into_owned(), index);
            if let Some(newest) = self.newest.as_mut().filter(|newest| newest.index == index) {
                newest.has_id = true;
            }
        }
        index
    }
}
