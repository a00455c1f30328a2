//! A request in the Responses dialect, cut down to what the backend takes.

use serde_json::{Map, Value};

use super::input;
use crate::domain::dialect::{BackendRequest, BadRequest, members::Members};

/// What goes on as it came. The backend answers 400 to every member it does not know, so this is a list of what may.
pub(in crate::domain::dialect) const PASSED: [&str; 9] = [
    "client_metadata",
    "include",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "text",
    "tool_choice",
    "tools",
];

/// What only tunes, bounds or labels an answer, and is left out.
pub(in crate::domain::dialect) const DROPPED: [&str; 17] = [
    "temperature",
    "top_p",
    "top_logprobs",
    "presence_penalty",
    "frequency_penalty",
    "max_output_tokens",
    "max_completion_tokens",
    "max_tokens",
    "max_tool_calls",
    "metadata",
    "user",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "moderation",
    "truncation",
    "stream_options",
];

/// What would change the meaning of the request, and is refused: the parameter, why and what to do.
pub(in crate::domain::dialect) const REFUSED: [(&str, &str); 4] = [
    ("previous_response_id", "The provider stores no responses: send the whole conversation in `input`."),
    ("conversation", "The provider stores no conversations: send the whole conversation in `input`."),
    ("prompt", "The provider has no stored prompts: send the text in `instructions` and `input`."),
    ("generate", "It has a meaning on WebSocket connections only: leave it out."),
];

/// A request of a caller, of which so far only `model` and `stream` have been looked at.
#[derive(Debug, Clone)]
pub struct ResponsesRequest {
    model: String,
    stream: bool,
    body: Members,
}

impl ResponsesRequest {
    /// Reads a body: a JSON object that names a model.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let mut body = Members::of_body(body)?;
        let model = body.take_model()?;
        let stream = body.take_bool("stream")?.unwrap_or(false);
        Ok(Self { model, stream, body })
    }

    /// The model in the caller's words.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The body for the backend, which knows the model as `model`.
    pub fn into_backend(self, model: &str) -> Result<BackendRequest, BadRequest> {
        let Self { stream, mut body, .. } = self;
        body.refuse_all(&REFUSED)?;
        refuse_values(&mut body)?;
        let mut ignored = body.drop_all(&DROPPED);
        if body.take_bool("store")? == Some(true) {
            ignored.push("store".to_owned());
        }

        let own = body.take_text("instructions")?.unwrap_or_default();
        let (mut input, system) = input::read(&mut body)?;
        let mut sent = Map::new();
        for name in PASSED {
            if let Some(value) = body.take(name) {
                sent.insert(name.to_owned(), value);
            }
        }
        body.finish()?;

        let wants_json_object = sent.get("text").is_some_and(wants_json_object);
        sent.insert("model".to_owned(), model.into());
        sent.insert("instructions".to_owned(), system.place(own, &mut input, wants_json_object).into());
        sent.insert("input".to_owned(), input.into());
        sent.insert("store".to_owned(), false.into());
        sent.insert("stream".to_owned(), true.into());
        Ok(BackendRequest { body: Value::Object(sent).to_string().into_bytes(), stream, ignored })
    }
}

/// Refuses the parameters of which only some values are.
fn refuse_values(body: &mut Members) -> Result<(), BadRequest> {
    if body.take_bool("background")? == Some(true) {
        let advice = "The provider keeps no response to be fetched later: leave it out, and stream if it takes long.";
        return Err(BadRequest::refused("background", advice));
    }
    if body.take("n").is_some_and(|n| n.as_u64() != Some(1)) {
        return Err(BadRequest::refused("n", "The provider answers once: send the request once for each answer."));
    }
    if body.has("truncation") && !matches!(body.text("truncation"), Some("auto" | "disabled")) {
        return Err(BadRequest::unsupported_value("truncation", "it is `auto` or `disabled`."));
    }
    Ok(())
}

fn wants_json_object(text: &Value) -> bool {
    text.pointer("/format/type").and_then(Value::as_str) == Some("json_object")
}

#[cfg(test)]
mod tests;
