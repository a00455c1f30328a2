//! The items of a response's input. They are sent unchanged, including their ids, except where the backend would refuse
//! them.

use serde_json::value::RawValue;

use super::{
    InvalidRequest, call_id, json_writer::JsonWriter, members::Members, raw_json::Text, recalled::Recall,
    system_text::SystemTexts,
};

/// Whether an item is a message. Its type is optional.
pub(super) fn is_message(item: &Members<'_>) -> bool {
    item.word("type").is_none_or(|kind| kind == "message")
}

/// Writes an item, or collects the text of a system message.
pub(super) fn write<'a>(
    raw: &'a RawValue,
    path: String,
    recall: &mut Recall<'a>,
    system: &mut SystemTexts<'a>,
    out: &mut JsonWriter,
) -> Result<(), InvalidRequest> {
    let item = Members::of(raw, path)?;
    match (item.word("type").as_deref(), item.word("role").as_deref()) {
        (None | Some("message"), Some("system")) => system.push(system_text(item)?),
        // The type of a reference is optional.
        (Some("item_reference"), _) | (None, None) if item.word("id").is_some() => write_referenced(&item, recall, out),
        (Some("item_reference"), _) => return Err(InvalidRequest::missing(&format!("{}.id", item.path()))),
        (Some("reasoning"), _) if item.word("encrypted_content").is_none_or(|content| content.is_empty()) => {
            write_reasoning(&item, recall, out);
        }
        (Some("reasoning"), _) => {
            recall.has_own_reasoning = true;
            out.item(raw);
        }
        (Some(kind), _) if kind.contains("call") => {
            if let (false, Some(id)) = (kind.ends_with("_output"), item.get("call_id").and_then(Text::of)) {
                recall.write_reasoning_before(&id, out);
            }
            write_call(raw, item, out);
        }
        _ => out.item(raw),
    }
    Ok(())
}

/// Writes the item that a reference names.
fn write_referenced(reference: &Members<'_>, recall: &mut Recall<'_>, out: &mut JsonWriter) {
    let id = reference.word("id").unwrap_or_default();
    match recall.item(&id) {
        Some(item) => out.item(item),
        None => recall.missing.references.push(id.into_owned()),
    }
}

/// Writes reasoning whose encrypted content the caller left out: the backend stores nothing under its id.
fn write_reasoning(item: &Members<'_>, recall: &mut Recall<'_>, out: &mut JsonWriter) {
    let Some(id) = item.word("id") else { return };
    match recall.item(&id) {
        Some(item) => out.item(item),
        None => recall.missing.reasoning.push(id.into_owned()),
    }
}

/// Writes a call or its output, with an id and an output that the backend accepts.
fn write_call(raw: &RawValue, mut item: Members<'_>, out: &mut JsonWriter) {
    let is_output = matches!(item.word("type").as_deref(), Some("function_call_output" | "custom_tool_call_output"));
    let output = item.get("output").map(RawValue::get);
    let lacks_output = is_output && !output.is_some_and(|json| json.starts_with(['"', '[']));
    let id = item.get("call_id").and_then(Text::of);
    let accepted = id.clone().map(call_id::accepted);
    let has_long_id = id.zip(accepted.as_ref()).is_some_and(|(id, accepted)| id.as_json() != accepted.as_json());
    if !has_long_id && !lacks_output {
        return out.item(raw);
    }
    out.begin_object();
    if let Some(id) = accepted {
        let _replaced = item.take("call_id");
        out.text("call_id", &id);
    }
    if lacks_output {
        let _replaced = item.take("output");
        out.text("output", &output.map_or(Text::EMPTY, Text::from_word));
    }
    item.write(out);
    out.end_object();
}

/// Returns the text of a system message: a string, or text parts as lines.
fn system_text(mut message: Members<'_>) -> Result<Text<'_>, InvalidRequest> {
    message.need_text_or_list("content")?.joined_lines(|part| {
        if !matches!(&*part.need_word("type")?, "input_text" | "text") {
            return Err(part.unsupported("type", "a system message is sent as `instructions`, which are text."));
        }
        part.need_text("text")
    })
}
