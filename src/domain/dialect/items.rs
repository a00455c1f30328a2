//! Writes the items of a request's input. Replaces references by the items, adds stored reasoning, and leaves out or
//! rewrites what the backend refuses. All else is unchanged, including the ids.

use serde_json::value::RawValue;

use super::{
    InvalidRequest, call_id, call_name,
    chat::content,
    item_id,
    json_writer::JsonWriter,
    members::Members,
    raw_json::{List, Text},
    recalled::Recall,
    system_text::SystemTexts,
};

/// The role of the model's own messages.
const ASSISTANT: &str = "assistant";
/// The member of a call of the provider's own tool that says what the tool does, such as a web search's query.
const ACTION: &str = "action";

/// Whether an item is a message. A message may lack its `type`.
pub(super) fn is_message(item: &Members<'_>) -> bool {
    item.word("type").is_none_or(|kind| kind == "message")
}

/// Whether an input contains messages in the form of Chat Completions: the calls of an assistant, or a tool's output.
pub(super) fn has_chat_messages(input: &List<'_>) -> bool {
    const MEMBERS: [&str; 2] = ["tool_calls", "tool_call_id"];
    // Most inputs have neither name in their text and need no parser.
    if !MEMBERS.into_iter().any(|name| input.mentions(name)) {
        return false;
    }
    let mut found = false;
    let _read = input.clone().each(|item| {
        found |= is_message(&item) && MEMBERS.into_iter().any(|name| item.has(name));
        Ok(())
    });
    found
}

/// Writes an item. The text of a system message is added to `system` instead.
pub(super) fn write<'a>(
    raw: &'a RawValue,
    path: String,
    recall: &mut Recall<'a>,
    system: &mut SystemTexts<'a>,
    out: &mut JsonWriter,
) -> Result<(), InvalidRequest> {
    let item = Members::of(raw, path)?;
    if let Some(id) = item.word("id") {
        recall.note_id(id);
    }
    match (item.word("type").as_deref(), item.word("role").as_deref()) {
        (None | Some("message"), Some("system")) => system.push(system_text(item)?),
        // A reference may lack its `type`.
        (Some("item_reference"), _) | (None, None) if item.word("id").is_some() => write_referenced(&item, recall, out),
        (Some("image_generation_call"), _) if lacks_image(&item) => write_named_image(&item, recall, out),
        (Some("item_reference"), _) => return Err(InvalidRequest::missing(&format!("{}.id", item.path()))),
        (Some("reasoning"), _) if item.word("encrypted_content").is_none_or(|content| content.is_empty()) => {
            write_reasoning(&item, recall, out);
        }
        (Some("reasoning"), _) => {
            recall.has_own_reasoning = true;
            write_accepted(raw, item, out);
        }
        (Some("additional_tools"), _) => {
            recall.has_additional_tools = true;
            write_accepted(raw, item, out);
        }
        (None | Some("message"), _) => write_message(raw, item, out)?,
        (Some(kind), _) if kind.contains("call") || item.has("call_id") => {
            if let (false, Some(id)) = (kind.ends_with("_output"), item.get("call_id").and_then(Text::of)) {
                write_reasoning_before(&id, recall, out);
            }
            write_call(raw, item, recall, out)?;
        }
        _ => write_accepted(raw, item, out),
    }
    Ok(())
}

/// Returns the members that clients send back although the backend refuses them in an input. They occur only in
/// outputs, or OpenAI's SDKs add them when they parse a response.
fn unknown_to_backend(kind: Option<&str>) -> &'static [&'static str] {
    match kind {
        Some("reasoning") => &["content", "status"],
        Some("image_generation_call") => &["action", "background", "output_format", "quality", "size"],
        Some("function_call") => &["parsed_arguments"],
        Some("output_text") => &["parsed"],
        _ => &[],
    }
}

/// Removes from an item or a part what the backend refuses, and members that are `null`, which SDKs write for absent
/// ones. Returns whether anything was removed.
fn leave_out_refused(item: &mut Members<'_>) -> bool {
    let unknown = unknown_to_backend(item.word("type").as_deref());
    let had_unknown = item.leave_out(unknown);
    item_id::remove_refused(item) || had_unknown
}

/// Writes an item or a part without what the backend refuses.
pub(super) fn write_accepted(raw: &RawValue, mut item: Members<'_>, out: &mut JsonWriter) {
    let has_refused = leave_out_refused(&mut item);
    if !has_refused && action_without_nulls(&item).is_none() {
        return out.item(raw);
    }
    out.begin_object();
    write_members(item, out);
    out.end_object();
}

/// Writes the members of an item or a part, and those of its action, except for what is `null` in the action.
fn write_members(mut item: Members<'_>, out: &mut JsonWriter) {
    if let Some(action) = action_without_nulls(&item) {
        let _replaced = item.take(ACTION);
        out.begin_object_in(ACTION);
        action.write(out);
        out.end_object();
    }
    item.write(out);
}

/// Returns the action of a call of the provider's own tool without its members that are `null`; None if it has none.
fn action_without_nulls<'a>(item: &Members<'a>) -> Option<Members<'a>> {
    let mut action = Members::of(item.get(ACTION)?, String::new()).ok()?;
    action.leave_out(&[]).then_some(action)
}

/// Writes a message and its parts without what the backend refuses.
fn write_message(raw: &RawValue, mut item: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let role = item.word("role").unwrap_or_default();
    if !["content", "tool_calls", "function_call", "refusal"].into_iter().any(|name| item.has(name)) {
        write_without_content(&role, item, out);
        return Ok(());
    }
    let Some(parts) = item.list("content").filter(|parts| needs_rewriting(&role, parts)) else {
        write_accepted(raw, item, out);
        return Ok(());
    };
    let _replaced = item.take("content");
    let _refused = leave_out_refused(&mut item);
    let pictures = (role == ASSISTANT).then(|| parts.clone());
    if pictures.is_none() || has_other_than_pictures(&parts)? {
        out.begin_object();
        item.write(out);
        write_parts("content", &role, parts, out)?;
        out.end_object();
    }
    content::write_pictures(pictures, out)
}

fn has_other_than_pictures(parts: &List<'_>) -> Result<bool, InvalidRequest> {
    let mut has_others = false;
    parts.clone().each(|part| {
        has_others |= !content::is_picture(&part);
        Ok(())
    })?;
    Ok(has_others)
}

/// Writes a message without content with an empty text, because the backend requires one. Leaves out a message of the
/// assistant: SDKs write it for a turn that only called tools.
fn write_without_content(role: &str, mut message: Members<'_>, out: &mut JsonWriter) {
    if role == ASSISTANT {
        return;
    }
    let _refused = leave_out_refused(&mut message);
    out.begin_object();
    message.write(out);
    out.text("content", &Text::EMPTY);
    out.end_object();
}

/// Writes the parts of a message, or of a tool's output, without what the backend refuses.
fn write_parts(name: &str, role: &str, parts: List<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    out.begin_array_in(name);
    parts.each_raw(|raw, path| {
        let part = Members::of(raw, path)?;
        if is_foreign_part(role, &part) {
            return content::write_part_of(role, part, out);
        }
        write_accepted(raw, part, out);
        Ok(())
    })?;
    out.end_array();
    Ok(())
}

/// Whether a part has the form of Chat Completions, or the type of another role's texts. Clients send such parts to
/// both APIs, and the backend refuses them.
fn is_foreign_part(role: &str, part: &Members<'_>) -> bool {
    match part.word("type").as_deref() {
        Some("text" | "image_url" | "file") => true,
        Some("input_text") => role == ASSISTANT,
        Some("output_text") => role != ASSISTANT,
        Some("input_image") => part.get("image_url").is_some_and(|url| role == ASSISTANT || url.get().starts_with('{')),
        Some(_) | None => false,
    }
}

/// Whether one of these parts must be rewritten. A list that has other values than objects is sent unchanged.
fn needs_rewriting(role: &str, parts: &List<'_>) -> bool {
    let mut needs = false;
    let read = parts.clone().each(|mut part| {
        needs |= is_foreign_part(role, &part) || leave_out_refused(&mut part);
        Ok(())
    });
    read.is_ok() && needs
}

/// Writes the item that a reference names, or records that it is missing.
fn write_referenced(reference: &Members<'_>, recall: &mut Recall<'_>, out: &mut JsonWriter) {
    let id = reference.word("id").unwrap_or_default();
    match recall.item(&id) {
        Some(item) => write_recalled(item, out),
        None => recall.missing.references.push(id.into_owned()),
    }
}

fn lacks_image(item: &Members<'_>) -> bool {
    item.get("result").and_then(Text::of).is_none_or(|data| data.is_empty())
}

/// Writes the image that an item without its data names: clients need not send the data back. Leaves out an item that
/// names none, such as that of an image that failed.
fn write_named_image(item: &Members<'_>, recall: &mut Recall<'_>, out: &mut JsonWriter) {
    if item.word("id").is_some() && item.word("status").as_deref() != Some("failed") {
        write_referenced(item, recall, out);
    }
}

/// Writes the reasoning that preceded a call.
pub(super) fn write_reasoning_before(call_id: &Text<'_>, recall: &mut Recall<'_>, out: &mut JsonWriter) {
    for item in recall.reasoning_before(call_id) {
        write_recalled(&item, out);
    }
}

/// Writes an item of an earlier response.
fn write_recalled(raw: &RawValue, out: &mut JsonWriter) {
    match Members::of(raw, String::new()) {
        Ok(item) => write_accepted(raw, item, out),
        Err(_not_an_item) => out.item(raw),
    }
}

/// Writes the stored item of reasoning that the caller sends without encrypted content.
fn write_reasoning(item: &Members<'_>, recall: &mut Recall<'_>, out: &mut JsonWriter) {
    let Some(id) = item.word("id") else { return };
    match recall.item(&id) {
        Some(item) => write_recalled(item, out),
        None => recall.missing.reasoning.push(id.into_owned()),
    }
}

/// Returns the arguments of a call. A function call without arguments gets `{}`: the backend refuses missing ones.
pub(super) fn arguments<'a>(kind: &str, given: Option<Text<'a>>) -> Text<'a> {
    let given = given.filter(|given| !given.is_empty());
    given.unwrap_or_else(|| if kind == "function_call" { Text::from_plain("{}") } else { Text::EMPTY })
}

/// Returns the member with the text of a call or of its output.
fn text_member(kind: &str) -> Option<&'static str> {
    match kind {
        "function_call" => Some("arguments"),
        "custom_tool_call" => Some("input"),
        "function_call_output" | "custom_tool_call_output" => Some("output"),
        _ => None,
    }
}

/// Returns the member that the backend refuses: arguments and inputs must be text, an output must be text or a list of
/// parts, and none may be missing.
fn refused_member(kind: &str, item: &Members<'_>) -> Option<&'static str> {
    let name = text_member(kind)?;
    let fits = match item.get(name).map(RawValue::get) {
        None => false,
        Some("\"\"") => kind != "function_call",
        Some(json) => json.starts_with('"') || name == "output" && item.list(name).is_some_and(|list| list.are_parts()),
    };
    (!fits).then_some(name)
}

/// Returns the id and the name of a call or its output, if the backend requires others.
fn replacements<'a>(kind: &str, item: &Members<'a>) -> Vec<(&'static str, Text<'a>)> {
    let text = |name| item.get(name).and_then(Text::of);
    let is_named = matches!(kind, "function_call" | "custom_tool_call");
    let id = text("call_id").map(|id| ("call_id", id.clone(), call_id::shorten(id)));
    let name = text("name").filter(|_| is_named).map(|name| ("name", name.clone(), call_name::accepted(name)));
    let both = [id, name].into_iter().flatten();
    both.filter(|(_, given, sent)| given.as_json() != sent.as_json()).map(|(name, _, sent)| (name, sent)).collect()
}

/// Writes a call or its output. Replaces an id, a name, arguments, or an output or its parts that the backend refuses.
fn write_call(
    raw: &RawValue,
    mut item: Members<'_>,
    recall: &mut Recall<'_>,
    out: &mut JsonWriter,
) -> Result<(), InvalidRequest> {
    let kind = item.word("type").unwrap_or_default();
    let refused_member = refused_member(&kind, &item);
    let replacements = replacements(&kind, &item);
    let parts = item.list("output").filter(|_| text_member(&kind) == Some("output") && refused_member.is_none());
    let parts = parts.filter(|parts| needs_rewriting("tool", parts));
    if replacements.is_empty() && refused_member.is_none() && parts.is_none() {
        write_accepted(raw, item, out);
        return Ok(());
    }
    let _refused = leave_out_refused(&mut item);
    out.begin_object();
    for (name, text) in replacements {
        let _replaced = item.take(name);
        out.text(name, &text);
    }
    if let Some(name) = refused_member {
        out.text(name, &arguments(&kind, item.take_as_text(name, &mut recall.json_as_text_left)?));
    }
    if let Some(parts) = parts {
        let _replaced = item.take("output");
        write_parts("output", "tool", parts, out)?;
    }
    write_members(item, out);
    out.end_object();
    Ok(())
}

/// Returns the text of a system message: a string, or its text parts joined with line breaks.
fn system_text(mut message: Members<'_>) -> Result<Text<'_>, InvalidRequest> {
    message.need_text_or_list("content")?.joined_lines(|part| {
        if !matches!(&*part.need_word("type")?, "input_text" | "text") {
            return Err(part.unsupported("type", "a system message is sent as `instructions`, which are text."));
        }
        part.need_text("text")
    })
}

/// Returns a body for the backend without its reasoning items; None if it has none. Only the workspace for which the
/// reasoning was made can decrypt it.
pub fn without_reasoning(body: &[u8]) -> Option<Vec<u8>> {
    let mut members = Members::of_body(body).ok()?;
    let input = members.take_list("input").ok()??;
    let (mut out, mut has_reasoning) = (JsonWriter::for_body(body.len()), false);
    members.write(&mut out);
    out.begin_array_in("input");
    let copied = input.each_raw(|item, path| {
        match Members::of(item, path)?.word("type").as_deref() {
            Some("reasoning") => has_reasoning = true,
            Some(_) | None => out.item(item),
        }
        Ok(())
    });
    out.end_array();
    out.end_object();
    (copied.is_ok() && has_reasoning).then(|| out.into_bytes())
}
