//! One completion: its content, its usage, and its form as one response.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    model::{Call, Output, json_pieces},
    provider::random_text,
};

/// Bytes of JSON per token, roughly as in real tokenizers.
pub(super) const BYTES_PER_TOKEN: usize = 4;

pub(super) struct Completion {
    head: Map<String, Value>,
    pub(super) output: Output,
    prompt_tokens: usize,
}

impl Completion {
    pub(super) fn new(model: &str, messages: &[Value], output: Output, now: Duration) -> Self {
        let id = format!("chatcmpl-{}", random_text());
        let members = json!({"id": id, "object": "chat.completion", "created": now.as_secs(), "model": model});
        let bytes: usize = messages.iter().map(|message| message.to_string().len()).sum();
        let head = members.as_object().cloned().unwrap_or_default();
        Self { head, output, prompt_tokens: bytes.div_ceil(BYTES_PER_TOKEN) }
    }

    /// Returns the common members with this object name and these additional members.
    pub(super) fn object(&self, name: &str, more: Value) -> Value {
        let mut members = self.head.clone();
        members.insert("object".to_owned(), json!(name));
        members.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(members)
    }

    pub(super) fn whole(&self) -> Value {
        let message = match &self.output {
            Output::Text(pieces) => json!({"role": "assistant", "content": pieces.concat()}),
            Output::Calls(calls) => {
                let calls: Vec<_> =
                    calls.iter().enumerate().map(|(index, call)| tool_call(index, call, &call.arguments)).collect();
                json!({"role": "assistant", "content": "", "tool_calls": calls})
            }
        };
        let choice = json!({"index": 0, "message": message, "finish_reason": self.finish_reason(), "logprobs": null});
        self.object("chat.completion", json!({"choices": [choice], "usage": self.usage()}))
    }

    pub(super) fn finish_reason(&self) -> &'static str {
        match self.output {
            Output::Text(_) => "stop",
            Output::Calls(_) => "tool_calls",
        }
    }

    /// Returns the usage. Each streamed piece counts as one completion token.
    pub(super) fn usage(&self) -> Value {
        let completion_tokens = match &self.output {
            Output::Text(pieces) => pieces.len(),
            Output::Calls(calls) => calls.iter().map(|call| json_pieces(&call.arguments).len()).sum(),
        };
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
        })
    }
}

/// Returns a tool call with its arguments, or with the first piece of them.
pub(super) fn tool_call(index: usize, call: &Call, arguments: &str) -> Value {
    let function = json!({"name": call.name, "arguments": arguments});
    json!({"index": index, "id": call.id, "type": "function", "function": function})
}
