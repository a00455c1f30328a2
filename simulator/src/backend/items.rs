//! The items of a response's output, each with the events it is announced, streamed and finished with.

use serde_json::{Value, json};

use super::events::Events;
use crate::{
    model::{Call, json_pieces},
    provider::random_text,
};

/// How the model sums up what it thought, before it speaks.
const SUMMARY: [&str; 3] = ["Thinking ", "about ", "it."];

/// A message of the assistant, streamed in these pieces.
pub(super) fn message(events: &mut Events, pieces: &[String]) {
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let id = format!("msg_{}", random_text());
    let item = |status: &str, content: Value| json!({"id": id, "type": "message", "role": "assistant", "status": status, "content": content});
    let place = |member: &str, value: Value| json!({"content_index": 0, member: value});
    let text = pieces.concat();
    events.item_added(item("in_progress", json!([])));
    events.about(&id, "response.content_part.added", place("part", part("")));
    for piece in pieces {
        events.about(&id, "response.output_text.delta", place("delta", json!(piece)));
    }
    events.about(&id, "response.output_text.done", place("text", json!(text)));
    events.about(&id, "response.content_part.done", place("part", part(&text)));
    events.item_done(item("completed", json!([part(&text)])));
}

/// Reasoning: a summary in clear, and the rest only for the backend to read.
pub(super) fn reasoning(events: &mut Events) {
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let id = format!("rs_{}", random_text());
    let sealed = format!("gAAAAA{}", random_text());
    let item = |summary: Value| json!({"id": id, "type": "reasoning", "summary": summary, "encrypted_content": sealed});
    let place = |member: &str, value: Value| json!({"summary_index": 0, member: value});
    let text = SUMMARY.concat();
    events.item_added(item(json!([])));
    events.about(&id, "response.reasoning_summary_part.added", place("part", part("")));
    for piece in SUMMARY {
        events.about(&id, "response.reasoning_summary_text.delta", place("delta", json!(piece)));
    }
    events.about(&id, "response.reasoning_summary_text.done", place("text", json!(text)));
    events.about(&id, "response.reasoning_summary_part.done", place("part", part(&text)));
    events.item_done(item(json!([part(&text)])));
}

/// A call of one of the caller's functions.
pub(super) fn function_call(events: &mut Events, call: &Call) {
    let id = format!("fc_{}", random_text());
    let item = |status: &str, arguments: &str| json!({"id": id, "type": "function_call", "status": status, "arguments": arguments, "call_id": call.id, "name": call.name});
    events.item_added(item("in_progress", ""));
    for piece in json_pieces(&call.arguments) {
        events.about(&id, "response.function_call_arguments.delta", json!({"delta": piece}));
    }
    events.about(&id, "response.function_call_arguments.done", json!({"arguments": call.arguments}));
    events.item_done(item("completed", &call.arguments));
}
