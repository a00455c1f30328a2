//! A finished response as the answer of a chat (OpenAI API reference, "the chat completion object").
//!
//! A chat's answer is one message, so what the response's items say is put together: texts with a blank line between
//! messages, calls in their order. Summaries of the reasoning come as `reasoning_content`, which this API does not have
//! but several of its clients know; without summaries the member is not there.

use serde_json::{Map, Value, json};

use super::{
    ChatOptions,
    item::{Call, Item, Part, citation, list, start_of},
    outcome::{finish_reason, head, usage},
    paragraphs::Paragraphs,
};

/// The finished response object as a `chat.completion`.
pub fn completion(response: &Value, options: &ChatOptions) -> Value {
    let mut said = Said::default();
    for (index, item) in (0..).zip(list(response, "output")) {
        said.add(index, Item::of(item));
    }
    let finish_reason = finish_reason(response, !said.calls.is_empty(), options);
    let message = said.into_message(options);
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

/// A text that grows.
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

    /// The text, or null if nothing was said.
    fn into_value(self) -> Value {
        if self.text.is_empty() { Value::Null } else { self.text.into() }
    }
}

/// What the items of a response said.
#[derive(Debug, Default)]
struct Said<'a> {
    content: Text,
    refusal: Text,
    reasoning: Text,
    annotations: Vec<Value>,
    calls: Vec<Call<'a>>,
}

impl<'a> Said<'a> {
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

    /// `content` is null only where something else takes its place.
    fn into_message(self, options: &ChatOptions) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), "assistant".into());
        let (content, refusal) = (self.content.into_value(), self.refusal.into_value());
        let is_silent = content.is_null() && refusal.is_null() && self.calls.is_empty();
        message.insert("content".to_owned(), if is_silent { "".into() } else { content });
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

#[cfg(test)]
mod tests;
