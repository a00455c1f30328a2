//! The messages of a chat, put into the items of a response's input: what is one message there, an assistant's words and
//! its tool calls, is several items here.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::content;
use crate::domain::dialect::{
    BadRequest,
    invalid_request::shown,
    members::Members,
    system_text::{SystemTexts, developer_item},
};

/// A chat so far.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) input: Vec<Value>,
    /// What the system said before anybody else did. Later it is a `developer` who speaks, in his place.
    pub(super) system: SystemTexts,
    /// Somebody was given a name, for which an item has no place.
    pub(super) has_names: bool,
    /// The calls of custom tools: their outputs are items of another type.
    custom_calls: HashSet<String>,
    /// The id of the newest `function_call`, which in the chat has none.
    function_call: Option<String>,
    function_calls: usize,
}

/// Reads `messages`.
pub(super) fn read(messages: Vec<Value>) -> Result<Conversation, BadRequest> {
    if messages.is_empty() {
        return Err(BadRequest::unsupported_value("messages", "there is no message."));
    }
    let mut conversation = Conversation::default();
    for (index, message) in messages.into_iter().enumerate() {
        conversation.add(Members::of(message, format!("messages[{index}]"))?)?;
    }
    Ok(conversation)
}

impl Conversation {
    /// Members of a message that say nothing here are passed over: clients send back what they were sent.
    fn add(&mut self, mut message: Members) -> Result<(), BadRequest> {
        let role = message.need_text("role")?;
        if role != "function" {
            self.has_names |= message.has("name");
        }
        match role.as_str() {
            "system" | "developer" => {
                let text = content::plain_text(&mut message)?;
                if self.input.is_empty() {
                    self.system.push(text);
                } else if !text.is_empty() {
                    self.input.push(developer_item(text));
                }
                Ok(())
            }
            "user" => {
                let parts = content::user_parts(&mut message)?;
                self.input.push(json!({"type": "message", "role": "user", "content": parts}));
                Ok(())
            }
            "assistant" => self.add_assistant(message),
            "tool" => self.add_tool_output(message),
            "function" => self.add_function_output(message),
            other => {
                let advice = format!("nobody knows the role '{}'.", shown(other));
                Err(BadRequest::unsupported_value(&message.path_of("role"), &advice))
            }
        }
    }

    fn add_assistant(&mut self, mut message: Members) -> Result<(), BadRequest> {
        if message.has("audio") {
            let advice = "the provider has not heard earlier audio: send its transcript as `content`.";
            return Err(BadRequest::unsupported_value(&message.path_of("audio"), advice));
        }
        let parts = content::assistant_parts(&mut message)?;
        if !parts.is_empty() {
            self.input.push(json!({"type": "message", "role": "assistant", "content": parts}));
        }
        let path = message.path_of("tool_calls");
        let calls = message.take_array("tool_calls")?.unwrap_or_default();
        for (index, call) in calls.into_iter().enumerate() {
            self.add_call(Members::of(call, format!("{path}[{index}]"))?)?;
        }
        if let Some(call) = message.take_object("function_call")? {
            self.add_function_call(call)?;
        }
        Ok(())
    }

    fn add_call(&mut self, mut call: Members) -> Result<(), BadRequest> {
        let id = call.need_text("id")?;
        match call.take_text("type")?.as_deref() {
            None | Some("function") => {
                let mut function = call.need_object("function")?;
                let (name, arguments) = (function.need_text("name")?, function.need_text("arguments")?);
                self.input.push(function_call(&id, &name, &arguments));
            }
            Some("custom") => {
                let mut custom = call.need_object("custom")?;
                let (name, input) = (custom.need_text("name")?, custom.need_text("input")?);
                self.input.push(json!({"type": "custom_tool_call", "call_id": id, "name": name, "input": input}));
                self.custom_calls.insert(id);
            }
            Some(_) => {
                let advice = "a call is one of a `function` or of a `custom` tool.";
                return Err(BadRequest::unsupported_value(&call.path_of("type"), advice));
            }
        }
        Ok(())
    }

    /// A call from before there were tools: its id is made from its position, so that the same chat has the same ids and
    /// the backend's cache knows it again.
    fn add_function_call(&mut self, mut call: Members) -> Result<(), BadRequest> {
        let id = format!("call_function_{}", self.function_calls);
        self.function_calls += 1;
        self.input.push(function_call(&id, &call.need_text("name")?, &call.need_text("arguments")?));
        self.function_call = Some(id);
        Ok(())
    }

    fn add_tool_output(&mut self, mut message: Members) -> Result<(), BadRequest> {
        let id = message.need_text("tool_call_id")?;
        let kind = if self.custom_calls.contains(&id) { "custom_tool_call_output" } else { "function_call_output" };
        self.input.push(json!({"type": kind, "call_id": id, "output": content::plain_text(&mut message)?}));
        Ok(())
    }

    fn add_function_output(&mut self, mut message: Members) -> Result<(), BadRequest> {
        let Some(id) = &self.function_call else {
            let advice = "no message before it has a `function_call`.";
            return Err(BadRequest::unsupported_value(&message.path_of("role"), advice));
        };
        // A function may have had nothing to say.
        let output = if message.has("content") { content::plain_text(&mut message)? } else { String::new() };
        self.input.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
        Ok(())
    }
}

fn function_call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
}

#[cfg(test)]
mod tests;
