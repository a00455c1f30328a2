//! Translates a request of either API for the backend. Clients mix the parameters of both APIs, so both accept all.
//!
//! Parameters with an equivalent in the backend's form are translated. Those that cannot be ignored without changing
//! the meaning are refused. All others, including unknown ones, are left out and named.

use super::{
    BackendModel, BackendRequest, CacheScope, InvalidRequest, Missing, Recalled,
    chat::messages,
    earlier, item_id, items,
    json_writer::JsonWriter,
    members::{Members, TextOrList},
    raw_json::{List, Text, read},
    reasoning::{self, Summary},
    recalled::Recall,
    system_text::{SystemTexts, write_text_message},
    text_format, tools,
};

/// Parameters that are sent unchanged. This is an allowlist, because the backend responds with 400 to unknown members.
pub const PASSED: [&str; 2] = ["client_metadata", "parallel_tool_calls"];

/// Parameters that would change the meaning of the request. They are refused, with the reason and the remedy.
pub const REFUSED: [(&str, &str); 3] = [
    ("audio", "The provider responds in text only: leave it out."),
    ("conversation", "The provider stores no conversations: send the whole conversation in `input`."),
    ("prompt", "The provider has no stored prompts: send the text in `instructions` and `input`."),
];

/// Part of every `include`, so that the response has the reasoning that later requests send back.
const ENCRYPTED_REASONING: &str = r#""reasoning.encrypted_content""#;

/// A translated request, and what its response needs.
pub(super) struct Translation {
    pub(super) request: BackendRequest,
    /// The request's own items, without those of earlier responses, as a JSON array.
    pub(super) own_input: String,
    pub(super) missing: Missing,
    /// The caller's `store`; None if it is absent.
    pub(super) store: Option<bool>,
    /// Whether the caller sent the deprecated `functions` and expects a `function_call` in the response.
    pub(super) wants_function_call: bool,
}

/// What differs between the APIs.
pub(super) struct Api<'a> {
    pub(super) prompt: Prompt<'a>,
    pub(super) summary: Summary,
    pub(super) recalled: &'a Recalled,
}

/// Where the conversation of the request is.
pub(super) enum Prompt<'a> {
    /// In this member, `input` or `messages`. If it is absent or empty, the other one is used.
    Member(&'static str),
    /// In this text, which becomes a user message.
    Text(Text<'a>),
}

/// Writes the body for the backend. `body` no longer has a `model`. `size` is the length of the caller's body.
pub(super) fn translate<'a>(
    mut body: Members<'a>,
    size: usize,
    model: &BackendModel,
    api: Api<'a>,
) -> Result<Translation, InvalidRequest> {
    body.refuse_all(&REFUSED)?;
    refuse_values(&mut body)?;
    let stream = body.take_flag("stream")?;
    let store = body.has("store").then(|| body.take_flag("store")).transpose()?;
    let mut out = JsonWriter::for_body(size);
    let wants_function_call = tools::translate(&mut body, &mut out)?;
    body.pass_all(&PASSED, &mut out);
    let ignores_tier = write_service_tier(&mut body, model, &mut out);
    let wants_json_object = text_format::translate(&mut body, &mut out)?;
    let mut ignored = reasoning::translate(&mut body, model, api.summary, &mut out)?;
    ignored.extend(ignores_tier.then(|| "service_tier".to_owned()));
    write_include(&mut body, &mut out)?;
    let Input { own, has_names, missing, session, is_lite } =
        write_input(&mut body, api, (wants_json_object, &model.cache), &mut out)?;
    ignored.extend(body.names().map(str::to_owned));
    ignored.extend(has_names.then(|| "messages.name".to_owned()));
    out.word("model", &model.name);
    out.flag("store", false);
    out.flag("stream", true);
    out.end_object();
    let request = BackendRequest { body: out.into_bytes(), stream, session, ignored, is_lite };
    Ok(Translation { request, own_input: own, missing, store, wants_function_call })
}

/// Refuses values that would change the meaning. Removes values that the backend uses anyway.
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

/// Writes the service tier of the caller or of the model's suffix, if it is `priority`: the backend refuses every other
/// value. `fast` is some clients' name for it. Returns whether another tier than the default is left out.
fn write_service_tier(body: &mut Members<'_>, model: &BackendModel, out: &mut JsonWriter) -> bool {
    let sent = body.take("service_tier");
    let tier = sent.and_then(Text::of).map(Text::unescaped);
    let is_priority = match tier.as_deref() {
        Some(tier) => matches!(tier, "priority" | "fast"),
        None => sent.is_none() && model.suffixes.is_fast,
    };
    if is_priority {
        out.word("service_tier", "priority");
    }
    sent.is_some() && !is_priority && !matches!(tier.as_deref(), Some("auto" | "default"))
}

/// Writes the caller's `include`, with the encrypted reasoning added.
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

/// What [`write_input`] returns about the input.
struct Input {
    own: String,
    /// Whether messages have a `name`, which items cannot carry.
    has_names: bool,
    missing: Missing,
    session: Option<String>,
    is_lite: bool,
}

/// Writes `input`, which begins with the items of earlier responses, then `instructions` and the cache key.
fn write_input<'a>(
    body: &mut Members<'a>,
    api: Api<'a>,
    (wants_json_object, cache): (bool, &CacheScope),
    out: &mut JsonWriter,
) -> Result<Input, InvalidRequest> {
    let instructions = body.take_text("instructions")?.unwrap_or(Text::EMPTY);
    out.begin_array_in("input");
    let start = out.len();
    let (mut recall, mut earlier_system) = (Recall::of(api.recalled), SystemTexts::default());
    earlier::write(&mut recall, &mut earlier_system, out)?;
    let own_start = out.len();
    let (system, has_names) = match api.prompt {
        Prompt::Text(text) => (write_items(TextOrList::Text(text), &mut recall, out)?, false),
        Prompt::Member(preferred) => {
            let name = prompt_member(body, preferred);
            if name == "input" && body.list(name).is_none_or(|input| !items::has_chat_messages(&input)) {
                let input = match body.take_text_or_list(name)? {
                    Some(input) => input,
                    // The request continues an earlier response without adding to it.
                    None if !api.recalled.earlier.is_empty() => TextOrList::List(List::of_json("[]")),
                    None => return Err(InvalidRequest::missing(name)),
                };
                (write_items(input, &mut recall, out)?, false)
            } else {
                let conversation = messages::translate(body.need_list(name)?, &mut recall, out)?;
                (conversation.system, conversation.has_names)
            }
        }
    };
    let own = [&system.as_items(), out.since(own_start).trim_start_matches(',')];
    let own = own.into_iter().filter(|items| !items.is_empty()).collect::<Vec<_>>().join(",");
    let instructions = system.place(instructions, start, wants_json_object, out);
    if recall.has_repeated_ids {
        out.end_array();
        // The array begins with its bracket.
        let unique = item_id::without_repeated(out.since(start - 1))?;
        out.truncate(start);
        out.json_item(&unique);
    }
    let key = cache.take_own_key(body).or_else(|| cache.derive(instructions.as_json(), out.since(start)));
    out.end_array();
    let is_lite = recall.has_additional_tools;
    // A request with its tools in the input has its instructions there, too.
    if !(is_lite && instructions.is_empty()) {
        out.text("instructions", &instructions);
    }
    let session = key.map(|key| cache.write(key, out));
    Ok(Input { own: format!("[{own}]"), has_names, missing: recall.missing, session, is_lite })
}

/// Returns the name of the member with the conversation.
fn prompt_member(body: &Members<'_>, preferred: &'static str) -> &'static str {
    let names = [preferred, "input", "messages"];
    let has_items = |name: &&str| body.has(name) && body.list(name).is_none_or(|list| !list.is_empty());
    let found = names.into_iter().find(has_items).or_else(|| names.into_iter().find(|name| body.has(name)));
    found.unwrap_or(preferred)
}

/// Writes the items of an input. Returns the texts of its system messages.
fn write_items<'a>(
    input: TextOrList<'a>,
    recall: &mut Recall<'a>,
    out: &mut JsonWriter,
) -> Result<SystemTexts<'a>, InvalidRequest> {
    let mut system = SystemTexts::default();
    match input {
        TextOrList::Text(text) => write_text_message("user", &text, out),
        TextOrList::List(list) => list.each_raw(|raw, path| items::write(raw, path, recall, &mut system, out))?,
    }
    Ok(system)
}
