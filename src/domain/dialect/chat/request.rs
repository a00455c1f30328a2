//! A request in the Chat Completions dialect, translated to the backend's Responses.

use serde::de::IgnoredAny;

use super::{messages, tools};
use crate::domain::{
    dialect::{
        BackendRequest, InvalidRequest,
        json_writer::JsonWriter,
        members::Members,
        raw_json::{Text, read},
    },
    model_ref::ModelName,
};

/// Parameters with the same name and meaning in both dialects.
pub const PASSED: [&str; 3] = ["parallel_tool_calls", "prompt_cache_key", "service_tier"];

/// Parameters that only tune, limit or label a response. They are left out.
pub const DROPPED: [&str; 15] = [
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

/// Parameters that would change the meaning of the request. They are refused, with the reason and the remedy.
pub const REFUSED: [(&str, &str); 1] = [("audio", "The provider responds in text only: leave it out.")];

/// A caller's request, of which only `model` has been read.
#[derive(Debug, Clone)]
pub struct ChatRequest<'a> {
    model: ModelName,
    body: Members<'a>,
    size: usize,
}

/// The options of a request that the translation of its response needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatOptions {
    /// The model as the caller named it. The response repeats the name.
    pub model: ModelName,
    /// Whether the stream ends with a chunk of usage (`stream_options.include_usage`).
    pub include_usage: bool,
    /// Whether the caller sent `functions`, the form before `tools`, and expects a `function_call` in the response.
    pub wants_function_call: bool,
}

impl<'a> ChatRequest<'a> {
    /// Parses a body: a JSON object that names a model.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        let size = body.len();
        let mut body = Members::of_body(body)?;
        Ok(Self { model: body.take_model()?, body, size })
    }

    /// Returns the model as the caller named it.
    pub fn model(&self) -> &ModelName {
        &self.model
    }

    /// Writes the same request with another model, for a provider with this dialect.
    pub fn with_model(self, model: &str) -> Vec<u8> {
        let mut out = JsonWriter::for_body(self.size);
        out.word("model", model);
        self.body.write(&mut out);
        out.end_object();
        out.into_bytes()
    }

    /// Writes the body for the backend. `model` is the backend's name of the model.
    pub fn into_backend(self, model: &str) -> Result<(BackendRequest, ChatOptions), InvalidRequest> {
        let Self { model: named_model, mut body, size } = self;
        body.refuse_all(&REFUSED)?;
        refuse_values(&mut body)?;
        let stream = body.take_flag("stream")?;
        let include_usage = match body.take_object("stream_options")? {
            Some(mut options) => options.take_flag("include_usage")?,
            None => false,
        };
        let mut ignored = body.drop_all(&DROPPED)?;

        let mut out = JsonWriter::for_body(size);
        let wants_function_call = tools::translate(&mut body, &mut out)?;
        body.pass_all(&PASSED, &mut out);
        let wants_json_object = write_text(&mut body, &mut out)?;
        if let Some(effort) = body.take_text("reasoning_effort")? {
            out.begin_object_in("reasoning");
            out.text("effort", &effort);
            out.end_object();
        }
        let messages = body.need_list("messages")?;
        out.begin_array_in("input");
        let start = out.len();
        let conversation = messages::translate(messages, &mut out)?;
        conversation.system.place(Text::EMPTY, start, wants_json_object, &mut out);
        body.finish()?;
        if conversation.has_names {
            ignored.push("messages.name".to_owned());
        }
        let request = BackendRequest::end(out, model, stream, ignored);
        Ok((request, ChatOptions { model: named_model, include_usage, wants_function_call }))
    }
}

/// Refuses unsupported values. The accepted values of these parameters are the backend's fixed behaviour.
fn refuse_values(body: &mut Members<'_>) -> Result<(), InvalidRequest> {
    body.take_single_choice()?;
    if body.take("stop").is_some_and(|stop| read::<[IgnoredAny; 0]>(stop).is_none()) {
        return Err(InvalidRequest::refused("stop", "The provider has no stop sequences: cut the response yourself."));
    }
    let no_logprobs = "The provider returns no probabilities: leave it out.";
    if body.take_flag("logprobs")? {
        return Err(InvalidRequest::refused("logprobs", no_logprobs));
    }
    if body.take("top_logprobs").is_some_and(|top| read::<u64>(top) != Some(0)) {
        return Err(InvalidRequest::refused("top_logprobs", no_logprobs));
    }
    if body
        .take("modalities")
        .is_some_and(|modalities| read::<[String; 1]>(modalities).is_none_or(|[only]| only != "text"))
    {
        return Err(InvalidRequest::refused("modalities", "The provider responds in text only: leave it out."));
    }
    Ok(())
}

/// Translates `response_format` and `verbosity`, which are members of `text` in Responses (OpenAI API reference,
/// responses, "text"). Returns whether the text must be JSON without a schema.
fn write_text(body: &mut Members<'_>, out: &mut JsonWriter) -> Result<bool, InvalidRequest> {
    let write = |out: &mut JsonWriter| {
        let format = body.take_object("response_format")?;
        let wants_json_object = format.map(|format| write_format(format, out)).transpose()?;
        out.copy_text(body, "verbosity")?;
        Ok(wants_json_object.unwrap_or_default())
    };
    out.unless_empty(|out| out.begin_object_in("text"), write, JsonWriter::end_object)
}

/// Writes the format and returns whether it is JSON without a schema. Plain text is the default, so nothing is written.
fn write_format(mut format: Members<'_>, out: &mut JsonWriter) -> Result<bool, InvalidRequest> {
    let kind = format.need_word("type")?;
    match &*kind {
        "text" => return Ok(false),
        "json_object" => {
            out.begin_object_in("format");
            out.word("type", &kind);
        }
        "json_schema" => {
            let mut described = format.need_object("json_schema")?;
            out.begin_object_in("format");
            out.word("type", &kind);
            out.text("name", &described.need_text("name")?);
            described.pass_all(&["description", "schema", "strict"], out);
        }
        _ => return Err(format.unsupported("type", "it is `text`, `json_object` or `json_schema`.")),
    }
    out.end_object();
    Ok(kind == "json_object")
}
