//! Builds the events of one response with the members that the real backend sends. `frame` adds the sequence number.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{request::ModelRequest, usage::InputTokens};
use crate::{provider::random_text, refusals};

pub(super) struct Event {
    kind: Cow<'static, str>,
    members: Value,
}

impl Event {
    pub(super) fn new(kind: impl Into<Cow<'static, str>>, members: Value) -> Self {
        Self { kind: kind.into(), members }
    }

    /// Returns whether this is a delta, before which the writer pauses.
    pub(super) fn is_delta(&self) -> bool {
        self.kind.ends_with(".delta")
    }

    fn is_reasoning(&self) -> bool {
        self.kind.starts_with("response.reasoning")
    }

    /// Returns the frame. Its JSON repeats the event type, as in the real backend's frames.
    pub(super) fn frame(&self, number: usize) -> Bytes {
        let mut data =
            Map::from_iter([("type".to_owned(), json!(self.kind)), ("sequence_number".to_owned(), json!(number))]);
        data.extend(self.members.as_object().cloned().unwrap_or_default());
        format!("event: {}\ndata: {}\n\n", self.kind, Value::Object(data)).into()
    }
}

/// A response under construction.
pub(super) struct Events {
    response: Map<String, Value>,
    output: Vec<Value>,
    events: Vec<Event>,
}

impl Events {
    /// Begins the response to a request. The response repeats the request's `reasoning` and `service_tier`.
    pub(super) fn begin(request: &ModelRequest, now: Duration) -> Self {
        let (id, model) = (format!("resp_{}", random_text()), request.model());
        let members = json!({"id": id, "object": "response", "created_at": now.as_secs(), "model": model});
        let mut response = members.as_object().cloned().unwrap_or_default();
        for name in ["reasoning", "service_tier"] {
            response.extend(request.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        let mut begun = Self { response, output: Vec::new(), events: Vec::new() };
        for kind in ["response.created", "response.in_progress"] {
            let response = begun.response_object("in_progress", json!({"output": []}));
            begun.push(kind, json!({"response": response}));
        }
        begun
    }

    pub(super) fn push(&mut self, kind: impl Into<Cow<'static, str>>, members: Value) {
        self.events.push(Event::new(kind, members));
    }

    /// Adds an event before all others.
    pub(super) fn push_first(&mut self, kind: &'static str, members: Value) {
        self.events.insert(0, Event::new(kind, members));
    }

    /// Adds an event about the current item.
    pub(super) fn push_item_event(&mut self, item_id: &str, kind: &'static str, more: Value) {
        let mut members = json!({"item_id": item_id, "output_index": self.output.len()});
        if let (Some(members), Some(more)) = (members.as_object_mut(), more.as_object()) {
            members.extend(more.clone());
        }
        self.push(kind, members);
    }

    pub(super) fn push_item_added(&mut self, item: Value) {
        self.push("response.output_item.added", json!({"output_index": self.output.len(), "item": item}));
    }

    pub(super) fn push_item_done(&mut self, item: Value) {
        self.push("response.output_item.done", json!({"output_index": self.output.len(), "item": item}));
        self.output.push(item);
    }

    /// Completes the response. Its `output` is empty, as at the real backend, unless `listed` is true.
    pub(super) fn complete(&mut self, input: InputTokens, listed: bool) {
        let output = if listed { self.output.as_slice() } else { &[] };
        let response = self.response_object("completed", json!({"output": output, "usage": self.usage(input)}));
        self.push("response.completed", json!({"response": response}));
    }

    /// Ends the response as incomplete, for this reason.
    pub(super) fn cut_short(&mut self, input: InputTokens, reason: &str) {
        let more = json!({
            "incomplete_details": {"reason": reason},
            "output": self.output,
            "usage": self.usage(input),
        });
        let response = self.response_object("incomplete", more);
        self.push("response.incomplete", json!({"response": response}));
    }

    /// Fails the response with this error code.
    pub(super) fn fail(&mut self, code: &str) {
        self.events.push(self.failure(code));
    }

    /// Adds these events unchanged.
    pub(super) fn push_unchanged(&mut self, events: &[Value]) {
        for event in events {
            let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
            self.push(kind.to_owned(), event.clone());
        }
    }

    /// Adds an error event without a response.
    pub(super) fn push_error(&mut self, code: &str) {
        self.push("error", json!({"code": code, "message": refusals::failure_message(code), "param": null}));
    }

    fn usage(&self, input: InputTokens) -> Value {
        input.with_output(self.count_deltas(|_| true), self.count_deltas(Event::is_reasoning))
    }

    /// Returns the event of a failed response with this error code.
    pub(super) fn failure(&self, code: &str) -> Event {
        let error = json!({"error": {"code": code, "message": refusals::failure_message(code)}});
        Event::new("response.failed", json!({"response": self.response_object("failed", error)}))
    }

    pub(super) fn all(&self) -> &[Event] {
        &self.events
    }

    fn count_deltas(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| event.is_delta() && which(event)).count()
    }

    /// Returns the response object with this status and these additional members.
    fn response_object(&self, status: &str, more: Value) -> Value {
        let mut members = self.response.clone();
        members.insert("status".to_owned(), json!(status));
        members.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(members)
    }
}
