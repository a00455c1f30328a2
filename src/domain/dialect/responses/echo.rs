//! Completes a response with members of its request. OpenAI's API promises them, but the backend leaves them out.

use serde_json::value::RawValue;

use crate::domain::{
    dialect::{event::in_one_line, json_writer::JsonWriter, members::Members, raw_json::is_null},
    model_ref::ModelName,
};

/// The members that are filled in, with their defaults (OpenAI API reference, "the response object"). The first
/// [`FROM_REQUEST`] of them repeat the request.
const FILLED_MEMBERS: [(&str, &str); 12] = [
    ("previous_response_id", "null"),
    ("instructions", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("object", r#""response""#),
    ("error", "null"),
    ("incomplete_details", "null"),
    ("temperature", "1.0"),
    ("top_p", "1.0"),
];
const FROM_REQUEST: usize = 7;

/// The members of a request that its response repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEcho {
    model: ModelName,
    /// The values as JSON in one line, in the order of [`FILLED_MEMBERS`].
    members: [Option<Box<str>>; FROM_REQUEST],
    /// The value of `store`. The backend always returns false, because only the gateway stores responses.
    is_stored: bool,
}

impl RequestEcho {
    /// Copies the members of a request. The caller's line breaks between values would end a `data` line of the stream.
    pub(super) fn of(model: ModelName, body: &Members<'_>) -> Self {
        let mut members = [const { None }; FROM_REQUEST];
        for (member, (name, _)) in members.iter_mut().zip(FILLED_MEMBERS) {
            *member = body.get(name).map(|value| in_one_line(value).into());
        }
        Self { model, members, is_stored: false }
    }

    /// Sets the value of `store` in the response.
    #[must_use]
    pub fn stored(self, is_stored: bool) -> Self {
        Self { is_stored, ..self }
    }

    /// Returns the size of the copied members, in bytes.
    pub fn size(&self) -> usize {
        self.members.iter().flatten().map(|member| member.len()).sum()
    }

    /// Returns a response as JSON, with the caller's name of the model and all promised members. `output` replaces the
    /// response's own output.
    pub(super) fn complete(&self, response: &Members<'_>, output: Option<&str>) -> String {
        let mut out = JsonWriter::for_body(self.size() + output.map_or(0, str::len));
        out.word("model", self.model.as_str());
        out.flag("store", self.is_stored);
        let is_replaced = |name: &str| matches!(name, "model" | "store") || name == "output" && output.is_some();
        for (name, value) in response.iter().filter(|(name, value)| !is_replaced(name) && !is_filled(name, value)) {
            match object_named("usage", name, value) {
                Some(usage) => write_usage(&usage, &mut out),
                None => out.raw(name, value),
            }
        }
        if let Some(output) = output {
            out.json("output", output);
        }
        let copied = self.members.iter().map(Option::as_deref).chain(std::iter::repeat(None));
        for ((name, default), given) in FILLED_MEMBERS.into_iter().zip(copied) {
            if !response.has(name) {
                out.json(name, given.unwrap_or(default));
            }
        }
        out.end_object();
        out.into_text()
    }
}

/// Writes `usage`. Some models report no tokens that were written to the cache, but strict clients require the number.
fn write_usage(usage: &Members<'_>, out: &mut JsonWriter) {
    out.begin_object_in("usage");
    for (name, value) in usage.iter() {
        match object_named("input_tokens_details", name, value) {
            Some(details) if !details.has("cache_write_tokens") => {
                out.begin_object_in(name);
                out.json("cache_write_tokens", "0");
                for (name, value) in details.iter().filter(|(name, _)| *name != "cache_write_tokens") {
                    out.raw(name, value);
                }
                out.end_object();
            }
            _ => out.raw(name, value),
        }
    }
    out.end_object();
}

/// Returns the value of a member if it has this name and is an object.
fn object_named<'a>(wanted: &str, name: &str, value: &'a RawValue) -> Option<Members<'a>> {
    if name == wanted { Members::of_event(value.get()) } else { None }
}

/// Whether a member of the response is `null` and [`FILLED_MEMBERS`] has a value for it.
fn is_filled(name: &str, value: &RawValue) -> bool {
    is_null(value) && FILLED_MEMBERS.iter().any(|(filled, _)| *filled == name)
}
