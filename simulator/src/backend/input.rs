//! Validates the items and the tools of a request as strictly as the real backend. It refuses references to stored
//! items, because it stores nothing, and incomplete schemas.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{refusal::Refusal, request::text};

/// The maximum length of the id of a call or an item, in characters.
const MAX_ID: usize = 64;
/// The prefixes of item ids, by item type. The backend does not store items, but checks their ids.
const ID_PREFIXES: [(&str, &str); 6] = [
    ("message", "msg"),
    ("reasoning", "rs"),
    ("function_call", "fc"),
    ("function_call_output", "fc"),
    ("custom_tool_call", "ctc"),
    ("custom_tool_call_output", "ctc"),
];
/// The roles of messages, besides `system`, which is refused for another reason.
const ROLES: [&str; 3] = ["assistant", "developer", "user"];
/// The types of content parts that a message of the assistant may have.
const ASSISTANT_PARTS: [&str; 2] = ["output_text", "refusal"];
/// The types of content parts that any other message, or a tool output, may have.
const INPUT_PARTS: [&str; 3] = ["input_text", "input_image", "input_file"];

/// The members that the real backend allows in items and parts of these types. Clients send other members when they
/// return output items unchanged or add members of their own.
const MEMBERS: [(&str, &[&str]); 5] = [
    ("reasoning", &["type", "id", "summary", "content", "encrypted_content"]),
    ("function_call", &["type", "id", "call_id", "name", "namespace", "arguments", "status"]),
    ("function_call_output", &["type", "id", "call_id", "output", "status"]),
    ("image_generation_call", &["type", "id", "status", "revised_prompt", "result"]),
    ("output_text", &["type", "text", "annotations", "logprobs"]),
];

/// Checks the rules in the order of the real backend.
pub(super) fn check_items(input: &[Value]) -> Result<(), Refusal> {
    if input.iter().any(|item| text(item, "role") == Some("system")) {
        return Err("System messages are not allowed".into());
    }
    let has_long_id = |item: &Value| text(item, "call_id").is_some_and(|id| id.chars().count() > MAX_ID);
    if let Some(index) = input.iter().position(has_long_id) {
        let message = format!("Invalid 'input[{index}].call_id': string too long. Expected at most {MAX_ID}.");
        let param = format!("input[{index}].call_id");
        return Err(Refusal::of_api(400, Some("string_above_max_length"), &param, &message));
    }
    if let Some(item) = input.iter().find(|item| is_reference(item)) {
        let id = text(item, "id").unwrap_or_default();
        let message = format!("Item with id '{id}' not found. Items are not persisted when `store` is set to false.");
        return Err(Refusal::of_api(404, None, "input", &message));
    }
    for (position, item) in input.iter().enumerate() {
        check_call(item, input.get(..position).unwrap_or_default())?;
    }
    input.iter().try_for_each(check_output)?;
    for (index, item) in input.iter().enumerate() {
        check_id(index, item)?;
        check_members(&format!("input[{index}]"), item)?;
        check_values(index, item)?;
    }
    check_unique_ids(input)?;
    input.iter().enumerate().try_for_each(|(index, item)| check_content(index, item))
}

/// Returns whether an item only names an item that the client expects to be stored.
fn is_reference(item: &Value) -> bool {
    match text(item, "type") {
        Some("reasoning") => text(item, "encrypted_content").is_none_or(str::is_empty),
        Some("image_generation_call") => text(item, "result").is_none_or(str::is_empty),
        Some(kind) => kind == "item_reference",
        None => item.get("role").is_none() && item.get("id").is_some(),
    }
}

/// Checks an item's id, if it has one.
fn check_id(index: usize, item: &Value) -> Result<(), Refusal> {
    let Some(id) = text(item, "id") else { return Ok(()) };
    let kind = text(item, "type").unwrap_or("message");
    let prefix = ID_PREFIXES.iter().find(|(known, _)| *known == kind).map_or("", |(_, prefix)| prefix);
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let (code, why) = if id.chars().count() > MAX_ID {
        ("string_above_max_length", "string too long. Expected a string with maximum length 64.".to_owned())
    } else if !id.chars().all(is_allowed) {
        ("invalid_value", "Expected an ID that contains letters, numbers, underscores, or dashes.".to_owned())
    } else if !id.starts_with(prefix) {
        ("invalid_value", format!("Expected an ID that begins with '{prefix}'."))
    } else {
        return Ok(());
    };
    let param = format!("input[{index}].id");
    Err(Refusal::of_api(400, Some(code), &param, &format!("Invalid '{param}': {why}")))
}

/// Checks that no two items have the same id.
fn check_unique_ids(input: &[Value]) -> Result<(), Refusal> {
    let mut ids = BTreeSet::new();
    match input.iter().filter_map(|item| text(item, "id")).find(|id| !ids.insert(*id)) {
        Some(id) => {
            let message =
                format!("Duplicate item found with id {id}. Remove duplicate items from your input and try again.");
            Err(Refusal::of_api(400, None, "input", &message))
        }
        None => Ok(()),
    }
}

/// Checks that an item and its parts have no unknown member.
fn check_members(path: &str, item: &Value) -> Result<(), Refusal> {
    let known = MEMBERS.iter().find(|(kind, _)| text(item, "type") == Some(kind)).map(|(_, known)| *known);
    let mut names = item.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    if let Some(unknown) = known.and_then(|known| names.find(|name| !known.contains(name) && !is_private(name))) {
        let param = format!("{path}.{unknown}");
        return Err(Refusal::of_api(400, Some("unknown_parameter"), &param, &format!("Unknown parameter: '{param}'.")));
    }
    let parts = item.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    parts.iter().enumerate().try_for_each(|(index, part)| check_members(&format!("{path}.content[{index}]"), part))
}

/// Returns whether the Codex CLI sends this member to this backend only.
fn is_private(name: &str) -> bool {
    name.starts_with("internal_")
}

/// Checks the role of a message, the id and the name of a call, and the content of reasoning.
fn check_values(index: usize, item: &Value) -> Result<(), Refusal> {
    let is_message = text(item, "type").is_none_or(|kind| kind == "message");
    let role = text(item, "role").unwrap_or_default();
    let has_content = item.get("content").and_then(Value::as_array).is_some_and(|content| !content.is_empty());
    let (name, code, why) = if is_message && !ROLES.contains(&role) {
        ("role", "invalid_value", format!("Invalid value: '{role}'."))
    } else if text(item, "call_id") == Some("") {
        ("call_id", "empty_string", "Expected a string with minimum length 1.".to_owned())
    } else if text(item, "type") == Some("function_call") && !has_valid_name(item) {
        ("name", "invalid_value", "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.".to_owned())
    } else if text(item, "type") == Some("reasoning") && has_content {
        ("content", "array_above_max_length", "Expected an array with maximum length 0.".to_owned())
    } else {
        return Ok(());
    };
    Err(Refusal::of_api(400, Some(code), &format!("input[{index}].{name}"), &why))
}

/// Returns whether a call has a name in the backend's form.
fn has_valid_name(call: &Value) -> bool {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    text(call, "name").is_some_and(|name| !name.is_empty() && name.chars().all(is_allowed))
}

/// Checks that a tool output follows its call.
fn check_call(item: &Value, before: &[Value]) -> Result<(), Refusal> {
    let call_type = match text(item, "type") {
        Some("function_call_output") => "function_call",
        Some("custom_tool_call_output") => "custom_tool_call",
        _ => return Ok(()),
    };
    let call_id = text(item, "call_id").unwrap_or_default();
    if !before.iter().any(|call| text(call, "type") == Some(call_type) && text(call, "call_id") == Some(call_id)) {
        let output = if call_type == "function_call" { "function call" } else { "custom tool call" };
        let message = format!("No tool call found for {output} output with call_id {call_id}.");
        return Err(Refusal::of_api(400, None, "input", &message));
    }
    Ok(())
}

/// Checks that a tool output is a text or a list.
fn check_output(item: &Value) -> Result<(), Refusal> {
    let is_output = matches!(text(item, "type"), Some("function_call_output" | "custom_tool_call_output"));
    if is_output && !item.get("output").is_some_and(|output| output.is_string() || output.is_array()) {
        let message = "Invalid type for 'output': expected one of a string or array of objects.";
        return Err(Refusal::of_api(400, Some("invalid_type"), "input", message));
    }
    Ok(())
}

/// Checks that a message or a tool output has content, and only parts of its own types.
fn check_content(index: usize, item: &Value) -> Result<(), Refusal> {
    let (member, allowed) = match (text(item, "type"), text(item, "role")) {
        (None | Some("message"), Some("assistant")) => ("content", &ASSISTANT_PARTS[..]),
        (None | Some("message"), _) => ("content", &INPUT_PARTS[..]),
        (Some("function_call_output" | "custom_tool_call_output"), _) => ("output", &INPUT_PARTS[..]),
        (Some(_), _) => return Ok(()),
    };
    let param = format!("input[{index}].{member}");
    let Some(content) = item.get(member).filter(|content| !content.is_null()) else {
        let message = format!("Missing required parameter: '{param}'.");
        return Err(Refusal::of_api(400, Some("missing_required_parameter"), &param, &message));
    };
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let unknown = |part: &&Value| !text(part, "type").is_some_and(|kind| allowed.contains(&kind));
    match parts.iter().find(unknown) {
        Some(part) => {
            let message = format!("Invalid value: '{}'.", text(part, "type").unwrap_or_default());
            Err(Refusal::of_api(400, Some("invalid_value"), &param, &message))
        }
        None => Ok(()),
    }
}

/// The values of the image tool's parameters.
const IMAGE_CHOICES: [(&str, &[&str]); 5] = [
    ("background", &["auto", "opaque", "transparent"]),
    ("moderation", &["auto", "low"]),
    ("output_format", &["png", "jpeg", "webp"]),
    ("quality", &["auto", "low", "medium", "high"]),
    ("size", &["auto", "1024x1024", "1024x1536", "1536x1024"]),
];

/// Checks the parameters of an image tool.
fn check_image_tool(index: usize, tool: &Value) -> Result<(), Refusal> {
    for (name, value) in tool.as_object().into_iter().flatten().filter(|(name, _)| *name != "type") {
        let choices = IMAGE_CHOICES.iter().find(|(known, _)| known == name).map(|(_, choices)| *choices);
        let fits = match choices {
            Some(choices) => value.as_str().is_some_and(|value| choices.contains(&value)),
            None => name == "output_compression" && value.as_u64().is_some_and(|percent| percent <= 100),
        };
        if !fits {
            let param = format!("tools[{index}].{name}");
            let code = if choices.is_some() { "invalid_value" } else { "unknown_parameter" };
            return Err(Refusal::of_api(400, Some(code), &param, &format!("Invalid parameter: '{param}'.")));
        }
    }
    Ok(())
}

/// Checks that each function's parameters are a complete object schema, and that the image tool's parameters are valid.
pub(super) fn check_tools(tools: &[Value]) -> Result<(), Refusal> {
    let mut images = tools.iter().enumerate().filter(|(_, tool)| text(tool, "type") == Some("image_generation"));
    images.try_for_each(|(index, tool)| check_image_tool(index, tool))?;
    let incomplete = |tool: &Value| {
        let parameters = tool.get("parameters");
        text(tool, "type") == Some("function")
            && !parameters.is_some_and(|schema| text(schema, "type") == Some("object") && is_complete(schema))
    };
    match tools.iter().position(incomplete) {
        Some(index) => {
            let message = "Invalid schema for function: missing properties or items.";
            let param = format!("tools[{index}].parameters");
            Err(Refusal::of_api(400, Some("invalid_function_parameters"), &param, message))
        }
        None => Ok(()),
    }
}

/// Returns whether all object schemas have `properties`, and all array schemas `items`.
fn is_complete(schema: &Value) -> bool {
    let is_object = text(schema, "type") == Some("object");
    let has_properties = schema.get("properties").is_some_and(Value::is_object);
    let types = schema.get("type").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_array = text(schema, "type") == Some("array") || types.iter().any(|kind| kind == "array");
    let has_items = schema.get("items").is_some_and(|items| items.is_object() || items.is_boolean());
    (!is_object || has_properties)
        && (!is_array || has_items)
        && schema.as_object().is_none_or(|members| {
            members.iter().all(|(name, value)| match (name.as_str(), value) {
                ("enum" | "const" | "default" | "examples", _) => true,
                ("properties" | "$defs" | "definitions", Value::Object(named)) => named.values().all(is_complete),
                (_, Value::Array(schemas)) => schemas.iter().all(is_complete),
                (_, schema) => is_complete(schema),
            })
        })
}
