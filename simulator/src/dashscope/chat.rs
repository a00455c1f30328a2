//! `POST /chat/completions`: OpenAI's older chat API, as one response or as a stream.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{chunks, compatible_error, completion::Completion, error_body};
use crate::{
    http::Reply,
    model::{self, Question, Tool, ToolChoice},
    provider::{Entry, Provider},
    stream_writer::{self, Action, StreamFault},
    streams::{OpenStream, StreamEnd},
};

/// Handles a request for a completion.
pub(super) fn completions(
    provider: &Arc<Provider>,
    entry: &Entry,
    body: &[u8],
    stream_fault: Option<StreamFault>,
) -> Reply {
    let (settings, now) = provider.state().settings_and_time();
    let Ok(request) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return compatible_error(400, "The body is not a JSON object.", "invalid_parameter_error");
    };
    let model = text(request.get("model"));
    if !settings.dashscope_models.iter().any(|known| known == model) {
        let why = format!("The model `{model}` does not exist or you do not have access to it.");
        return compatible_error(404, &why, "model_not_found");
    }
    let messages = list(request.get("messages"));
    if let Err(why) = check(messages) {
        return compatible_error(400, why, "invalid_parameter_error");
    }
    let output = model::output(&question(&request, messages), settings.text_pieces());
    let completion = Completion::new(model, messages, output, now);
    if request.get("stream") != Some(&Value::Bool(true)) {
        return Reply::json(200, &completion.whole());
    }
    let options = request.get("stream_options");
    let with_usage = options.and_then(|options| options.get("include_usage")) == Some(&Value::Bool(true));
    let frames = chunks::frames(&completion, with_usage);
    let failure = |code: &str, _| chunks::data(&error_body("The response failed, as ordered.", code));
    let actions = stream_writer::actions(frames, vec![Action::RecordEnd(StreamEnd::Completed)], stream_fault, failure);
    let open = OpenStream::new(provider, entry);
    let streamed = stream_writer::delivery(actions, settings.stream_pause, &open);
    Reply::new(200, "").header("content-type", "text/event-stream").with_delivery(streamed, open)
}

/// Requires at least one message, and a tool call for each tool message.
fn check(messages: &[Value]) -> Result<(), &'static str> {
    if messages.is_empty() {
        return Err("`messages` must be a list that is not empty.");
    }
    for (position, message) in messages.iter().enumerate().filter(|(_, message)| is_output(message)) {
        let mut calls = messages.iter().take(position).flat_map(|message| list(message.get("tool_calls")));
        if !calls.any(|call| call.get("id") == message.get("tool_call_id")) {
            return Err("A message with role `tool` must answer a preceding message with `tool_calls`.");
        }
    }
    Ok(())
}

fn question(request: &Map<String, Value>, messages: &[Value]) -> Question {
    let outputs = messages.iter().rev().take_while(|message| is_output(message));
    let mut tool_outputs: Vec<_> = outputs.map(|message| content_text(message.get("content"))).collect();
    tool_outputs.reverse();
    let last_user_message = messages.iter().rposition(|message| text(message.get("role")) == "user");
    let user = last_user_message.and_then(|position| messages.get(position));
    let since = last_user_message.and_then(|position| messages.get(position..)).unwrap_or(messages);
    let calls = since.iter().flat_map(|message| list(message.get("tool_calls")));
    Question {
        tool_outputs,
        user_text: content_text(user.and_then(|message| message.get("content"))),
        called: calls
            .map(|call| text(call.get("function").and_then(|function| function.get("name"))).to_owned())
            .collect(),
        tools: list(request.get("tools")).iter().filter_map(tool).collect(),
        choice: ToolChoice::read(request.get("tool_choice"), |choice| choice.get("function")?.get("name")),
        parallel: request.get("parallel_tool_calls") != Some(&Value::Bool(false)),
        schema: request.get("response_format").and_then(|format| format.get("json_schema")?.get("schema")).cloned(),
    }
}

fn is_output(message: &Value) -> bool {
    text(message.get("role")) == "tool"
}

fn tool(tool: &Value) -> Option<Tool> {
    let function = tool.get("function")?;
    let parameters = function.get("parameters").cloned().unwrap_or_default();
    Some(Tool { name: function.get("name")?.as_str()?.to_owned(), parameters })
}

/// Returns the text of a content that is a string or a list of parts.
fn content_text(content: Option<&Value>) -> String {
    let of_parts = || list(content).iter().map(|part| text(part.get("text"))).collect::<Vec<_>>().join(" ");
    content.and_then(Value::as_str).map_or_else(of_parts, ToOwned::to_owned)
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
