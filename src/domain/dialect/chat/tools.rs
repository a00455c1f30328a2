//! The tools of a chat and the choice among them. Here a tool's members lie in an object named after its type, there they
//! lie beside the type (OpenAI API reference, chat completions and responses, "tools" and "tool_choice").

use serde_json::{Map, Value, json};

use crate::domain::dialect::{BadRequest, members::Members};

/// Reads everything about tools into the request. Says whether it is in the words from before there were tools, and the
/// answer is to be so too.
pub(super) fn read(body: &mut Members, sent: &mut Map<String, Value>) -> Result<bool, BadRequest> {
    let mut tools = Vec::new();
    for (index, tool) in body.take_array("tools")?.unwrap_or_default().into_iter().enumerate() {
        tools.push(tool_of(Members::of(tool, format!("tools[{index}]"))?)?);
    }
    let functions = body.take_array("functions")?.unwrap_or_default();
    let wants_function_call = !functions.is_empty();
    if wants_function_call && !tools.is_empty() {
        return Err(BadRequest::refused("functions", "It is the old name of `tools`: send one of them."));
    }
    for (index, function) in functions.into_iter().enumerate() {
        tools.push(function_tool(Members::of(function, format!("functions[{index}]"))?)?);
    }
    if let Some(options) = body.take_object("web_search_options")? {
        tools.push(web_search(options)?);
    }
    if !tools.is_empty() {
        sent.insert("tools".to_owned(), tools.into());
    }

    let old_choice = body.take("function_call").map(old_choice_of).transpose()?;
    let choice = body.take("tool_choice").map(choice_of).transpose()?;
    if let Some(choice) = choice.or(old_choice) {
        sent.insert("tool_choice".to_owned(), choice);
    }
    if wants_function_call {
        // The answer has room for one.
        sent.insert("parallel_tool_calls".to_owned(), false.into());
    }
    Ok(wants_function_call)
}

fn tool_of(mut tool: Members) -> Result<Value, BadRequest> {
    match tool.need_text("type")?.as_str() {
        "function" => function_tool(tool.need_object("function")?),
        "custom" => custom_tool(tool.need_object("custom")?),
        _ => {
            let advice = "a tool is a `function` or `custom`; for the web there is `web_search_options`.";
            Err(BadRequest::unsupported_value(&tool.path_of("type"), advice))
        }
    }
}

/// Without `parameters` a function takes none; without `strict` it is not: in Responses both defaults are others.
fn function_tool(mut function: Members) -> Result<Value, BadRequest> {
    let mut sent = Map::new();
    sent.insert("type".to_owned(), "function".into());
    sent.insert("name".to_owned(), function.need_text("name")?.into());
    if let Some(description) = function.take_text("description")? {
        sent.insert("description".to_owned(), description.into());
    }
    let parameters = function.take("parameters").unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    sent.insert("parameters".to_owned(), parameters);
    sent.insert("strict".to_owned(), function.take_bool("strict")?.unwrap_or(false).into());
    Ok(Value::Object(sent))
}

fn custom_tool(mut custom: Members) -> Result<Value, BadRequest> {
    let mut sent = Map::new();
    sent.insert("type".to_owned(), "custom".into());
    sent.insert("name".to_owned(), custom.need_text("name")?.into());
    if let Some(description) = custom.take_text("description")? {
        sent.insert("description".to_owned(), description.into());
    }
    if let Some(mut format) = custom.take_object("format")? {
        let kind = format.need_text("type")?;
        let format = match format.take_object("grammar")? {
            Some(grammar) => grammar.into_object_with("type", kind.into()),
            None => json!({"type": kind}),
        };
        sent.insert("format".to_owned(), format);
    }
    Ok(Value::Object(sent))
}

fn web_search(mut options: Members) -> Result<Value, BadRequest> {
    let mut sent = Map::new();
    sent.insert("type".to_owned(), "web_search".into());
    if let Some(size) = options.take_text("search_context_size")? {
        sent.insert("search_context_size".to_owned(), size.into());
    }
    if let Some(mut location) = options.take_object("user_location")? {
        let kind = location.need_text("type")?;
        let location = location.need_object("approximate")?.into_object_with("type", kind.into());
        sent.insert("user_location".to_owned(), location);
    }
    options.finish()?;
    Ok(Value::Object(sent))
}

fn choice_of(choice: Value) -> Result<Value, BadRequest> {
    let path = "tool_choice";
    if let Value::String(word) = &choice {
        return match word.as_str() {
            "none" | "auto" | "required" => Ok(choice),
            _ => Err(BadRequest::unsupported_value(path, "it is `none`, `auto`, `required` or names a tool.")),
        };
    }
    let mut choice = Members::of(choice, path.to_owned())?;
    if choice.text("type") != Some("allowed_tools") {
        return named_tool(choice);
    }
    let mut allowed = choice.need_object("allowed_tools")?;
    let (mode, path) = (allowed.need_text("mode")?, allowed.path_of("tools"));
    let mut tools = Vec::new();
    for (index, tool) in allowed.need_array("tools")?.into_iter().enumerate() {
        tools.push(named_tool(Members::of(tool, format!("{path}[{index}]"))?)?);
    }
    Ok(json!({"type": "allowed_tools", "mode": mode, "tools": tools}))
}

/// `{"type": "function", "function": {"name": "f"}}` without the box.
fn named_tool(mut tool: Members) -> Result<Value, BadRequest> {
    let kind = tool.need_text("type")?;
    if !matches!(kind.as_str(), "function" | "custom") {
        let advice = "a tool is chosen as a `function` or `custom`.";
        return Err(BadRequest::unsupported_value(&tool.path_of("type"), advice));
    }
    let name = tool.need_object(&kind)?.need_text("name")?;
    Ok(json!({"type": kind, "name": name}))
}

/// `function_call`, which names a function without its type.
fn old_choice_of(choice: Value) -> Result<Value, BadRequest> {
    let path = "function_call";
    if let Value::String(word) = &choice {
        return match word.as_str() {
            "none" | "auto" => Ok(choice),
            _ => Err(BadRequest::unsupported_value(path, "it is `none`, `auto` or names a function.")),
        };
    }
    let name = Members::of(choice, path.to_owned())?.need_text("name")?;
    Ok(json!({"type": "function", "name": name}))
}
