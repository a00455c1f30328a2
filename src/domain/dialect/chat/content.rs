//! The content of a chat message: a text, or a list of text, image and file parts (OpenAI API reference, chat
//! completions, "content part").

use crate::domain::dialect::{
    InvalidRequest,
    invalid_request::shown,
    json_writer::JsonWriter,
    members::{Members, TextOrList},
    raw_json::Text,
    system_text::write_part,
};

/// Returns the content of a message that must be text: a system message or a tool output. Parts become lines.
pub(super) fn plain_text<'a>(message: &mut Members<'a>) -> Result<Text<'a>, InvalidRequest> {
    message.need_text_or_list("content")?.joined_lines(|part| match &*part.need_word("type")? {
        "text" => part.need_text("text"),
        other => Err(unknown_part(part, other)),
    })
}

/// Writes a user's content as the parts of an input message.
pub(super) fn write_user_parts(message: &mut Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    match message.need_text_or_list("content")? {
        TextOrList::Text(text) => {
            write_part("input_text", "text", &text, out);
            Ok(())
        }
        TextOrList::List(parts) => parts.each(|part| write_user_part(part, out)),
    }
}

fn write_user_part(mut part: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    match &*part.need_word("type")? {
        "text" => write_part("input_text", "text", &part.need_text("text")?, out),
        "image_url" => {
            let mut image = part.need_object("image_url")?;
            out.begin_object();
            out.word("type", "input_image");
            out.text("image_url", &image.need_text("url")?);
            out.copy_text(&mut image, "detail")?;
            out.end_object();
        }
        "file" => {
            let mut file = part.need_object("file")?;
            out.begin_object();
            out.word("type", "input_file");
            for name in ["file_data", "file_id", "filename"] {
                out.copy_text(&mut file, name)?;
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
        "text" => write_part("output_text", "text", &part.need_text("text")?, out),
        "refusal" => write_part("refusal", "refusal", &part.need_text("refusal")?, out),
        other => return Err(unknown_part(&part, other)),
    }
    Ok(())
}

fn unknown_part(part: &Members<'_>, kind: &str) -> InvalidRequest {
    part.unsupported("type", &format!("content of the type '{}' is not supported here.", shown(kind)))
}
