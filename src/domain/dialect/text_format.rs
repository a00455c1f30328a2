//! Translates the format of the text: `text` in Responses, `response_format` and `verbosity` in Chat Completions
//! (OpenAI API reference, responses, "text").

use super::{InvalidRequest, json_writer::JsonWriter, members::Members, raw_json::Text};

/// The name for a schema without a name. The backend requires one, and the model may see it.
const DEFAULT_SCHEMA_NAME: &str = "response";

/// Writes `text`. Returns whether the format is `json_object`.
pub(super) fn translate(body: &mut Members<'_>, out: &mut JsonWriter) -> Result<bool, InvalidRequest> {
    let mut text = body.take_object("text")?;
    if let Some(text) = &mut text {
        let _nulls = text.leave_out(&[]);
    }
    let has_own_format = text.as_ref().is_some_and(|text| text.has("format"));
    let write = |out: &mut JsonWriter| {
        let format = if has_own_format { None } else { body.take_object("response_format")? };
        let mut wants_json_object = format.map(|format| write_format(format, out)).transpose()?.unwrap_or_default();
        if !text.as_ref().is_some_and(|text| text.has("verbosity")) {
            body.copy_text("verbosity", out)?;
        }
        if let Some(text) = &mut text {
            let format = text.get("format").and_then(|format| Members::of(format, String::new()).ok());
            wants_json_object |= format.is_some_and(|format| format.word("type").as_deref() == Some("json_object"));
            text.write(out);
        }
        Ok(wants_json_object)
    };
    out.unless_empty(|out| out.begin_object_in("text"), write, JsonWriter::end_object)
}

/// Writes the format, except the default `text`. Returns whether the format is `json_object`.
fn write_format(mut format: Members<'_>, out: &mut JsonWriter) -> Result<bool, InvalidRequest> {
    let kind = format.need_word("type")?;
    match &*kind {
        "text" => return Ok(false),
        "json_object" => {
            out.begin_object_in("format");
            out.word("type", &kind);
        }
        "json_schema" => {
            // In the form of Responses, the schema is next to the type.
            let mut definition = if format.has("schema") { format } else { format.need_object("json_schema")? };
            out.begin_object_in("format");
            out.word("type", &kind);
            let is_unnamed = definition.has("schema") && !definition.has("name");
            out.text(
                "name",
                &if is_unnamed { Text::from_plain(DEFAULT_SCHEMA_NAME) } else { definition.need_text("name")? },
            );
            definition.pass_all(&["description", "schema", "strict"], out);
        }
        _ => return Err(format.unsupported("type", "use `text`, `json_object` or `json_schema`.")),
    }
    out.end_object();
    Ok(kind == "json_object")
}
