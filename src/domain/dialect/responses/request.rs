//! A request in the Responses dialect, reduced to the subset that the backend accepts.

use serde_json::value::RawValue;

use crate::domain::{
    dialect::{
        BackendRequest, InvalidRequest,
        json_writer::JsonWriter,
        members::{Members, TextOrList},
        raw_json::Text,
        system_text::{SystemTexts, write_text_message},
    },
    model_ref::ModelName,
};

/// Parameters that are sent unchanged. The backend responds with 400 to unknown members, so this is an allowlist.
pub const PASSED: [&str; 9] = [
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

/// Parameters that only tune, limit or label a response. They are left out.
pub const DROPPED: [&str; 17] = [
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

/// Parameters that would change the meaning of the request. They are refused, with the reason and the remedy.
pub const REFUSED: [(&str, &str); 4] = [
    ("previous_response_id", "The provider stores no responses: send the whole conversation in `input`."),
    ("conversation", "The provider stores no conversations: send the whole conversation in `input`."),
    ("prompt", "The provider has no stored prompts: send the text in `instructions` and `input`."),
    ("generate", "It applies to WebSocket connections only: leave it out."),
];

/// A caller's request, of which only `model` and `stream` have been read.
#[derive(Debug, Clone)]
pub struct ResponsesRequest<'a> {
    model: ModelName,
    stream: bool,
    body: Members<'a>,
    size: usize,
}

impl<'a> ResponsesRequest<'a> {
    /// Parses a body: a JSON object that names a model.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        let size = body.len();
        let mut body = Members::of_body(body)?;
        let model = body.take_model()?;
        let stream = body.take_flag("stream")?;
        Ok(Self { model, stream, body, size })
    }

    /// Returns the model as the caller named it.
    pub fn model(&self) -> &ModelName {
        &self.model
    }

    /// Writes the body for the backend. `model` is the backend's name of the model.
    pub fn into_backend(self, model: &str) -> Result<BackendRequest, InvalidRequest> {
        let Self { stream, mut body, size, .. } = self;
        body.refuse_all(&REFUSED)?;
        refuse_values(&mut body)?;
        let ignored = body.drop_all(&DROPPED)?;

        let instructions = body.take_text("instructions")?.unwrap_or(Text::EMPTY);
        let wants_json_object = body.get("text").is_some_and(wants_json_object);
        let mut out = JsonWriter::for_body(size);
        out.begin_array_in("input");
        let start = out.len();
        let system = write_input(body.need_text_or_list("input")?, &mut out)?;
        system.place(instructions, start, wants_json_object, &mut out);
        body.pass_all(&PASSED, &mut out);
        body.finish()?;
        Ok(BackendRequest::end(out, model, stream, ignored))
    }
}

/// Refuses unsupported values.
fn refuse_values(body: &mut Members<'_>) -> Result<(), InvalidRequest> {
    if body.take_flag("background")? {
        let advice = "The provider stores no responses: leave it out, and stream long responses.";
        return Err(InvalidRequest::refused("background", advice));
    }
    body.take_single_choice()?;
    if body.has("truncation") && !matches!(body.word("truncation").as_deref(), Some("auto" | "disabled")) {
        return Err(body.unsupported("truncation", "it is `auto` or `disabled`."));
    }
    Ok(())
}

/// Whether the parameter `text` asks for JSON without a schema. The backend refuses malformed values.
fn wants_json_object(text: &RawValue) -> bool {
    let format = Members::of(text, String::new()).and_then(|mut text| text.need_object("format"));
    format.is_ok_and(|format| format.word("type").as_deref() == Some("json_object"))
}

/// Writes the items of the input and returns the texts of its system messages. Other items are sent unchanged, including
/// their ids.
fn write_input<'a>(input: TextOrList<'a>, out: &mut JsonWriter) -> Result<SystemTexts<'a>, InvalidRequest> {
    let mut system = SystemTexts::default();
    match input {
        TextOrList::Text(text) => write_text_message("user", &text, out),
        TextOrList::List(items) => items.each_raw(|raw, path| {
            let item = Members::of(raw, path)?;
            match (item.word("type").as_deref(), item.word("role").as_deref()) {
                (None | Some("message"), Some("system")) => system.push(system_text(item)?),
                (Some("item_reference"), _) => return Err(refused_reference(&item)),
                // The type of a reference is optional.
                (None, None) if item.word("id").is_some() => return Err(refused_reference(&item)),
                _ => out.item(raw),
            }
            Ok(())
        })?,
    }
    Ok(system)
}

fn refused_reference(item: &Members<'_>) -> InvalidRequest {
    InvalidRequest::unsupported_value(item.path(), "the provider stores no items: send the item itself.")
}

/// Returns the text of a system message: a string, or text parts as lines.
fn system_text(mut message: Members<'_>) -> Result<Text<'_>, InvalidRequest> {
    message.need_text_or_list("content")?.joined_lines(|part| {
        if part.need_word("type")? != "input_text" {
            return Err(part.unsupported("type", "a system message is sent as `instructions`, which are text."));
        }
        part.need_text("text")
    })
}
