//! Translates the events of a response to the `delta` members of chunks.
//!
//! A completion has one message, so the items of the response are joined: texts with a blank line between messages,
//! calls in their order. Summaries of the reasoning become `reasoning_content`, which is not part of this API but
//! several clients show; without summaries the member is absent.

use serde_json::Value;

use super::{
    call_deltas::CallDeltas,
    item::{Item, Part, list},
    text_deltas::{TextDeltas, TextKind},
};
use crate::domain::dialect::event::BackendEvent;

#[derive(Debug)]
pub(super) struct Deltas {
    texts: TextDeltas,
    calls: CallDeltas,
    /// The newest item, to which events without an `output_index` refer, and whether it is finished.
    newest: Option<(u64, bool)>,
    has_finished_items: bool,
}

impl Deltas {
    pub(super) fn new(as_function_call: bool) -> Self {
        Self {
            texts: TextDeltas::default(),
            calls: CallDeltas::new(as_function_call),
            newest: None,
            has_finished_items: false,
        }
    }

    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Returns the deltas of an event (OpenAI API reference, responses, streaming events).
    pub(super) fn on_event(&mut self, event: &BackendEvent) -> Vec<Value> {
        let item = self.item_of(event);
        let part = event.number("content_index").or_else(|| event.number("summary_index")).unwrap_or_default();
        let place = (item, part);
        let text = |name| event.text(name).unwrap_or_default();
        let delta = match event.kind.as_str() {
            "response.output_text.delta" => self.texts.piece(TextKind::Content, place, text("delta")),
            "response.output_text.done" => self.texts.whole(TextKind::Content, place, text("text")),
            "response.refusal.delta" => self.texts.piece(TextKind::Refusal, place, text("delta")),
            "response.refusal.done" => self.texts.whole(TextKind::Refusal, place, text("refusal")),
            "response.reasoning_summary_text.delta" => {
                self.texts.piece(TextKind::ReasoningContent, place, text("delta"))
            }
            "response.reasoning_summary_text.done" => self.texts.whole(TextKind::ReasoningContent, place, text("text")),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.calls.piece(item, text("delta"))
            }
            "response.function_call_arguments.done" => self.calls.whole(item, text("arguments")),
            "response.custom_tool_call_input.done" => self.calls.whole(item, text("input")),
            "response.output_item.added" => match event.members.get("item").map(Item::of) {
                // The id or the name of a call may follow later.
                Some(Item::Call(call)) if !call.id.is_empty() && !call.name.is_empty() => self.calls.begin(item, &call),
                Some(Item::Message(_) | Item::Reasoning(_) | Item::Call(_) | Item::Other) | None => None,
            },
            "response.output_item.done" => {
                self.has_finished_items = true;
                return event.members.get("item").map(|done| self.finish(item, Item::of(done))).unwrap_or_default();
            }
            _ => None,
        };
        delta.into_iter().collect()
    }

    /// Returns the deltas of the finished response. Its `output` counts only if no event finished an item: the items
    /// are known otherwise, and `output` may number them differently.
    pub(super) fn on_end(&mut self, response: &Value) -> Vec<Value> {
        if self.has_finished_items {
            return Vec::new();
        }
        (0..).zip(list(response, "output")).flat_map(|(index, item)| self.finish(index, Item::of(item))).collect()
    }

    /// Returns the deltas for the unsent rest of a finished item.
    fn finish(&mut self, index: u64, item: Item<'_>) -> Vec<Value> {
        match item {
            Item::Message(parts) => (0..)
                .zip(parts)
                .flat_map(|(index_in_item, part)| self.finish_part((index, index_in_item), &part))
                .collect(),
            Item::Reasoning(summaries) => (0..)
                .zip(summaries)
                .filter_map(|(part, summary)| self.texts.whole(TextKind::ReasoningContent, (index, part), summary))
                .collect(),
            Item::Call(call) => {
                [self.calls.begin(index, &call), self.calls.whole(index, call.input)].into_iter().flatten().collect()
            }
            Item::Other => Vec::new(),
        }
    }

    fn finish_part(&mut self, place: (u64, u64), part: &Part<'_>) -> Vec<Value> {
        match part {
            Part::Text { text, annotations } => {
                let rest = self.texts.whole(TextKind::Content, place, text);
                rest.into_iter().chain(self.texts.citations(place, annotations)).collect()
            }
            Part::Refusal(refusal) => self.texts.whole(TextKind::Refusal, place, refusal).into_iter().collect(),
            Part::Other => Vec::new(),
        }
    }

    /// Returns the index of an event's item. Items do not overlap, so an event without an index refers to the newest
    /// one.
    fn item_of(&mut self, event: &BackendEvent) -> u64 {
        let (newest, is_finished) = self.newest.unwrap_or((0, false));
        let begins = event.kind == "response.output_item.added" && self.newest.is_some();
        let next = if begins || is_finished { newest.saturating_add(1) } else { newest };
        let index = event.number("output_index").unwrap_or(next);
        match event.kind.as_str() {
            "response.output_item.added" => self.newest = Some((index, false)),
            "response.output_item.done" => self.newest = Some((index, true)),
            _ => {}
        }
        index
    }
}
