//! Translates the events of a response to chunks (OpenAI API reference, "the chat completion chunk object").

use serde_json::{Map, Value, json};

use super::{
    ChatOptions, ReasonedCalls,
    completion::{finish_reason, head, usage},
    deltas::Deltas,
    item::text,
};
use crate::domain::dialect::{ResponseFailure, SseEvent, event::BackendEvent};

/// The translation of one response stream.
#[derive(Debug)]
pub struct ChatStream {
    options: ChatOptions,
    deltas: Deltas,
    /// The id of the response; None until an event has it.
    response_id: Option<String>,
    /// The members that all chunks have in common; None before the first chunk.
    head: Option<Map<String, Value>>,
    is_complete: bool,
}

impl ChatStream {
    pub fn new(options: ChatOptions) -> Self {
        let deltas = Deltas::new(&options);
        Self { options, deltas, response_id: None, head: None, is_complete: false }
    }

    /// Whether the response has ended, complete or cut off. Only `[DONE]` follows.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether a stop sequence has ended the response before the provider did.
    pub fn has_stopped(&self) -> bool {
        self.deltas.has_stopped()
    }

    /// Takes the complete response's calls that follow reasoning; None if there are none.
    pub fn take_reasoned_calls(&mut self) -> Option<ReasonedCalls> {
        let calls = Some(self.deltas.take_reasoned_calls()).filter(|calls| !calls.is_empty())?;
        Some(ReasonedCalls { response_id: self.response_id.clone()?, calls })
    }

    /// Translates the next event to chunks. After the end, there are no more chunks.
    pub fn on_event(&mut self, event: &SseEvent<'_>) -> Result<Vec<Value>, ResponseFailure> {
        let Some(event) = (if self.is_complete { None } else { BackendEvent::read(event)? }) else {
            return Ok(Vec::new());
        };
        event.check()?;
        let mut chunks = Vec::new();
        let response = event.response()?.map(Value::Object);
        if let Some(response) = response.as_ref().filter(|response| !text(response, "id").is_empty()) {
            self.response_id = Some(text(response, "id").to_owned());
            self.begin(response, &mut chunks);
        }
        let mut deltas = self.deltas.on_event(&event);
        if self.deltas.has_too_many_parts() {
            return Err(ResponseFailure::violation("a response with too many parts"));
        }
        let ended = response.filter(|_| event.ends_response());
        if let Some(response) = &ended {
            deltas.extend(self.deltas.on_end(response));
        }
        if ended.is_some() || !deltas.is_empty() {
            // Begins here if no event so far had a response id.
            self.begin(ended.as_ref().unwrap_or(&Value::Null), &mut chunks);
        }
        chunks.extend(deltas.into_iter().map(|delta| self.chunk_of(delta, Value::Null)));
        if ended.is_some() || self.has_stopped() {
            self.begin(&Value::Null, &mut chunks);
            self.end(&ended.unwrap_or_default(), &mut chunks);
        }
        Ok(chunks)
    }

    /// Adds the first chunk, which has the role. Does nothing if it was added before.
    fn begin(&mut self, response: &Value, chunks: &mut Vec<Value>) {
        if self.head.is_none() {
            self.head = Some(head(response, "chat.completion.chunk", &self.options));
            chunks.push(self.chunk_of(json!({"role": "assistant", "content": ""}), Value::Null));
        }
    }

    /// Adds the last chunks: the reason for the end and, if the caller asked for it, the usage.
    fn end(&mut self, response: &Value, chunks: &mut Vec<Value>) {
        self.is_complete = true;
        if let (Some(head), Some(tier)) = (&mut self.head, response.get("service_tier").filter(|tier| tier.is_string()))
        {
            // Only the last event has the final service tier.
            head.insert("service_tier".to_owned(), tier.clone());
        }
        let has_calls = self.deltas.has_calls();
        let reason = if self.has_stopped() { "stop" } else { finish_reason(response, has_calls, &self.options) };
        chunks.push(self.chunk_of(json!({}), reason.into()));
        let usage = usage(response);
        // The provider does not report the usage of a response that the gateway cut off.
        if self.options.include_usage && (usage.is_some() || !self.has_stopped()) {
            chunks.push(self.chunk(json!([]), usage.unwrap_or_default()));
        }
    }

    fn chunk_of(&self, delta: Value, finish_reason: Value) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        self.chunk(Value::Array(vec![choice]), Value::Null)
    }

    fn chunk(&self, choices: Value, usage: Value) -> Value {
        let mut chunk = self.head.clone().unwrap_or_default();
        chunk.insert("choices".to_owned(), choices);
        if self.options.include_usage {
            chunk.insert("usage".to_owned(), usage);
        }
        Value::Object(chunk)
    }
}
