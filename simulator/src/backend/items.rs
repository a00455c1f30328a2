//! Adds the items of a response's output, each with its added, delta and done events.

use serde_json::{Value, json};

use super::events::Events;
use crate::{
    model::{Call, json_pieces},
    provider::random_text,
};

/// The summary of the model's reasoning.
const SUMMARY: [&str; 3] = ["Thinking ", "about ", "it."];

/// A message's content part and the events that stream it.
struct Part {
    kind: &'static str,
    /// The member that holds the text.
    member: &'static str,
    delta: &'static str,
    done: &'static str,
}

const TEXT: Part = Part {
    kind: "output_text",
    member: "text",
    delta: "response.output_text.delta",
    done: "response.output_text.done",
};

const REFUSAL: Part =
    Part { kind: "refusal", member: "refusal", delta: "response.refusal.delta", done: "response.refusal.done" };

impl Part {
    /// Returns the part with this text.
    fn with_text(&self, text: &str) -> Value {
        let mut part = json!({"type": self.kind, self.member: text});
        if let Some(part) = part.as_object_mut().filter(|_| self.kind == TEXT.kind) {
            part.insert("annotations".to_owned(), json!([]));
        }
        part
    }
}

/// Adds an assistant message, streamed in these pieces.
pub(super) fn message(events: &mut Events, pieces: &[String]) {
    message_of(&TEXT, events, pieces, "completed");
}

/// Adds an unfinished message.
pub(super) fn unfinished_message(events: &mut Events, pieces: &[String]) {
    message_of(&TEXT, events, pieces, "incomplete");
}

/// Adds a refusal by the model.
pub(super) fn refusal(events: &mut Events, pieces: &[String]) {
    message_of(&REFUSAL, events, pieces, "completed");
}

fn message_of(part: &Part, events: &mut Events, pieces: &[String], status: &str) {
    let id = format!("msg_{}", random_text());
    let item = |status: &str, content: Value| {
        let (kind, role) = ("message", "assistant");
        json!({"id": id, "type": kind, "role": role, "status": status, "content": content})
    };
    let place = |member: &str, value: Value| json!({"content_index": 0, member: value});
    let text = pieces.concat();
    events.push_item_added(item("in_progress", json!([])));
    events.push_item_event(&id, "response.content_part.added", place("part", part.with_text("")));
    for piece in pieces {
        events.push_item_event(&id, part.delta, place("delta", json!(piece)));
    }
    events.push_item_event(&id, part.done, place(part.member, json!(text)));
    events.push_item_event(&id, "response.content_part.done", place("part", part.with_text(&text)));
    events.push_item_done(item(status, json!([part.with_text(&text)])));
}

/// Adds reasoning: a summary in clear text and an encrypted part, each only if it is requested.
pub(super) fn reasoning(events: &mut Events, is_summarized: bool, has_encrypted_content: bool) {
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let id = format!("rs_{}", random_text());
    let encrypted = has_encrypted_content.then(|| format!("gAAAAA{}", random_text()));
    let item = |summary: Value| match &encrypted {
        Some(encrypted) => json!({"id": id, "type": "reasoning", "summary": summary, "encrypted_content": encrypted}),
        None => json!({"id": id, "type": "reasoning", "summary": summary}),
    };
    events.push_item_added(item(json!([])));
    if !is_summarized {
        return events.push_item_done(item(json!([])));
    }
    let place = |member: &str, value: Value| json!({"summary_index": 0, member: value});
    let text = SUMMARY.concat();
    events.push_item_event(&id, "response.reasoning_summary_part.added", place("part", part("")));
    for piece in SUMMARY {
        events.push_item_event(&id, "response.reasoning_summary_text.delta", place("delta", json!(piece)));
    }
    events.push_item_event(&id, "response.reasoning_summary_text.done", place("text", json!(text)));
    events.push_item_event(&id, "response.reasoning_summary_part.done", place("part", part(&text)));
    events.push_item_done(item(json!([part(&text)])));
}

/// Adds a call of one of the request's functions.
pub(super) fn function_call(events: &mut Events, call: &Call) {
    let id = format!("fc_{}", random_text());
    let item = |status: &str, arguments: &str| {
        let (kind, call_id, name) = ("function_call", &call.id, &call.name);
        json!({"id": id, "type": kind, "status": status, "arguments": arguments, "call_id": call_id, "name": name})
    };
    events.push_item_added(item("in_progress", ""));
    for piece in json_pieces(&call.arguments) {
        events.push_item_event(&id, "response.function_call_arguments.delta", json!({"delta": piece}));
    }
    events.push_item_event(&id, "response.function_call_arguments.done", json!({"arguments": call.arguments}));
    events.push_item_done(item("completed", &call.arguments));
}

/// Adds a call of a tool whose input is not JSON.
pub(super) fn custom_tool_call(events: &mut Events, name: &str, input: &[String]) {
    let (id, call_id) = (format!("ctc_{}", random_text()), format!("call_{}", random_text()));
    let item = |status: &str, input: &str| {
        let kind = "custom_tool_call";
        json!({"id": id, "type": kind, "status": status, "call_id": call_id, "name": name, "input": input})
    };
    events.push_item_added(item("in_progress", ""));
    for piece in input {
        events.push_item_event(&id, "response.custom_tool_call_input.delta", json!({"delta": piece}));
    }
    events.push_item_event(&id, "response.custom_tool_call_input.done", json!({"input": input.concat()}));
    events.push_item_done(item("completed", &input.concat()));
}

/// Adds a web search by the backend.
pub(super) fn web_search(events: &mut Events, query: &str) {
    let id = format!("ws_{}", random_text());
    events.push_item_added(json!({"id": id, "type": "web_search_call", "status": "in_progress"}));
    for kind in [
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
    ] {
        events.push_item_event(&id, kind, json!({}));
    }
    let action = json!({"type": "search", "query": query});
    events.push_item_done(json!({"id": id, "type": "web_search_call", "status": "completed", "action": action}));
}

/// Returns an item that stands for a compacted conversation.
pub(super) fn compacted() -> Value {
    let (id, encrypted) = (format!("cmp_{}", random_text()), format!("gAAAAA{}", random_text()));
    json!({"id": id, "type": "compaction", "encrypted_content": encrypted})
}

/// Adds a compacted conversation.
pub(super) fn compaction(events: &mut Events) {
    let item = compacted();
    events.push_item_added(item.clone());
    events.push_item_done(item);
}

/// An image of one pixel, as a PNG in base64.
const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Adds an image for this prompt, with the parameters of the request's image tool.
pub(super) fn image(events: &mut Events, prompt: &str, tool: &Value) {
    let id = format!("ig_{}", random_text());
    events.push_item_added(json!({"id": id, "type": "image_generation_call", "status": "in_progress"}));
    for kind in ["response.image_generation_call.in_progress", "response.image_generation_call.generating"] {
        events.push_item_event(&id, kind, json!({}));
    }
    let mut item = json!({
        "id": id,
        "type": "image_generation_call",
        "status": "completed",
        "action": "generate",
        "result": IMAGE,
        "revised_prompt": prompt,
    });
    let chosen = |name: &str, default: &str| tool.get(name).cloned().unwrap_or_else(|| json!(default));
    if let Some(item) = item.as_object_mut() {
        for (name, default) in
            [("background", "opaque"), ("output_format", "png"), ("quality", "medium"), ("size", "1024x1024")]
        {
            item.insert(name.to_owned(), chosen(name, default));
        }
    }
    events.push_item_done(item);
}

/// Adds an unknown item with unknown events.
pub(super) fn unknown_events(events: &mut Events) {
    let id = format!("tp_{}", random_text());
    let item = json!({"id": id, "type": "telepathy_call", "status": "completed", "thought": {"of": ["nobody"]}});
    events.push("codex.telepathy", json!({"nested": {"deeply": [1, null]}}));
    events.push_item_added(item.clone());
    events.push_item_event(&id, "response.telepathy_call.delta", json!({"delta": 7}));
    events.push_item_done(item);
}
