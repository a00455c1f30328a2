//! Reads from a request the question for the model, the tools, and whether the client wants reasoning.

use serde_json::{Value, json};

use super::request::{ModelRequest, text};
use crate::model::{Question, Tool, ToolChoice};

/// The `include` value of a client that sends the reasoning back.
const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// The type of the tool that generates images.
const IMAGE_TOOL: &str = "image_generation";

/// Returns the question in a request.
pub(super) fn question(request: &ModelRequest) -> Question {
    let input = request.input();
    let outputs = input.iter().rev().take_while(|item| is_output(item)).map(|item| content_text(item.get("output")));
    let mut tool_outputs: Vec<_> = outputs.collect();
    tool_outputs.reverse();
    let last_user_message = input.iter().rposition(|item| text(item, "role") == Some("user"));
    let user = last_user_message.and_then(|position| input.get(position));
    let since = last_user_message.and_then(|position| input.get(position..)).unwrap_or(input);
    let calls = since.iter().filter(|item| text(item, "type") == Some("function_call"));
    let functions = request.list("tools").iter().filter(|tool| text(tool, "type") == Some("function"));
    let format = request.get("text").and_then(|text| text.get("format"));
    Question {
        tool_outputs,
        user_text: content_text(user.and_then(|item| item.get("content"))),
        called: calls.filter_map(|call| text(call, "name")).map(ToOwned::to_owned).collect(),
        tools: functions.filter_map(tool).collect(),
        choice: ToolChoice::read(request.get("tool_choice"), |choice| choice.get("name")),
        parallel: request.get("parallel_tool_calls") != Some(&Value::Bool(false)),
        schema: format.and_then(schema),
    }
}

/// Returns the schema of the text. In the format `json_object`, any object will do.
fn schema(format: &Value) -> Option<Value> {
    match text(format, "type") {
        Some("json_schema") => format.get("schema").cloned(),
        Some("json_object") => Some(json!({"type": "object"})),
        _ => None,
    }
}

/// Returns whether reasoning comes before the output.
pub(super) fn wants_reasoning(request: &ModelRequest) -> bool {
    let effort = request.get("reasoning").and_then(|reasoning| text(reasoning, "effort"));
    effort.is_some_and(|effort| !matches!(effort, "none" | "minimal")) || includes_reasoning(request)
}

/// Returns whether the client wants the reasoning itself, to send it back.
pub(super) fn includes_reasoning(request: &ModelRequest) -> bool {
    request.list("include").iter().any(|included| included == ENCRYPTED_REASONING)
}

/// Returns whether the client wants a summary of the reasoning.
pub(super) fn wants_summary(request: &ModelRequest) -> bool {
    request.get("reasoning").and_then(|reasoning| text(reasoning, "summary")).is_some_and(|kind| kind != "none")
}

/// Returns whether the client asks for a compaction of the conversation instead of an answer.
pub(super) fn wants_compaction(request: &ModelRequest) -> bool {
    request.input().iter().any(|item| text(item, "type") == Some("compaction_trigger"))
}

/// Returns the name of the first tool with plain-text input.
pub(super) fn custom_tool(request: &ModelRequest) -> Option<&str> {
    request.list("tools").iter().find(|tool| text(tool, "type") == Some("custom")).and_then(|tool| text(tool, "name"))
}

/// Returns the image tool if it is the only tool and the instructions or the last user message name it.
pub(super) fn named_image_tool(request: &ModelRequest) -> Option<&Value> {
    let [tool] = request.list("tools") else { return None };
    let instructions = request.get("instructions").and_then(Value::as_str).unwrap_or_default();
    let is_named = || instructions.contains(IMAGE_TOOL) || question(request).user_text.contains(IMAGE_TOOL);
    (text(tool, "type") == Some(IMAGE_TOOL) && is_named()).then_some(tool)
}

fn is_output(item: &Value) -> bool {
    matches!(text(item, "type"), Some("function_call_output" | "custom_tool_call_output"))
}

fn tool(tool: &Value) -> Option<Tool> {
    let parameters = tool.get("parameters").cloned().unwrap_or_default();
    Some(Tool { name: text(tool, "name")?.to_owned(), parameters })
}

/// Returns the text of a content that is a string or a list of parts.
fn content_text(content: Option<&Value>) -> String {
    let parts = content.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_parts = || parts.iter().filter_map(|part| text(part, "text")).collect::<Vec<_>>().join(" ");
    content.and_then(Value::as_str).map_or_else(of_parts, ToOwned::to_owned)
}
