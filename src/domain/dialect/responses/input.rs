//! The input of a Responses request: one text or a list of items, from which the system messages are taken out.

use serde_json::{Value, json};

use crate::domain::dialect::{
    BadRequest,
    members::{Members, TextOrList},
    system_text::SystemTexts,
};

/// Reads the body's `input` into the items to send and the texts of its system messages.
pub(super) fn read(body: &mut Members) -> Result<(Vec<Value>, SystemTexts), BadRequest> {
    let mut system = SystemTexts::default();
    let items = match body.need_text_or_list("input")? {
        TextOrList::Text(text) => vec![user_item(text)],
        TextOrList::List(items) => items,
    };
    let mut kept = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let path = format!("input[{index}]");
        match kind_of(&item, &path)? {
            Kind::System => system.push(system_text(item, path)?),
            Kind::Reference => {
                let advice = "the provider stores no items: send the item itself.";
                return Err(BadRequest::unsupported_value(&path, advice));
            }
            Kind::Other => kept.push(item),
        }
    }
    Ok((kept, system))
}

enum Kind {
    System,
    /// The id of a stored item in place of the item.
    Reference,
    /// Everything else goes on untouched, ids and all: it is the backend that knows its items.
    Other,
}

fn kind_of(item: &Value, path: &str) -> Result<Kind, BadRequest> {
    if !item.is_object() {
        return Err(BadRequest::invalid_type(path, "an object"));
    }
    let text = |name| item.get(name).and_then(Value::as_str);
    Ok(match (text("type"), text("role")) {
        (None | Some("message"), Some("system")) => Kind::System,
        // The type of a reference may be left out.
        (Some("item_reference"), _) => Kind::Reference,
        (None, None) if text("id").is_some() => Kind::Reference,
        _ => Kind::Other,
    })
}

fn user_item(text: String) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

/// The text of a system message: a string, or parts of text, one a line.
fn system_text(item: Value, path: String) -> Result<String, BadRequest> {
    let mut message = Members::of(item, path)?;
    let path = message.path_of("content");
    let parts = match message.need_text_or_list("content")? {
        TextOrList::Text(text) => return Ok(text),
        TextOrList::List(parts) => parts,
    };
    let mut texts = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let mut part = Members::of(part, format!("{path}[{index}]"))?;
        if part.need_text("type")? != "input_text" {
            let advice = "a system message is sent as `instructions`, which are text.";
            return Err(BadRequest::unsupported_value(&part.path_of("type"), advice));
        }
        texts.push(part.need_text("text")?);
    }
    Ok(texts.join("\n"))
}
