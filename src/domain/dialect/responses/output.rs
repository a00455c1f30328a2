//! Collects the output of a response from its events, because the backend's last event may have no output. Items are
//! stored as text: parsed values (`serde_json::Value`) take many times the memory.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value, json};

use crate::domain::dialect::{event::BackendEvent, item_index::ItemIndexes, surrogates::HeldHalf};

/// The maximum size of the collected output, in bytes. The output of a longer response is not collected.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The memory that an item or a text takes besides its bytes.
const OVERHEAD_BYTES: usize = 256;

/// The items of one response by index.
#[derive(Debug, Default)]
pub(super) struct Output {
    indexes: ItemIndexes,
    finished: BTreeMap<u64, String>,
    /// Items that have started. They are used only if they never finish.
    started: BTreeMap<u64, StartedItem>,
    bytes: usize,
}

/// The kind of a text. It decides which member of the item has the text.
#[derive(Debug, Clone, Copy)]
enum TextKind {
    Text,
    Refusal,
    Summary,
    Arguments,
    Input,
}

#[derive(Debug, Default)]
struct StartedItem {
    /// The item of `response.output_item.added`, as JSON.
    item: String,
    /// The `item_id` of the events with the item's text.
    id: Option<String>,
    texts: BTreeMap<u64, StartedText>,
}

#[derive(Debug)]
struct StartedText {
    kind: TextKind,
    text: String,
    half: HeldHalf,
}

impl Output {
    /// Adds the part of the output that an event contains.
    pub(super) fn add(&mut self, event: &BackendEvent<'_>) {
        let index = self.indexes.of(event);
        match &*event.kind {
            "response.output_item.added" => {
                if let Some(item) = event.json("item").map(Cow::into_owned) {
                    self.count_bytes(item.len());
                    self.started.entry(index).or_default().item = item;
                }
            }
            "response.output_item.done" => {
                self.started.remove(&index);
                if let Some(item) = event.json("item").map(Cow::into_owned) {
                    self.count_bytes(item.len());
                    self.finished.insert(index, item);
                }
            }
            _ => self.add_text(index, event),
        }
        if self.bytes > MAX_BYTES {
            self.finished.clear();
            self.started.clear();
        }
    }

    fn count_bytes(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(OVERHEAD_BYTES);
    }

    fn add_text(&mut self, index: u64, event: &BackendEvent<'_>) {
        let (kind, whole) = match &*event.kind {
            "response.output_text.delta" => (TextKind::Text, None),
            "response.output_text.done" => (TextKind::Text, event.text("text")),
            "response.refusal.delta" => (TextKind::Refusal, None),
            "response.refusal.done" => (TextKind::Refusal, event.text("refusal")),
            "response.reasoning_summary_text.delta" => (TextKind::Summary, None),
            "response.reasoning_summary_text.done" => (TextKind::Summary, event.text("text")),
            "response.function_call_arguments.delta" => (TextKind::Arguments, None),
            "response.function_call_arguments.done" => (TextKind::Arguments, event.text("arguments")),
            "response.custom_tool_call_input.delta" => (TextKind::Input, None),
            "response.custom_tool_call_input.done" => (TextKind::Input, event.text("input")),
            _ => return,
        };
        let piece = if event.kind.ends_with(".delta") { event.text_json("delta") } else { None };
        if self.finished.contains_key(&index) {
            return;
        }
        let part = event.number("content_index").or_else(|| event.number("summary_index")).unwrap_or_default();
        let started = self.started.entry(index).or_default();
        let mut added = piece.map_or(0, str::len) + whole.as_ref().map_or(0, |whole| whole.len());
        if started.id.is_none()
            && let Some(id) = event.text("item_id")
        {
            added += id.len() + OVERHEAD_BYTES;
            started.id = Some(id.into_owned());
        }
        let so_far = started.texts.entry(part).or_insert_with(|| {
            added += OVERHEAD_BYTES;
            StartedText { kind, text: String::new(), half: HeldHalf::default() }
        });
        if let Some(whole) = whole {
            *so_far = StartedText { kind: so_far.kind, text: whole.into_owned(), half: HeldHalf::default() };
        } else if let Some(piece) = piece {
            so_far.text.push_str(&so_far.half.join(piece));
        }
        self.bytes = self.bytes.saturating_add(added);
    }

    /// Returns the items as a JSON array and clears them. `status` becomes the status of unfinished items.
    pub(super) fn take(&mut self, status: &str) -> String {
        let mut items = std::mem::take(&mut self.finished);
        for (index, started) in std::mem::take(&mut self.started) {
            if let Some(item) = started.into_item(status) {
                items.insert(index, item.to_string());
            }
        }
        let items: Vec<String> = items.into_values().collect();
        format!("[{}]", items.join(","))
    }
}

impl StartedItem {
    /// Returns the item with the text received so far; None if it is a call without a name, or any other item without
    /// text. A call without arguments has no text.
    fn into_item(self, status: &str) -> Option<Value> {
        let Self { item, id, texts } = self;
        let mut item: Map<String, Value> = serde_json::from_str(&item).unwrap_or_default();
        if let Some(id) = id {
            item.entry("id").or_insert_with(|| id.into());
        }
        let Some(first) = texts.values().next().map(|text| text.kind) else {
            let member = match item.get("type").and_then(Value::as_str) {
                Some("function_call") => "arguments",
                Some("custom_tool_call") => "input",
                _ => return None,
            };
            item.entry(member).or_insert_with(|| "".into());
            item.insert("status".to_owned(), status.into());
            return item.contains_key("name").then_some(Value::Object(item));
        };
        let (item_type, member) = match first {
            TextKind::Text | TextKind::Refusal => ("message", "content"),
            TextKind::Summary => ("reasoning", "summary"),
            TextKind::Arguments => ("function_call", "arguments"),
            TextKind::Input => ("custom_tool_call", "input"),
        };
        if matches!(first, TextKind::Arguments | TextKind::Input) && !item.contains_key("name") {
            return None;
        }
        let is_list = matches!(member, "content" | "summary");
        let parts: Vec<Value> = texts.into_values().map(StartedText::into_part).collect();
        let content = if is_list { Value::Array(parts) } else { parts.into_iter().next().unwrap_or_default() };
        item.insert(member.to_owned(), content);
        item.entry("type").or_insert_with(|| item_type.into());
        if item_type == "message" {
            item.entry("role").or_insert_with(|| "assistant".into());
        }
        if item_type != "reasoning" {
            item.insert("status".to_owned(), status.into());
        }
        Some(Value::Object(item))
    }
}

impl StartedText {
    fn into_part(self) -> Value {
        let Self { kind, mut text, mut half } = self;
        text.push_str(half.rest().unwrap_or_default());
        match kind {
            TextKind::Text => json!({"type": "output_text", "text": text, "annotations": []}),
            TextKind::Refusal => json!({"type": "refusal", "refusal": text}),
            TextKind::Summary => json!({"type": "summary_text", "text": text}),
            TextKind::Arguments | TextKind::Input => Value::String(text),
        }
    }
}
