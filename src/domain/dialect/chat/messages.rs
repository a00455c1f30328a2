//! Translates the messages of a chat to input items of the Responses API. An assistant's message with tool calls
//! becomes several items. Items of the Responses API among the messages are kept.

use std::{borrow::Cow, collections::HashSet};

use super::content::{self, ToolOutput};
use crate::domain::dialect::{
    InvalidRequest, call_id, call_name,
    invalid_request::shown,
    items,
    json_writer::JsonWriter,
    members::Members,
    raw_json::{List, Text},
    recalled::Recall,
    system_text::{SystemTexts, begin_message, end_message, write_developer_item},
};

/// What the messages contain besides items.
pub(in crate::domain::dialect) struct Conversation<'a> {
    /// The system messages before any other message. A later one becomes a `developer` item in its place.
    pub(in crate::domain::dialect) system: SystemTexts<'a>,
    /// Whether a message has a `name`, which items cannot carry.
    pub(in crate::domain::dialect) has_names: bool,
}

/// Writes the items of `messages`.
pub(in crate::domain::dialect) fn translate<'a>(
    messages: List<'a>,
    recall: &mut Recall<'a>,
    out: &mut JsonWriter,
) -> Result<Conversation<'a>, InvalidRequest> {
    if messages.is_empty() {
        return Err(InvalidRequest::unsupported_value("messages", "it is empty."));
    }
    let mut translation = Translation {
        start: out.len(),
        out,
        recall,
        conversation: Conversation { system: SystemTexts::default(), has_names: false },
        custom_calls: HashSet::new(),
        function_calls: 0,
        without_id: CallsWithoutId::default(),
    };
    messages.each_raw(|raw, path| {
        let message = Members::of(raw, path.clone())?;
        if items::is_message(&message) {
            translation.add(message)
        } else {
            items::write(raw, path, translation.recall, &mut translation.conversation.system, translation.out)
        }
    })?;
    Ok(translation.conversation)
}

struct Translation<'a, 'o> {
    out: &'o mut JsonWriter,
    recall: &'o mut Recall<'a>,
    /// The length of `out` before the first item.
    start: usize,
    conversation: Conversation<'a>,
    /// The ids of the calls of custom tools. Their outputs are items of another type.
    custom_calls: HashSet<Cow<'a, str>>,
    /// The number of messages with a `function_call` so far.
    function_calls: usize,
    without_id: CallsWithoutId,
}

/// The tool calls without an id, which histories of some other models contain. Their ids come from their positions.
#[derive(Default)]
struct CallsWithoutId {
    calls: usize,
    /// The number of calls that have an output, or whose message is no longer the newest with calls.
    answered: usize,
}

impl CallsWithoutId {
    /// Returns the id of the next call.
    fn begin(&mut self) -> Text<'static> {
        self.calls += 1;
        Self::id(self.calls - 1)
    }

    /// Returns the id of the oldest call without an output.
    fn answer(&mut self) -> Option<Text<'static>> {
        let position = (self.answered < self.calls).then_some(self.answered)?;
        self.answered += 1;
        Some(Self::id(position))
    }

    fn id(position: usize) -> Text<'static> {
        Text::from_plain(&format!("call_without_id_{position}"))
    }
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
            }
            "user" => {
                begin_message("user", self.out);
                content::write_user_parts(&mut message, self.out)?;
                end_message(self.out);
            }
            "assistant" => self.add_assistant(message)?,
            "tool" => self.add_tool_output(message)?,
            "function" => self.add_function_output(message)?,
            other => return Err(message.unsupported("role", &format!("the role '{}' is unknown.", shown(other)))),
        }
        Ok(())
    }

    fn add_assistant(&mut self, mut message: Members<'a>) -> Result<(), InvalidRequest> {
        if message.has("audio") {
            let advice = "the provider stores no audio: send its transcript as `content`.";
            return Err(message.unsupported("audio", advice));
        }
        // The gateway returns generated images as `images`.
        let with_pictures = [message.list("content"), message.list("images")];
        // A message that only calls tools has no parts, so no message item is written.
        let write_parts = |out: &mut JsonWriter| content::write_assistant_parts(&mut message, out);
        self.out.unless_empty(|out| begin_message("assistant", out), write_parts, end_message)?;
        content::write_pictures(with_pictures.into_iter().flatten(), self.out)?;
        if let Some(calls) = message.take_list("tool_calls")? {
            self.without_id.answered = self.without_id.calls;
            calls.each(|call| self.add_call(call))?;
        }
        if let Some(call) = message.take_object("function_call")? {
            self.add_function_call(call)?;
        }
        Ok(())
    }

    fn add_call(&mut self, mut call: Members<'a>) -> Result<(), InvalidRequest> {
        let own_id = call.take_text("id")?.filter(|id| !id.is_empty());
        let id = own_id.unwrap_or_else(|| self.without_id.begin());
        items::write_reasoning_before(&id, self.recall, self.out);
        match call.take_text("type")?.map(Text::unescaped).as_deref() {
            None | Some("function" | "") => {
                self.write_call("function_call", &id, "arguments", call.need_object("function")?)
            }
            Some("custom") => {
                self.write_call("custom_tool_call", &id, "input", call.need_object("custom")?)?;
                self.custom_calls.insert(id.unescaped());
                Ok(())
            }
            Some(_) => Err(call.unsupported("type", "use `function` or `custom`.")),
        }
    }

    /// Writes a call. `input` is the name of the member with its arguments.
    fn write_call(
        &mut self,
        kind: &str,
        id: &Text<'_>,
        input: &str,
        mut call: Members<'a>,
    ) -> Result<(), InvalidRequest> {
        self.out.begin_object();
        self.out.word("type", kind);
        self.out.text("call_id", &call_id::shorten(id.clone()));
        self.out.text("name", &call_name::accepted(call.need_text("name")?));
        let given = call.take_as_text(input, &mut self.recall.json_as_text_left)?;
        self.out.text(input, &items::arguments(kind, given));
        self.out.end_object();
        Ok(())
    }

    fn write_output(&mut self, kind: &str, id: Text<'_>, output: ToolOutput<'a>) -> Result<(), InvalidRequest> {
        self.out.begin_object();
        self.out.word("type", kind);
        self.out.text("call_id", &call_id::shorten(id));
        output.write("output", self.out)?;
        self.out.end_object();
        Ok(())
    }

    /// Adds a call in the deprecated form `function_call`, which has no id. Its id comes from its position, so that
    /// every turn sends the same ids and matches the backend's cache.
    fn add_function_call(&mut self, call: Members<'a>) -> Result<(), InvalidRequest> {
        self.write_call("function_call", &function_call_id(self.function_calls), "arguments", call)?;
        self.function_calls += 1;
        Ok(())
    }

    fn add_tool_output(&mut self, mut message: Members<'a>) -> Result<(), InvalidRequest> {
        let own_id = message.take_text("tool_call_id")?.filter(|id| !id.is_empty());
        let Some(id) = own_id.or_else(|| self.without_id.answer()) else {
            return Err(InvalidRequest::missing(&message.path_of("tool_call_id")));
        };
        let is_custom = self.custom_calls.contains(&id.clone().unescaped());
        let kind = if is_custom { "custom_tool_call_output" } else { "function_call_output" };
        let output = ToolOutput::of(&mut message, &mut self.recall.json_as_text_left)?;
        self.write_output(kind, id, output)
    }

    /// Adds the output of the newest `function_call`.
    fn add_function_output(&mut self, mut message: Members<'a>) -> Result<(), InvalidRequest> {
        let Some(newest) = self.function_calls.checked_sub(1) else {
            return Err(message.unsupported("role", "no message before it has a `function_call`."));
        };
        let output = ToolOutput::of(&mut message, &mut self.recall.json_as_text_left)?;
        self.write_output("function_call_output", function_call_id(newest), output)
    }
}

fn function_call_id(position: usize) -> Text<'static> {
    Text::from_plain(&format!("call_function_{position}"))
}
