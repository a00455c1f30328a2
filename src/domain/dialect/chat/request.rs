//! A request in the Chat Completions dialect, put into the backend's Responses.

use serde_json::{Map, Value, json};

use super::{messages, text_format, tools};
use crate::domain::dialect::{BackendRequest, BadRequest, members::Members};

/// What has the same name and meaning in both dialects.
pub(in crate::domain::dialect) const PASSED: [&str; 3] = ["parallel_tool_calls", "prompt_cache_key", "service_tier"];

/// What only tunes, bounds or labels an answer, and is left out.
pub(in crate::domain::dialect) const DROPPED: [&str; 15] = [
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "seed",
    "prediction",
    "max_tokens",
    "max_completion_tokens",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_retention",
    "prompt_cache_options",
    "moderation",
];

/// What would change the meaning of the request, and is refused: the parameter, why and what to do.
pub(in crate::domain::dialect) const REFUSED: [(&str, &str); 1] =
    [("audio", "The provider answers in text only: leave it out.")];

/// A request of a caller, of which so far only `model` has been looked at.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    model: String,
    body: Members,
}

/// What of a request the way back needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatOptions {
    /// The model in the caller's words: the answer names it so.
    pub model: String,
    /// Whether the stream ends with a chunk of usage (`stream_options.include_usage`).
    pub include_usage: bool,
    /// The caller named `functions`, as before there were `tools`, and looks for a `function_call` in the answer.
    pub wants_function_call: bool,
}

impl ChatRequest {
    /// Reads a body: a JSON object that names a model.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let mut body = Members::of_body(body)?;
        Ok(Self { model: body.take_model()?, body })
    }

    /// The model in the caller's words.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The same request about another model, for a provider that speaks this dialect itself.
    pub fn with_model(self, model: &str) -> Vec<u8> {
        self.body.into_object_with("model", model.into()).to_string().into_bytes()
    }

    /// The body for the backend, which knows the model as `model`.
    pub fn into_backend(self, model: &str) -> Result<(BackendRequest, ChatOptions), BadRequest> {
        let Self { model: named_model, mut body } = self;
        body.refuse_all(&REFUSED)?;
        refuse_values(&mut body)?;
        let stream = body.take_bool("stream")?.unwrap_or(false);
        let include_usage = match body.take_object("stream_options")? {
            Some(mut options) => options.take_bool("include_usage")?.unwrap_or(false),
            None => false,
        };
        let mut ignored = body.drop_all(&DROPPED);
        if body.take_bool("store")? == Some(true) {
            ignored.push("store".to_owned());
        }

        let mut sent = Map::new();
        for name in PASSED {
            if let Some(value) = body.take(name) {
                sent.insert(name.to_owned(), value);
            }
        }
        let wants_function_call = tools::read(&mut body, &mut sent)?;
        let wants_json_object = text_format::read(&mut body, &mut sent)?;
        if let Some(effort) = body.take_text("reasoning_effort")? {
            sent.insert("reasoning".to_owned(), json!({"effort": effort}));
        }
        let mut said = messages::read(body.need_array("messages")?)?;
        body.finish()?;
        if said.has_names {
            ignored.push("messages.name".to_owned());
        }

        sent.insert("model".to_owned(), model.into());
        let instructions = said.system.place(String::new(), &mut said.input, wants_json_object);
        sent.insert("instructions".to_owned(), instructions.into());
        sent.insert("input".to_owned(), said.input.into());
        sent.insert("store".to_owned(), false.into());
        sent.insert("stream".to_owned(), true.into());
        let request = BackendRequest { body: Value::Object(sent).to_string().into_bytes(), stream, ignored };
        Ok((request, ChatOptions { model: named_model, include_usage, wants_function_call }))
    }
}

/// Refuses the parameters of which only some values are. The others ask for what the backend does anyway.
fn refuse_values(body: &mut Members) -> Result<(), BadRequest> {
    if body.take("n").is_some_and(|n| n.as_u64() != Some(1)) {
        return Err(BadRequest::refused("n", "The provider answers once: send the request once for each answer."));
    }
    if body.take("stop").is_some_and(|stop| stop != json!([])) {
        return Err(BadRequest::refused("stop", "The provider does not stop at a text: cut the answer yourself."));
    }
    let no_logprobs = "The provider gives no probabilities: leave it out.";
    if body.take_bool("logprobs")? == Some(true) {
        return Err(BadRequest::refused("logprobs", no_logprobs));
    }
    if body.take("top_logprobs").is_some_and(|top| top.as_u64() != Some(0)) {
        return Err(BadRequest::refused("top_logprobs", no_logprobs));
    }
    if body.take("modalities").is_some_and(|modalities| modalities != json!(["text"])) {
        return Err(BadRequest::refused("modalities", "The provider answers in text only: leave it out."));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
