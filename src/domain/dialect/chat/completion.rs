//! Merges the chunks of a response into one chat completion (OpenAI API reference, "the chat completion object").

use serde_json::{Map, Value, json};

use super::{ChatOptions, ChatStream, ReasonedCalls, item::text};
use crate::domain::dialect::{ResponseFailure, SseEvent};

/// Collects the events of one response.
#[derive(Debug)]
pub struct CompletionReader {
    stream: ChatStream,
    message: Value,
    finish_reason: Value,
    usage: Value,
}

impl CompletionReader {
    pub fn new(options: ChatOptions) -> Self {
        let stream = ChatStream::new(ChatOptions { include_usage: true, ..options });
        let message = json!({"role": "assistant", "content": null, "refusal": null});
        Self { stream, message, finish_reason: Value::Null, usage: Value::Null }
    }

    /// Whether a stop sequence has ended the response before the provider did.
    pub fn has_stopped(&self) -> bool {
        self.stream.has_stopped()
    }

    /// Takes the complete response's calls that follow reasoning; None if there are none.
    pub fn take_reasoned_calls(&mut self) -> Option<ReasonedCalls> {
        self.stream.take_reasoned_calls()
    }

    /// Handles the next event. Returns the completion at the event that ends the response.
    pub fn on_event(&mut self, event: &SseEvent<'_>) -> Result<Option<Value>, ResponseFailure> {
        let chunks = self.stream.on_event(event)?;
        let is_complete = self.stream.is_complete();
        let mut head = Map::new();
        for chunk in chunks {
            let Value::Object(mut chunk) = chunk else { continue };
            let choices = chunk.shift_remove("choices");
            self.usage = chunk.shift_remove("usage").unwrap_or_default();
            if let Some(choice) = choices.as_ref().and_then(|choices| choices.get(0)) {
                self.add_choice(choice);
            }
            head = chunk;
        }
        Ok(is_complete.then(|| self.end(head)))
    }

    fn add_choice(&mut self, choice: &Value) {
        self.finish_reason = choice.get("finish_reason").cloned().unwrap_or_default();
        // The first delta has the role and an empty text.
        if let Some(delta) = choice.get("delta").filter(|delta| delta.get("role").is_none()) {
            merge(&mut self.message, delta.clone());
        }
    }

    fn end(&mut self, head: Map<String, Value>) -> Value {
        let mut message = self.message.take();
        // Only the entries of lists in chunks have an index.
        for name in ["tool_calls", "annotations", "images"] {
            for entry in message.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
                entry.as_object_mut().and_then(|entry| entry.shift_remove("index"));
            }
        }
        let lacks = |name: &str| message.get(name).is_none_or(Value::is_null);
        if ["content", "refusal", "tool_calls", "function_call"].into_iter().all(lacks) {
            // `content` is null only if there is a refusal or a call instead.
            merge(&mut message, json!({"content": ""}));
        }
        let mut completion = head;
        completion.insert("object".to_owned(), "chat.completion".into());
        let finish_reason = self.finish_reason.take();
        completion.insert(
            "choices".to_owned(),
            json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}]),
        );
        if !self.usage.is_null() {
            completion.insert("usage".to_owned(), self.usage.take());
        }
        Value::Object(completion)
    }
}

/// Merges a delta into a value as OpenAI's clients do: appends texts and lists, merges objects, and merges a list item
/// with an `index` into the item at this index.
fn merge(value: &mut Value, delta: Value) {
    match (value, delta) {
        (Value::String(text), Value::String(more)) => text.push_str(&more),
        (Value::Array(list), Value::Array(more)) => {
            for item in more {
                let index = item.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
                match index.and_then(|index| list.get_mut(index)) {
                    Some(earlier) => merge(earlier, item),
                    None => list.push(item),
                }
            }
        }
        (Value::Object(members), Value::Object(more)) => {
            for (name, delta) in more {
                merge(members.entry(name).or_insert_with(Value::default), delta);
            }
        }
        (value, delta) => *value = delta,
    }
}

/// Returns the members that completions and chunks have in common. A response without an id gets the id `unknown`.
pub(super) fn head(response: &Value, object: &str, options: &ChatOptions) -> Map<String, Value> {
    let id = Some(text(response, "id")).filter(|id| !id.is_empty()).unwrap_or("unknown");
    let id = id.strip_prefix("resp_").unwrap_or(id);
    let created = response.get("created_at").and_then(|at| at.as_u64().or_else(|| at.as_f64().map(|at| at as u64)));
    let mut head = Map::new();
    head.insert("id".to_owned(), format!("chatcmpl-{id}").into());
    head.insert("object".to_owned(), object.into());
    head.insert("created".to_owned(), created.unwrap_or_default().into());
    head.insert("model".to_owned(), options.model.as_str().into());
    if let Some(tier) = response.get("service_tier").filter(|tier| tier.is_string()) {
        head.insert("service_tier".to_owned(), tier.clone());
    }
    head
}

/// Returns the `finish_reason` (OpenAI API reference, chat completions). An incomplete response is never `tool_calls`:
/// its last call may be cut off, and a client must not execute it.
pub(super) fn finish_reason(response: &Value, has_calls: bool, options: &ChatOptions) -> &'static str {
    let reason = response.pointer("/incomplete_details/reason").and_then(Value::as_str);
    match reason {
        Some("content_filter") => "content_filter",
        Some(_) => "length",
        None if text(response, "status") == "incomplete" => "length",
        None if has_calls && options.wants_function_call => "function_call",
        None if has_calls => "tool_calls",
        None => "stop",
    }
}

/// Returns the usage with the member names of Chat Completions; None if the response has none.
pub(super) fn usage(response: &Value) -> Option<Value> {
    let usage = response.get("usage").filter(|usage| usage.is_object())?;
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let (input, output) = (count("/input_tokens"), count("/output_tokens"));
    let total = usage.get("total_tokens").and_then(Value::as_u64).unwrap_or_else(|| input.saturating_add(output));
    Some(json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": count("/input_tokens_details/cached_tokens")},
        "completion_tokens_details": {"reasoning_tokens": count("/output_tokens_details/reasoning_tokens")},
    }))
}
