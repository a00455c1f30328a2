//! Translates the tools of a request and `tool_choice`. Chat Completions has a tool's members in an object named after
//! its type, and Responses has them next to the type (OpenAI API reference, chat completions and responses, "tools" and
//! "tool_choice"). Clients send either form to either API, so both are accepted.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    InvalidRequest,
    json_writer::JsonWriter,
    members::Members,
    raw_json::Text,
    schema::{self, Kind, NO_PARAMETERS},
};

/// Translates the parameters about tools. Returns whether the caller sent the deprecated `functions` and expects a
/// `function_call` in the response.
pub(super) fn translate(body: &mut Members<'_>, out: &mut JsonWriter) -> Result<bool, InvalidRequest> {
    let wants_function_call = write_tools(body, out)?;
    let before = out.len();
    if let Some(choice) = body.take("function_call") {
        write_function_choice(choice, out)?;
    }
    if let Some(choice) = body.take("tool_choice") {
        out.truncate(before);
        write_choice(choice, out)?;
    }
    if wants_function_call {
        // `function_call` has room for one call only.
        let _replaced = body.take("parallel_tool_calls");
        out.flag("parallel_tool_calls", false);
    }
    Ok(wants_function_call)
}

/// Writes the tools, if there are any. Returns whether the caller sent `functions`.
fn write_tools(body: &mut Members<'_>, out: &mut JsonWriter) -> Result<bool, InvalidRequest> {
    let write = |out: &mut JsonWriter| {
        let start = out.len();
        if let Some(tools) = body.take_list("tools")? {
            tools.each_raw(|raw, path| write_tool(raw, Members::of(raw, path)?, out))?;
        }
        let functions = body.take_list("functions")?.filter(|functions| !functions.is_empty());
        let wants_function_call = functions.is_some();
        if wants_function_call && out.len() > start {
            return Err(InvalidRequest::refused("functions", "It is the old name of `tools`: send one of them."));
        }
        if let Some(functions) = functions {
            functions.each(|function| write_function(function, out))?;
        }
        if let Some(options) = body.take_object("web_search_options")? {
            write_web_search(options, out)?;
        }
        Ok(wants_function_call)
    };
    out.unless_empty(|out| out.begin_array_in("tools"), write, JsonWriter::end_array)
}

/// Writes a tool. A tool in the form of Responses, such as one of the provider's own, is copied and completed.
fn write_tool(raw: &RawValue, mut tool: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let kind = match tool.take_text("type")? {
        Some(kind) => kind.unescaped(),
        None if tool.has("function") => Cow::Borrowed("function"),
        None => tool.need_word("type")?,
    };
    match &*kind {
        "function" if tool.has("function") => return write_function(tool.need_object("function")?, out),
        "custom" if tool.has("custom") => return write_custom_tool(tool.need_object("custom")?, out),
        "function" | "custom" => _ = tool.need_text("name")?,
        _ => {}
    }
    out.json_item(&schema::complete(raw.get(), Kind::Tool));
    Ok(())
}

/// Writes a function, always with `parameters`, which the backend requires, and `strict`, whose defaults differ.
fn write_function(mut function: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    begin_named("function", &mut function, out)?;
    let parameters = function.take("parameters").map(|given| schema::complete(given.get(), Kind::Parameters));
    out.json("parameters", &parameters.unwrap_or(Cow::Borrowed(NO_PARAMETERS)));
    out.flag("strict", function.take_flag("strict")?);
    out.end_object();
    Ok(())
}

fn write_custom_tool(mut custom: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    begin_named("custom", &mut custom, out)?;
    if let Some(mut format) = custom.take_object("format")? {
        let kind = format.need_text("type")?;
        write_flattened("format", &kind, format.take_object("grammar")?.unwrap_or(format), out);
    }
    out.end_object();
    Ok(())
}

/// Begins a tool with its type, its name and its description.
fn begin_named(kind: &str, tool: &mut Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    out.begin_object();
    out.word("type", kind);
    out.text("name", &tool.need_text("name")?);
    tool.copy_text("description", out)
}

fn write_web_search(mut options: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    out.begin_object();
    out.word("type", "web_search");
    options.copy_text("search_context_size", out)?;
    if let Some(mut location) = options.take_object("user_location")? {
        let kind = location.need_text("type")?;
        write_flattened("user_location", &kind, location.take_object("approximate")?.unwrap_or(location), out);
    }
    out.end_object();
    Ok(())
}

/// Writes an object whose `type` is next to its other members, which the caller sent in an inner object or beside it.
fn write_flattened(name: &str, kind: &Text<'_>, mut others: Members<'_>, out: &mut JsonWriter) {
    let _replaced = others.take("type");
    out.begin_object_in(name);
    out.text("type", kind);
    others.write(out);
    out.end_object();
}

fn write_choice(choice: &RawValue, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let path = "tool_choice";
    if let Some(word) = Text::of(choice).or_else(|| word_in_type(choice)) {
        let advice = "use `none`, `auto`, `required` or an object that names a tool.";
        // `any` is Mistral's name for `required`.
        let word = if word.as_json() == r#""any""# { Text::from_plain("required") } else { word };
        return write_word(word, path, &["none", "auto", "required"], advice, out);
    }
    let mut choice = Members::of(choice, path.to_owned())?;
    out.begin_object_in(path);
    if choice.has("allowed_tools") && choice.word("type").as_deref() == Some("allowed_tools") {
        let mut allowed = choice.need_object("allowed_tools")?;
        out.word("type", "allowed_tools");
        out.text("mode", &allowed.need_text("mode")?);
        out.begin_array_in("tools");
        allowed.need_list("tools")?.each(|tool| {
            out.begin_object();
            write_named_tool(tool, out)?;
            out.end_object();
            Ok(())
        })?;
        out.end_array();
    } else {
        write_named_tool(choice, out)?;
    }
    out.end_object();
    Ok(())
}

/// Returns the word of a choice such as `{"type": "auto"}`, the form of Anthropic's API.
fn word_in_type(choice: &RawValue) -> Option<Text<'_>> {
    let word = Members::of(choice, String::new()).ok()?.get("type").and_then(Text::of)?;
    matches!(word.as_json(), r#""none""# | r#""auto""# | r#""required""# | r#""any""#).then_some(word)
}

/// Writes a choice that must be one of the `allowed` words.
fn write_word(
    word: Text<'_>,
    path: &str,
    allowed: &[&str],
    advice: &str,
    out: &mut JsonWriter,
) -> Result<(), InvalidRequest> {
    let word = word.unescaped();
    if !allowed.contains(&&*word) {
        return Err(InvalidRequest::unsupported_value(path, advice));
    }
    out.word("tool_choice", &word);
    Ok(())
}

/// Writes `{"type": "function", "function": {"name": "f"}}` without the inner object, whose name is used only if there
/// is none beside it. Other choices are not changed.
fn write_named_tool(mut tool: Members<'_>, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let kind = tool.need_word("type")?;
    out.word("type", &kind);
    let name = tool.take("name");
    let inner = tool.take_object(&kind)?;
    match (name, inner) {
        (Some(name), _) => out.raw("name", name),
        (None, Some(mut inner)) => out.text("name", &inner.need_text("name")?),
        (None, None) => {}
    }
    tool.write(out);
    Ok(())
}

/// Translates the deprecated `function_call`, which names a function without a type.
fn write_function_choice(choice: &RawValue, out: &mut JsonWriter) -> Result<(), InvalidRequest> {
    let path = "function_call";
    if let Some(word) = Text::of(choice) {
        return write_word(
            word,
            path,
            &["none", "auto"],
            "use `none`, `auto` or an object that names a function.",
            out,
        );
    }
    let name = Members::of(choice, path.to_owned())?.need_text("name")?;
    out.begin_object_in("tool_choice");
    out.word("type", "function");
    out.text("name", &name);
    out.end_object();
    Ok(())
}
