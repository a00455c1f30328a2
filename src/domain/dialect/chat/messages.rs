//! The messages of a chat as the items of a response's input. An assistant's message and its tool calls are one message
//! in a chat and several items in Responses.

use std::{borrow::Cow, collections::HashSet};

use super::content;
use crate::domain::dialect::{
    InvalidRequest,
    invalid_request::shown,
    json_writer::JsonWriter,
    members::Members,
    raw_json::{List, Text},
    system_text::{SystemTexts, write_developer_item},
};

/// The parts of the messages that are not items.
pub(super) struct Conversation<'a> {
    /// The system messages before any other message. Later ones stay in their place, as `developer`.
    pub(super) system: SystemTexts<'a>,
    /// Whether a message has a `name`. Items have no such member.
    pub(super) has_names: bool,
}

/// Writes the items of `messages`.
pub(super) fn translate<'a>(messages: List<'a>, out: &mut JsonWriter) -> Result<Conversation<'a>, InvalidRequest> {
    if messages.is_empty() {
        return Err(InvalidRequest::unsupported_value("messages", "it is empty."));
    }
    let mut translation = Translation {
        start: out.len(),
        out,
        conversation: Conversation { system: SystemTexts::default(), has_names: false },
        custom_calls: HashSet::new(),
        function_calls: 0,
    };
    messages.each(|message| translation.add(message))?;
    Ok(translation.conversation)
}

struct Translation<'a, 'o> {
    out: &'o mut JsonWriter,
    /// The position of the first item.
    start: usize,
    conversation: Conversation<'a>,
    /// The ids of calls of custom tools, whose outputs are items of another type.
    custom_calls: HashSet<Cow<'a, str>>,
    /// The number of messages with a `function_call`, which has no id in a chat.
    function_calls: usize,
}

impl<'a> Translation<'a, '_> {
    /// Adds a message. Ignores unknown members, because clients send back messages as they received them.
    fn add(&mut self, mut message: Members<'a>) -> Result<(), InvalidRequest> {
        let role = message.need_word("role")?;
        if role != "function" {
            self.conversation.has_names |= message.has("name");
        }
        match &*role {
            "system" | "developer" => {
                let text = content::plain_text(&mut message)?;
                if self.out.len() == self.start {
                    self.conversation.system.push(text);
                } else if !text.is_empty() {
                    write_developer_item(&text, self.out);
                }
                Ok(())
            }
            "user" => {
                self.begin_message("user");
                content::write_user_parts(&mut message, self.out)?;
                self.end_message();
                Ok(())
            }
            "assistant" => self.add_assistant(message),
            "tool" => self.add_tool_output(message),
            "function" => self.add_function_output(message),
            other => {
                let advice = format!("the role '{}' is unknown.", shown(other));
                Err(InvalidRequest::unsupported_value(&message.path_of("role"), &advice))
            }
        }
    }

    fn begin_message(&mut self, role: &str) {
        self.out.begin_object();
        self.out.word("type", "message");
        self.out.word("role", role);
        self.out.begin_array_in("content");
    }

    fn end_message(&mut self) {
        self.out.end_array();
        self.out.end_object();
    }

    fn add_assistant(&mut self, mut message: Members<'a>) -> Result<(), InvalidRequest> {
        if message.has("audio") {
            let advice = "the provider stores no audio: send its transcript as `content`.";
            return Err(InvalidRequest::unsupported_value(&message.path_of("audio"), advice));
        }
        let before = self.out.len();
        self.begin_message("assistant");
        let empty = self.out.len();
        content::write_assistant_parts(&mut message, self.out)?;
        if self.out.len() == empty {
            // The message only calls tools.
            self.out.truncate(before);
        } else {
            self.end_message();
        }
        if let Some(calls) = message.take_list("tool_calls")? {
            calls.each(|call| self.add_call(call))?;
        }
        if let Some(call) = message.take_object("function_call")? {
            self.add_function_call(call)?;
        }
        Ok(())
    }

    fn add_call(&mut self, mut call: Members<'a>) -> Result<(), InvalidRequest> {
        let id = call.need_text("id")?;
        match call.take_text("type")?.map(Text::unescaped).as_deref() {
            None | Some("function") => {
                let mut function = call.need_object("function")?;
                self.begin_item("function_call", &id);
                self.out.text("name", &function.need_text("name")?);
                self.out.text("arguments", &function.need_text("arguments")?);
                self.out.end_object();
            }
            Some("custom") => {
                let mut custom = call.need_object("custom")?;
                self.begin_item("custom_tool_call", &id);
                self.out.text("name", &custom.need_text("name")?);
                self.out.text("input", &custom.need_text("input")?);
                self.out.end_object();
                self.custom_calls.insert(id.unescaped());
            }
            Some(_) => {
                let advice = "it is `function` or `custom`.";
                return Err(InvalidRequest::unsupported_value(&call.path_of("type"), advice));
            }
        }
        Ok(())
    }

    fn begin_item(&mut self, kind: &str, call_id: &Text<'_>) {
        self.out.begin_object();
        self.out.word("type", kind);
        self.out.text("call_id", call_id);
    }

    /// A call in the form before `tool_calls`. Its id is made from its position, so that the same chat has the same ids
    /// and matches the backend's cache.
    fn add_function_call(&mut self, mut call: Members<'a>) -> Result<(), InvalidRequest> {
        self.out.begin_object();
        self.out.word("type", "function_call");
        self.out.word("call_id", &format!("call_function_{}", self.function_calls));
        self.out.text("name", &call.need_text("name")?);
        self.out.text("arguments", &call.need_text("arguments")?);
        self.out.end_object();
        self.function_calls += 1;
        Ok(())
    }

    fn add_tool_output(&mut self, mut message: Members<'a>) -> Result<(), InvalidRequest> {
        let id = message.need_text("tool_call_id")?;
        let is_custom = self.custom_calls.contains(&id.clone().unescaped());
        self.begin_item(if is_custom { "custom_tool_call_output" } else { "function_call_output" }, &id);
        self.out.text("output", &content::plain_text(&mut message)?);
        self.out.end_object();
        Ok(())
    }

    /// Adds the output of the newest `function_call`.
    fn add_function_output(&mut self, mut message: Members<'a>) -> Result<(), InvalidRequest> {
        let Some(newest) = self.function_calls.checked_sub(1) else {
            let advice = "no message before it has a `function_call`.";
            return Err(InvalidRequest::unsupported_value(&message.path_of("role"), advice));
        };
        // A function may return nothing.
        let output = if message.has("content") { content::plain_text(&mut message)? } else { Text::EMPTY };
        self.out.begin_object();
        self.out.word("type", "function_call_output");
        self.out.word("call_id", &format!("call_function_{newest}"));
        self.out.text("output", &output);
        self.out.end_object();
        Ok(())
    }
}
