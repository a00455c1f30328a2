//! A finished response as a chat completion (OpenAI API reference, "the chat completion object").
//!
//! A completion has one message, so the items of the response are joined: texts with a blank line between messages,
//! calls in their order. Summaries of the reasoning become `reasoning_content`, which is not part of this API but
//! several clients show; without summaries the member is absent.

use serde_json::{Map, Value, json};

use super::{
    ChatOptions,
    item::{Call, Item, Paragraphs, Part, citation, list, start_of, text},
};

/// Translates the finished response object to a `chat.completion`.
pub fn completion(response: &Value, options: &ChatOptions) -> Value {
    let mut message = Message::default();
    for (index, item) in (0..).zip(list(response, "output")) {
        message.add(index, Item::of(item));
    }
    let finish_reason = finish_reason(response, !message.calls.is_empty(), options);
    let message = message.into_value(options);
    let mut completion = head(response, "chat.completion", options);
    completion.insert(
        "choices".to_owned(),
        json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}]),
    );
    if let Some(usage) = usage(response) {
        completion.insert("usage".to_owned(), usage);
    }
    Value::Object(completion)
}

/// A text that is joined from paragraphs.
#[derive(Debug, Default)]
struct Text {
    paragraphs: Paragraphs,
    text: String,
}

impl Text {
    fn append(&mut self, source: (u64, u64), text: &str) {
        if let Some(appended) = self.paragraphs.append(source, text) {
            self.text.push_str(&appended);
        }
    }

    /// Returns the text, or null if it is empty.
    fn into_value(self) -> Value {
        if self.text.is_empty() { Value::Null } else { self.text.into() }
    }
}

/// The message into which the items of a response are joined.
#[derive(Debug, Default)]
struct Message<'a> {
    content: Text,
    refusal: Text,
    reasoning: Text,
    annotations: Vec<Value>,
    calls: Vec<Call<'a>>,
}

impl<'a> Message<'a> {
    fn add(&mut self, index: u64, item: Item<'a>) {
        match item {
            Item::Message(parts) => parts.iter().for_each(|part| self.add_part(index, part)),
            Item::Reasoning(summaries) => {
                for (part, summary) in (0..).zip(summaries) {
                    self.reasoning.append((index, part), summary);
                }
            }
            Item::Call(call) => self.calls.push(call),
            Item::Other => {}
        }
    }

    fn add_part(&mut self, index: u64, part: &Part<'_>) {
        match part {
            Part::Text { text: "", .. } => {}
            Part::Text { text, annotations } => {
                self.content.append((index, 0), text);
                let start = start_of(text, self.content.paragraphs.chars());
                self.annotations.extend(annotations.iter().filter_map(|annotation| citation(annotation, start)));
            }
            Part::Refusal(refusal) => self.refusal.append((index, 0), refusal),
            Part::Other => {}
        }
    }

    /// `content` is null only if there is a refusal or a call instead.
    fn into_value(self, options: &ChatOptions) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), "assistant".into());
        let (content, refusal) = (self.content.into_value(), self.refusal.into_value());
        let is_empty = content.is_null() && refusal.is_null() && self.calls.is_empty();
        message.insert("content".to_owned(), if is_empty { "".into() } else { content });
        message.insert("refusal".to_owned(), refusal);
        if !self.reasoning.text.is_empty() {
            message.insert("reasoning_content".to_owned(), self.reasoning.into_value());
        }
        if !self.annotations.is_empty() {
            message.insert("annotations".to_owned(), self.annotations.into());
        }
        match self.calls.first() {
            Some(call) if options.wants_function_call => {
                let call = json!({"name": call.name, "arguments": call.input});
                message.insert("function_call".to_owned(), call);
            }
            Some(_) => {
                let calls = self.calls.iter().map(|call| call.as_tool_call(call.input)).collect();
                message.insert("tool_calls".to_owned(), calls);
            }
            None => {}
        }
        Value::Object(message)
    }
}

/// Returns the common members of a completion and its chunks. A response without an id gets the id `unknown`.
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

/// Why the response ended (OpenAI API reference, chat completions, `finish_reason`). Being cut off takes precedence: a
/// client must not make a call that was cut off.
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

/// Returns the usage with the names of this API; None if the response has none.
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
