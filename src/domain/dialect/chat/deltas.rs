//! Translates the events of a response to the `delta` members of chunks.
//!
//! A completion has one message, so the items of the response are joined: texts with a blank line between messages,
//! calls in their order. Reasoning summaries become `reasoning_content` and `reasoning`, and generated images become
//! `images`. OpenAI's API lacks these members, but clients show them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    ChatOptions,
    call_deltas::CallDeltas,
    call_reasoning::{CallReasoning, ReasonedCall},
    item::{Item, Part, list},
    text_deltas::{Place, TextDeltas, TextKind},
};
use crate::domain::dialect::{event::BackendEvent, item_index::ItemIndexes};

/// The empty string as JSON.
const EMPTY: &str = r#""""#;

/// The part in which the clear text of a reasoning item begins. Its summaries have smaller numbers.
const FIRST_REASONING_TEXT: u64 = 1 << 32;

/// The maximum number of texts and calls in a response.
const MAX_PARTS: usize = 10_000;

/// The index of the first item that only the last event has. No streamed item has such a high index.
const LATE_ITEMS: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct Deltas {
    texts: TextDeltas,
    calls: CallDeltas,
    reasoning: CallReasoning,
    /// The number of images that were sent.
    images: usize,
    indexes: ItemIndexes,
    /// The indexes of the messages so far.
    messages: HashSet<u64>,
    has_finished_items: bool,
}

impl Deltas {
    pub(super) fn new(options: &ChatOptions) -> Self {
        Self {
            texts: TextDeltas::new(options.stop.clone()),
            calls: CallDeltas::new(options.wants_function_call),
            reasoning: CallReasoning::default(),
            images: 0,
            indexes: ItemIndexes::default(),
            messages: HashSet::new(),
            has_finished_items: false,
        }
    }

    pub(super) fn has_calls(&self) -> bool {
        self.calls.len() > 0
    }

    /// Whether the response has more texts and calls than [`MAX_PARTS`].
    pub(super) fn has_too_many_parts(&self) -> bool {
        self.texts.len().max(self.messages.len()) + self.calls.len() > MAX_PARTS
    }

    /// Whether a stop sequence has ended the content.
    pub(super) fn has_stopped(&self) -> bool {
        self.texts.has_stopped()
    }

    /// Takes the finished response's calls that follow reasoning.
    pub(super) fn take_reasoned_calls(&mut self) -> Vec<ReasonedCall> {
        self.reasoning.take()
    }

    /// Returns the deltas of an event (OpenAI API reference, responses, streaming events).
    pub(super) fn on_event(&mut self, event: &BackendEvent<'_>) -> Vec<Value> {
        let item = self.indexes.of(event);
        let part = event.number("content_index").or_else(|| event.number("summary_index")).unwrap_or_default();
        let place = (item, part);
        let text = |name| event.text(name).unwrap_or_default();
        let piece = event.text_json("delta").unwrap_or(EMPTY);
        if event.kind.starts_with("response.output_text.") || event.kind.starts_with("response.refusal.") {
            self.messages.insert(item);
        }
        let delta = match &*event.kind {
            "response.output_text.delta" => self.texts.piece(TextKind::Content, place, piece),
            "response.output_text.done" => self.texts.whole(TextKind::Content, place, &text("text")),
            "response.refusal.delta" => self.texts.piece(TextKind::Refusal, place, piece),
            "response.refusal.done" => self.texts.whole(TextKind::Refusal, place, &text("refusal")),
            "response.reasoning_summary_text.delta" => self.texts.piece(TextKind::ReasoningContent, place, piece),
            "response.reasoning_summary_text.done" => {
                self.texts.whole(TextKind::ReasoningContent, place, &text("text"))
            }
            "response.reasoning_text.delta" => {
                self.texts.piece(TextKind::ReasoningContent, reasoning_text_place(item, part), piece)
            }
            "response.reasoning_text.done" => {
                self.texts.whole(TextKind::ReasoningContent, reasoning_text_place(item, part), &text("text"))
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.calls.piece(item, piece)
            }
            "response.function_call_arguments.done" => self.calls.whole(item, &text("arguments")),
            "response.custom_tool_call_input.done" => self.calls.whole(item, &text("input")),
            "response.output_item.added" => match event.tree("item").as_ref().map(Item::of) {
                // A call without an id or name begins later, when its item is finished.
                Some(Item::Call(call)) if !call.id.is_empty() && !call.name.is_empty() => self.calls.begin(item, &call),
                Some(Item::Message(_) | Item::Reasoning(_) | Item::Call(_) | Item::Image(_) | Item::Other) | None => {
                    None
                }
            },
            "response.output_item.done" => {
                self.has_finished_items = true;
                let Some(done) = event.tree("item") else { return Vec::new() };
                let done = Item::of(&done);
                if matches!(done, Item::Message(_)) {
                    self.messages.insert(item);
                }
                return self.finish(item, done);
            }
            _ => None,
        };
        delta.into_iter().collect()
    }

    /// Returns the remaining deltas at the end of a response.
    pub(super) fn on_end(&mut self, response: &Value) -> Vec<Value> {
        let output = list(response, "output");
        let mut deltas = if self.has_finished_items {
            self.late_items(output)
        } else {
            (0..).zip(output).flat_map(|(index, item)| self.finish(index, Item::of(item))).collect()
        };
        deltas.extend(self.calls.rest());
        deltas.extend(self.texts.rest());
        deltas
    }

    /// Returns the deltas of the messages, calls and images in `output` that no event had. Compares only their number:
    /// `output` may lack the reasoning, and number or name the items differently.
    fn late_items(&mut self, output: &[Value]) -> Vec<Value> {
        let (mut messages, mut calls, mut images) = (self.messages.len(), self.calls.len(), self.images);
        let mut deltas = Vec::new();
        for (index, item) in (LATE_ITEMS..).zip(output) {
            let item = Item::of(item);
            let streamed = match item {
                Item::Message(_) => &mut messages,
                Item::Call(_) => &mut calls,
                Item::Image(_) => &mut images,
                Item::Reasoning(_) | Item::Other => continue,
            };
            match streamed.checked_sub(1) {
                Some(rest) => *streamed = rest,
                None => deltas.extend(self.finish(index, item)),
            }
        }
        deltas
    }

    /// Returns the deltas for the unsent rest of a finished item.
    fn finish(&mut self, index: u64, item: Item<'_>) -> Vec<Value> {
        match item {
            Item::Message(parts) => (0..)
                .zip(parts)
                .flat_map(|(index_in_item, part)| self.finish_part((index, index_in_item), &part))
                .collect(),
            Item::Reasoning(reasoning) => {
                self.reasoning.note_reasoning(reasoning.id, reasoning.encrypted_content);
                let summaries = (0..).zip(reasoning.summaries).map(|(part, text)| ((index, part), text));
                let texts = (0..).zip(reasoning.texts).map(|(part, text)| (reasoning_text_place(index, part), text));
                summaries
                    .chain(texts)
                    .filter_map(|(place, text)| self.texts.whole(TextKind::ReasoningContent, place, text))
                    .collect()
            }
            Item::Call(call) => {
                self.reasoning.note_call(call.id);
                [self.calls.begin(index, &call), self.calls.whole(index, call.input)].into_iter().flatten().collect()
            }
            Item::Image(url) => {
                let index = self.images;
                self.images += 1;
                vec![json!({"images": [{"index": index, "type": "image_url", "image_url": {"url": url}}]})]
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
}

/// Returns the place of a part of a reasoning item's clear text.
fn reasoning_text_place(item: u64, part: u64) -> Place {
    (item, part.saturating_add(FIRST_REASONING_TEXT))
}
