//! The content of a chat message: one text, or parts of text, pictures and files (OpenAI API reference, chat completions,
//! "content part").

use serde_json::{Value, json};

use crate::domain::dialect::{
    BadRequest,
    invalid_request::shown,
    members::{Members, TextOrList},
};

/// The content of a message that can only be text: the system's, or a tool's output. Parts stand one a line.
pub(super) fn plain_text(message: &mut Members) -> Result<String, BadRequest> {
    let path = message.path_of("content");
    let parts = match message.need_text_or_list("content")? {
        TextOrList::Text(text) => return Ok(text),
        TextOrList::List(parts) => parts,
    };
    let texts: Result<Vec<String>, BadRequest> = parts_at(parts, &path)
        .map(|part| {
            let mut part = part?;
            match part.need_text("type")?.as_str() {
                "text" => part.need_text("text"),
                other => Err(unknown_part(&part, other)),
            }
        })
        .collect();
    Ok(texts?.join("\n"))
}

/// What a user said, as the parts of an input message.
pub(super) fn user_parts(message: &mut Members) -> Result<Vec<Value>, BadRequest> {
    let path = message.path_of("content");
    match message.need_text_or_list("content")? {
        TextOrList::Text(text) => Ok(vec![json!({"type": "input_text", "text": text})]),
        TextOrList::List(parts) => parts_at(parts, &path).map(|part| user_part(part?)).collect(),
    }
}

fn user_part(mut part: Members) -> Result<Value, BadRequest> {
    match part.need_text("type")?.as_str() {
        "text" => Ok(json!({"type": "input_text", "text": part.need_text("text")?})),
        "image_url" => {
            let mut image = part.need_object("image_url")?;
            let mut sent = json!({"type": "input_image", "image_url": image.need_text("url")?});
            copy_text(&mut image, "detail", &mut sent)?;
            Ok(sent)
        }
        "file" => {
            let mut file = part.need_object("file")?;
            let mut sent = json!({"type": "input_file"});
            for name in ["file_data", "file_id", "filename"] {
                copy_text(&mut file, name, &mut sent)?;
            }
            Ok(sent)
        }
        "input_audio" => {
            let advice = "the provider does not listen: send a transcript as text.";
            Err(BadRequest::unsupported_value(&part.path_of("type"), advice))
        }
        other => Err(unknown_part(&part, other)),
    }
}

/// What the assistant said, as the parts of an output message; none if it only called tools.
pub(super) fn assistant_parts(message: &mut Members) -> Result<Vec<Value>, BadRequest> {
    let path = message.path_of("content");
    let mut said = match message.take_text_or_list("content")? {
        None => Vec::new(),
        Some(TextOrList::Text(text)) if text.is_empty() => Vec::new(),
        Some(TextOrList::Text(text)) => vec![json!({"type": "output_text", "text": text})],
        Some(TextOrList::List(parts)) => {
            parts_at(parts, &path).map(|part| assistant_part(part?)).collect::<Result<_, _>>()?
        }
    };
    if let Some(refusal) = message.take_text("refusal")? {
        said.push(json!({"type": "refusal", "refusal": refusal}));
    }
    Ok(said)
}

fn assistant_part(mut part: Members) -> Result<Value, BadRequest> {
    match part.need_text("type")?.as_str() {
        "text" => Ok(json!({"type": "output_text", "text": part.need_text("text")?})),
        "refusal" => Ok(json!({"type": "refusal", "refusal": part.need_text("refusal")?})),
        other => Err(unknown_part(&part, other)),
    }
}

fn parts_at(parts: Vec<Value>, path: &str) -> impl Iterator<Item = Result<Members, BadRequest>> {
    parts.into_iter().enumerate().map(move |(index, part)| Members::of(part, format!("{path}[{index}]")))
}

fn copy_text(from: &mut Members, name: &str, to: &mut Value) -> Result<(), BadRequest> {
    if let (Some(text), Value::Object(to)) = (from.take_text(name)?, to) {
        to.insert(name.to_owned(), text.into());
    }
    Ok(())
}

fn unknown_part(part: &Members, kind: &str) -> BadRequest {
    let advice = format!("content of the type '{}' cannot stand here.", shown(kind));
    BadRequest::unsupported_value(&part.path_of("type"), &advice)
}
