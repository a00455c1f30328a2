//! How the answer's text is to be: `response_format` and `verbosity`, which in Responses are both in `text` (OpenAI API
//! reference, responses, "text").

use serde_json::{Map, Value, json};

use crate::domain::dialect::{BadRequest, members::Members};

/// Reads both into the request. Says whether the text is to be JSON of no given schema.
pub(super) fn read(body: &mut Members, sent: &mut Map<String, Value>) -> Result<bool, BadRequest> {
    let format = body.take_object("response_format")?.map(format_of).transpose()?.flatten();
    let wants_json_object = format.as_ref().is_some_and(|format| format == &json!({"type": "json_object"}));
    let mut text = Map::new();
    if let Some(format) = format {
        text.insert("format".to_owned(), format);
    }
    if let Some(verbosity) = body.take_text("verbosity")? {
        text.insert("verbosity".to_owned(), verbosity.into());
    }
    if !text.is_empty() {
        sent.insert("text".to_owned(), text.into());
    }
    Ok(wants_json_object)
}

/// None for plain text, which is what one gets without asking.
fn format_of(mut format: Members) -> Result<Option<Value>, BadRequest> {
    let kind = format.need_text("type")?;
    match kind.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(json!({"type": kind}))),
        "json_schema" => {
            let mut described = format.need_object("json_schema")?;
            let mut sent = Map::new();
            sent.insert("type".to_owned(), kind.into());
            sent.insert("name".to_owned(), described.need_text("name")?.into());
            for name in ["description", "schema", "strict"] {
                if let Some(value) = described.take(name) {
                    sent.insert(name.to_owned(), value);
                }
            }
            Ok(Some(Value::Object(sent)))
        }
        _ => {
            let advice = "it is `text`, `json_object` or `json_schema`.";
            Err(BadRequest::unsupported_value(&format.path_of("type"), advice))
        }
    }
}
