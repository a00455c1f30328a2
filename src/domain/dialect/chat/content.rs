//! The content of a chat message: a text, or a list of text, image and file parts (OpenAI API reference, chat
//! completions, "content part"). Parts of the Responses API are accepted too.

use serde_json::value::RawValue;

use crate::domain::dialect::{
    InvalidRequest,
    invalid_request::shown,
    json_writer::JsonWriter,
    members::{Members, TextOrList},
    raw_json::{List, Text},
    system_text::{begin_message, end_message, write_part},
};

/// Returns the content of a system message, which must be text. Joins parts with line breaks.
pub(super) fn plain_text<'a>(message: &mut Members<'a>) -> Result<Text<'a>, InvalidRequest> {
    message.need_text_or_list("content")?.joined_lines(text_of)
}

fn text_of<'a>(part: &mut Members<'a>) -> Result<Text<'a>, InvalidRequest> {
    match &*part.need_word("type")? {
        kind if is_text(kind) => part.need_text("text"),
        other => Err(unknown_part(part, other)),
    }
}

fn is_text(kind: &str) -> bool {
    matches!(kind, "text" | "input_text" | "output_text")
}

/// What a tool returned.
pub(super) enum ToolOutput<'a> {
    Text(Text<'a>),
    /// Parts, at least one of which is not text.
    Parts(List<'a>),
}

impl<'a> ToolOutput<'a> {
    /// Removes the content of a tool's message and returns it. Missing content becomes an empty text. Text parts are
    /// joined with line breaks. Other JSON, such as a list that has no parts, becomes its text.
    pub(super) fn of(message: &mut Members<'a>, json_left: &mut usize) -> Result<Self, InvalidRequest> {
        let is_other_json = message.get("content").is_some_and(|content| match message.list("content") {
            Some(list) => !list.are_parts(),
            None => Text::of(content).is_none(),
        });
        if is_other_json {
            return Ok(Self::Text(message.take_as_text("content", json_left)?.unwrap_or(Text::EMPTY)));
        }
        match message.take_text_or_list("content")? {
            None => Ok(Self::Text(Text::EMPTY)),
            Some(TextOrList::List(parts)) if has_other_parts(&parts)? => Ok(Self::Parts(parts)),
            Some(content) => content.joined_lines(text_of).map(Self::Text),
        }
    }

    pub(super) fn write(self, name: &str, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
        match self {
            Self::Text(text) => out.text(name, &text),
            Self::Parts(parts) => {
                out.begin_array_in(name);
                parts.each(|part| write_user_part(part, out))?;
                out.end_array();
            }
        }
        Ok(())
    }
}

fn has_other_parts(parts: &List<'_>) -> Result<bool, InvalidRequest> {
    let mut has_others = false;
    parts.clone().each(|part| {
        has_others |= part.word("type").is_some_and(|kind| !is_text(&kind));
        Ok(())
    })?;
    Ok(has_others)
}

/// Writes a user's content as the parts of an input message.
pub(super) fn write_user_parts(message: &mut Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let text = match message.take_text_or_list("content")? {
        Some(TextOrList::List(parts)) if !parts.is_empty() => return parts.each(|part| write_user_part(part, out)),
        Some(TextOrList::Text(text)) => text,
        Some(TextOrList::List(_)) | None => Text::EMPTY,
    };
    write_part("input_text", "text", &text, out);
    Ok(())
}

/// Writes a part of a message with the role `role` as a part of the Responses API.
pub(in crate::domain::dialect) fn write_part_of(
    role: &str,
    part: Members<'_>,
    out: &mut JsonWriter,
) -> Result<(), InvalidRequest> {
    if role == "assistant" { write_assistant_part(part, out) } else { write_user_part(part, out) }
}

fn write_user_part(mut part: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    match &*part.need_word("type")? {
        kind if is_text(kind) => write_part("input_text", "text", &part.need_text("text")?, out),
        "image_url" | "input_image" if part.has("image_url") => write_image(part, out)?,
        // The member is missing, so this is an error.
        "image_url" => _ = part.need_text("image_url")?,
        kind @ ("input_image" | "input_file") => {
            out.begin_object();
            out.word("type", kind);
            part.write(out);
            out.end_object();
        }
        "file" => {
            let mut file = part.need_object("file")?;
            out.begin_object();
            out.word("type", "input_file");
            for name in ["file_data", "file_id", "filename"] {
                file.copy_text(name, out)?;
            }
            out.end_object();
        }
        "input_audio" => {
            return Err(part.unsupported("type", "the provider accepts no audio: send a transcript as text."));
        }
        other => return Err(unknown_part(&part, other)),
    }
    Ok(())
}

/// Writes an image. Its `image_url` is a text, or an object with a `url`.
fn write_image(mut part: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let url = part.get("image_url").and_then(Text::of);
    let mut image = if url.is_some() { part } else { part.need_object("image_url")? };
    out.begin_object();
    out.word("type", "input_image");
    match url {
        Some(url) => out.text("image_url", &url),
        None => out.text("image_url", &image.need_text("url")?),
    }
    image.copy_text("detail", out)?;
    out.end_object();
    Ok(())
}

/// Writes an assistant's content as the parts of an output message. Writes nothing if the message only calls tools.
pub(super) fn write_assistant_parts(message: &mut Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    match message.take_text_or_list("content")? {
        None => {}
        Some(TextOrList::Text(text)) if text.is_empty() => {}
        Some(TextOrList::Text(text)) => write_part("output_text", "text", &text, out),
        Some(TextOrList::List(parts)) => parts.each(|part| write_assistant_part(part, out))?,
    }
    if let Some(refusal) = message.take_text("refusal")? {
        write_part("refusal", "refusal", &refusal, out);
    }
    Ok(())
}

fn write_assistant_part(mut part: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    match &*part.need_word("type")? {
        kind if is_text(kind) => write_part("output_text", "text", &part.need_text("text")?, out),
        "refusal" => write_part("refusal", "refusal", &part.need_text("refusal")?, out),
        // `write_pictures` writes these.
        "image_url" | "input_image" if part.has("image_url") => {}
        // Other providers' reasoning, which this one does not accept.
        "thinking" | "redacted_thinking" | "reasoning" => {}
        other => return Err(unknown_part(&part, other)),
    }
    Ok(())
}

/// Whether a part is a picture.
pub(in crate::domain::dialect) fn is_picture(part: &Members<'_>) -> bool {
    matches!(part.word("type").as_deref(), Some("image_url" | "input_image")) && part.has("image_url")
}

/// Writes the pictures of a message of the assistant as a message of the user, because the backend accepts pictures
/// from nobody else. Other parts are ignored.
pub(in crate::domain::dialect) fn write_pictures<'a>(
    lists: impl IntoIterator<Item = List<'a>>,
    out: &mut JsonWriter,
) -> Result<(), InvalidRequest> {
    let write_one = |raw: &'a RawValue, path: String, out: &mut JsonWriter| match Members::of(raw, path) {
        Ok(part) if is_picture(&part) => write_user_part(part, out),
        Ok(_) | Err(_) => Ok(()),
    };
    let write = |out: &mut JsonWriter| {
        lists.into_iter().try_for_each(|parts| parts.each_raw(|raw, path| write_one(raw, path, out)))
    };
    out.unless_empty(|out| begin_message("user", out), write, end_message)
}

fn unknown_part(part: &Members<'_>, kind: &str) -> InvalidRequest {
    part.unsupported("type", &format!("content of the type '{}' is not supported here.", shown(kind)))
}
