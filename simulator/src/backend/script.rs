//! What a response says, event by event. The names are the real ones; the text is made of numbered words, so that a
//! test sees at once which piece is missing.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::provider::random_text;

/// Tokens the input is said to have: of no consequence, but a client adds them up.
const INPUT_TOKENS: u32 = 16;

/// The events of one response, as frames.
pub(super) struct Script {
    /// Before the first piece of text.
    pub(super) opening: Vec<Bytes>,
    /// One piece of text each.
    pub(super) deltas: Vec<Bytes>,
    /// After the last piece of text.
    pub(super) closing: Vec<Bytes>,
    response: Map<String, Value>,
}

impl Script {
    pub(super) fn new(model: &str, deltas: u32, now: Duration) -> Self {
        let (response_id, item_id) = (format!("resp_{}", random_text()), format!("msg_{}", random_text()));
        let members = json!({"id": response_id, "object": "response", "created_at": now.as_secs(), "model": model});
        let response = members.as_object().cloned().unwrap_or_default();
        let words: Vec<String> = (1..=deltas).map(|number| format!("word{number} ")).collect();
        let text = words.concat();
        let item = |status: &str, content: Value| json!({"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content});
        let output = item("completed", json!([{"type": "output_text", "text": text, "annotations": []}]));
        let place = |member: &str, value: Value| json!({"item_id": item_id, "output_index": 0, "content_index": 0, member: value});

        let mut frames = Frames::default();
        let opening = vec![
            frames.next("response.created", json!({"response": state(&response, "in_progress", json!({}))})),
            frames
                .next("response.output_item.added", json!({"output_index": 0, "item": item("in_progress", json!([]))})),
        ];
        let deltas_sent = deltas;
        let deltas = words.iter().map(|word| frames.next("response.output_text.delta", place("delta", json!(word))));
        let deltas = deltas.collect();
        let usage = json!({
            "input_tokens": INPUT_TOKENS,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": deltas_sent,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT_TOKENS + deltas_sent,
        });
        let completed = state(&response, "completed", json!({"output": [output.clone()], "usage": usage}));
        let closing = vec![
            frames.next("response.output_text.done", place("text", json!(text))),
            frames.next("response.output_item.done", json!({"output_index": 0, "item": output})),
            frames.next("response.completed", json!({"response": completed})),
        ];
        Self { opening, deltas, closing, response }
    }

    /// The last event of a response that fails after so many deltas.
    pub(super) fn failure(&self, after: usize, code: &str) -> Bytes {
        let error = json!({"error": {"code": code, "message": "The response failed, as ordered."}});
        let sequence_number = self.opening.len() + after.min(self.deltas.len());
        frame("response.failed", sequence_number, json!({"response": state(&self.response, "failed", error)}))
    }
}

/// A response in a state, with what it has only in that state.
fn state(response: &Map<String, Value>, status: &str, more: Value) -> Value {
    let mut members = response.clone();
    members.insert("status".to_owned(), json!(status));
    members.extend(more.as_object().cloned().unwrap_or_default());
    Value::Object(members)
}

/// Numbers the frames.
#[derive(Default)]
struct Frames {
    next: usize,
}

impl Frames {
    fn next(&mut self, kind: &str, members: Value) -> Bytes {
        let sequence_number = self.next;
        self.next += 1;
        frame(kind, sequence_number, members)
    }
}

/// A frame; its JSON repeats the kind, as with the real backend.
fn frame(kind: &str, sequence_number: usize, members: Value) -> Bytes {
    let mut data =
        Map::from_iter([("type".to_owned(), json!(kind)), ("sequence_number".to_owned(), json!(sequence_number))]);
    data.extend(members.as_object().cloned().unwrap_or_default());
    format!("event: {kind}\ndata: {}\n\n", Value::Object(data)).into()
}
