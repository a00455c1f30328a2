//! Places system messages. The backend refuses items with the role `system` and accepts `instructions` instead.
//!
//! In two cases the collected texts become `developer` items, because the backend would refuse the request otherwise:
//! if the input has no other items, and if the request asks for `json_object`. The latter requires the word "JSON" in
//! the input, and often only the system message has it.

use super::{json_writer::JsonWriter, raw_json::Text};

/// The texts of a request's system messages, in order.
#[derive(Debug, Default)]
pub(super) struct SystemTexts<'a>(Vec<Text<'a>>);

impl<'a> SystemTexts<'a> {
    pub(super) fn push(&mut self, text: Text<'a>) {
        if !text.is_empty() {
            self.0.push(text);
        }
    }

    /// Returns the texts as `developer` items.
    pub(super) fn as_items(&self) -> String {
        let mut out = JsonWriter::default();
        self.0.iter().for_each(|text| write_developer_item(text, &mut out));
        out.into_text()
    }

    /// Returns the `instructions`: the caller's `own`, then the system messages unless they are inserted in the input.
    /// The items of the input begin at `start`. `instructions` are sent even if they are empty, because the backend may
    /// require them.
    pub(super) fn place(self, own: Text<'a>, start: usize, wants_json_object: bool, out: &mut JsonWriter) -> Text<'a> {
        let mut instructions = own;
        if wants_json_object || out.len() == start {
            out.insert_items(start, |out| self.0.iter().for_each(|text| write_developer_item(text, out)));
        } else {
            for text in self.0 {
                if instructions.is_empty() {
                    instructions = text;
                } else {
                    instructions.append(2, &text);
                }
            }
        }
        instructions
    }
}

/// Writes a `developer` message. It takes precedence over the user's, and the backend accepts it anywhere in the input.
pub(super) fn write_developer_item(text: &Text<'_>, out: &mut JsonWriter) {
    write_text_message("developer", text, out);
}

pub(super) fn write_text_message(role: &str, text: &Text<'_>, out: &mut JsonWriter) {
    begin_message(role, out);
    write_part("input_text", "text", text, out);
    end_message(out);
}

/// Begins a message. Its parts follow.
pub(super) fn begin_message(role: &str, out: &mut JsonWriter) {
    out.begin_object();
    out.word("type", "message");
    out.word("role", role);
    out.begin_array_in("content");
}

pub(super) fn write_part(kind: &str, name: &str, text: &Text<'_>, out: &mut JsonWriter) {
    out.begin_object();
    out.word("type", kind);
    out.text(name, text);
    out.end_object();
}

pub(super) fn end_message(out: &mut JsonWriter) {
    out.end_array();
    out.end_object();
}
