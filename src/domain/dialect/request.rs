//! The translation of a request, which is the same for both APIs: clients send the parameters of one to the other.
//!
//! Few parameters are refused, because leaving them out would change the meaning. What has a twin in the backend's form
//! is translated. Everything else is left out and named, also parameters that nobody knows.

use serde_json::value::RawValue;

use super::{
    BackendModel, BackendRequest, InvalidRequest,
    chat::messages,
    items,
    json_writer::JsonWriter,
    members::{Members, TextOrList},
    raw_json::{Text, read},
    reasoning::{self, Summary},
    system_text::{SystemTexts, write_text_message},
    text_format, tools,
};

/// Parameters that are sent unchanged. The backend responds with 400 to unknown members, so this is an allowlist.
pub const PASSED: [&str; 3] = ["client_metadata", "parallel_tool_calls", "prompt_cache_key"];

/// Parameters that would change the meaning of the request. They are refused, with the reason and the remedy.
pub const REFUSED: [(&str, &str); 4] = [
    ("audio", "The provider responds in text only: leave it out."),
    ("previous_response_id", "The provider stores no responses: send the whole conversation in `input`."),
    ("conversation", "The provider stores no conversations: send the whole conversation in `input`."),
    ("prompt", "The provider has no stored prompts: send the text in `instructions` and `input`."),
];

/// What both APIs ask for: the model's reasoning, so that it can be sent back.
const ENCRYPTED_REASONING: &str = r#""reasoning.encrypted_content""#;

/// The translation of a request whose `model`, and the options of the response, were taken out.
pub(super) struct Translation {
    pub(super) request: BackendRequest,
    /// Whether the caller sent `functions` and expects a `function_call` in the response.
    pub(super) wants_function_call: bool,
}

/// How the APIs differ.
pub(super) struct Api<'a> {
    pub(super) prompt: Prompt<'a>,
    pub(super) summary: Summary,
}

/// Where the conversation is.
pub(super) enum Prompt<'a> {
    /// In this member: `input` or `messages`. The other one is accepted in its place.
    Member(&'static str),
    /// In this text of the user.
    Text(Text<'a>),
}

/// Writes the body for the backend. `size` is the length of the caller's body.
pub(super) fn translate(
    mut body: Members<'_>,
    size: usize,
    model: &BackendModel,
    api: Api<'_>,
) -> Result<Translation, InvalidRequest> {
    body.refuse_all(&REFUSED)?;
    refuse_values(&mut body)?;
    let stream = body.take_flag("stream")?;
    let is_stored = body.take_flag("store")?;
    let mut out = JsonWriter::for_body(size);
    let wants_function_call = tools::translate(&mut body, &mut out)?;
    body.pass_all(&PASSED, &mut out);
    write_service_tier(&mut body, model, &mut out);
    let wants_json_object = text_format::translate(&mut body, &mut out)?;
    let mut ignored = reasoning::translate(&mut body, model, api.summary, &mut out)?;
    write_include(&mut body, &mut out)?;
    let has_names = write_input(&mut body, api.prompt, wants_json_object, &mut out)?;
    ignored.extend(body.names().map(str::to_owned));
    ignored.extend(is_stored.then(|| "store".to_owned()));
    ignored.extend(has_names.then(|| "messages.name".to_owned()));
    out.word("model", &model.name);
    out.flag("store", false);
    out.flag("stream", true);
    out.end_object();
    Ok(Translation { request: BackendRequest { body: out.into_bytes(), stream, ignored }, wants_function_call })
}

/// Refuses values that would change the meaning, and takes out those that are the backend's fixed behaviour.
fn refuse_values(body: &mut Members<'_>) -> Result<(), InvalidRequest> {
    if body.take_flag("background")? {
        let advice = "The provider stores no responses: leave it out, and stream long responses.";
        return Err(InvalidRequest::refused("background", advice));
    }
    if body.take("n").is_some_and(|n| read::<f64>(n) != Some(1.0)) {
        let advice = "The provider returns one choice: send several requests instead.";
        return Err(InvalidRequest::refused("n", advice));
    }
    let no_logprobs = "The provider returns no probabilities: leave it out.";
    if body.take_flag("logprobs")? {
        return Err(InvalidRequest::refused("logprobs", no_logprobs));
    }
    if body.take("top_logprobs").is_some_and(|top| read::<u64>(top) != Some(0)) {
        return Err(InvalidRequest::refused("top_logprobs", no_logprobs));
    }
    match body.get("modalities").and_then(read::<Vec<String>>) {
        Some(kinds) if kinds.iter().any(|kind| kind == "audio") => {
            Err(InvalidRequest::refused("modalities", "The provider responds in text only: leave it out."))
        }
        Some(kinds) if kinds == ["text"] => {
            let _default = body.take("modalities");
            Ok(())
        }
        Some(_) | None => Ok(()),
    }
}

/// Writes the service tier that the caller or the model's name asks for. Some clients call `priority` `fast`.
fn write_service_tier(body: &mut Members<'_>, model: &BackendModel, out: &mut JsonWriter) {
    let is_fast = match body.word("service_tier") {
        Some(tier) => tier == "fast",
        None => model.suffixes.is_fast && !body.has("service_tier"),
    };
    let sent = body.take("service_tier");
    if is_fast {
        out.word("service_tier", "priority");
    } else if let Some(tier) = sent {
        out.raw("service_tier", tier);
    }
}

/// Asks for what the caller includes, and for the reasoning.
fn write_include(body: &mut Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let included = body.take_list("include")?;
    out.begin_array_in("include");
    if let Some(included) = included {
        included.each_raw(|name, _path| {
            if name.get() != ENCRYPTED_REASONING {
                out.item(name);
            }
            Ok(())
        })?;
    }
    out.json_item(ENCRYPTED_REASONING);
    out.end_array();
    Ok(())
}

/// Writes the `input` and the `instructions`. Returns whether messages have names, which items do not.
fn write_input(
    body: &mut Members<'_>,
    prompt: Prompt<'_>,
    wants_json_object: bool,
    out: &mut JsonWriter,
) -> Result<bool, InvalidRequest> {
    let instructions = body.take_text("instructions")?.unwrap_or(Text::EMPTY);
    out.begin_array_in("input");
    let start = out.len();
    let (system, has_names) = match prompt {
        Prompt::Text(text) => (write_items(TextOrList::Text(text), out)?, false),
        Prompt::Member(own) => {
            let sent = ["input", "messages"].into_iter().find(|name| body.has(name)).unwrap_or(own);
            let name = if body.has(own) { own } else { sent };
            if name == "input" {
                (write_items(body.need_text_or_list(name)?, out)?, false)
            } else {
                let conversation = messages::translate(body.need_list(name)?, out)?;
                (conversation.system, conversation.has_names)
            }
        }
    };
    system.place(instructions, start, wants_json_object, out);
    Ok(has_names)
}

/// Writes the items of an input and returns the texts of its system messages.
fn write_items<'a>(input: TextOrList<'a>, out: &mut JsonWriter) -> Result<SystemTexts<'a>, InvalidRequest> {
    let mut system = SystemTexts::default();
    match input {
        TextOrList::Text(text) => write_text_message("user", &text, out),
        TextOrList::List(list) => {
            list.each_raw(|raw: &'a RawValue, path| items::write(raw, Members::of(raw, path)?, &mut system, out))?;
        }
    }
    Ok(system)
}
