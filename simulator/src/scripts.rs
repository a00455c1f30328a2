//! Scripts: the content and form of the backend's next responses, where a test needs something other than the model's
//! default. A fault can still interrupt a scripted response.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::faults::Times;

/// The default error code of a failure.
const DEFAULT_CODE: &str = "server_error";

/// The content and form of a response. Everything that a script does not change is as in [`Script::Auto`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Script {
    /// The output that follows from the request.
    Auto,
    /// Text in many writing systems; each multi-byte character is split between two writes.
    Multibyte,
    /// Lines end in CR LF.
    Crlf,
    /// Comments and empty lines between the frames.
    Comments,
    /// Unknown events and an unknown item.
    UnknownEvents,
    /// The last event lists the output, as in OpenAI's public API.
    ListedOutput,
    /// The model refuses.
    Refusal,
    /// A call of a tool with plain-text input.
    CustomTool,
    /// A web search before the output.
    WebSearch,
    /// A text of 2,000 words.
    Long,
    /// The text is cut short at its maximum length.
    Incomplete,
    /// The text is cut short by the content filter.
    ContentFilter,
    /// `response.failed` with this code, before any output: `failed:CODE`.
    Failed(String),
    /// The stream ends cleanly without its last event.
    Eof,
    /// Invalid bytes between the events.
    Garbage,
    /// More bytes after the last event, then silence on an open connection.
    AfterCompleted,
    /// One write per byte.
    TinyChunks,
    /// One write for everything, without a pause.
    OneWrite,
    /// No `Content-Type`, as the real backend sends its streams since July 2026.
    Untyped,
    /// An `error` event with this code, before any output: `error_event:CODE`.
    ErrorEvent(String),
    /// These events instead of the output, before the last one: `events:[{"type": ..}, ..]`.
    Events(Vec<Value>),
}

/// The scripts without an argument.
const NAMED: [(&str, Script); 18] = [
    ("auto", Script::Auto),
    ("multibyte", Script::Multibyte),
    ("crlf", Script::Crlf),
    ("comments", Script::Comments),
    ("unknown_events", Script::UnknownEvents),
    ("listed_output", Script::ListedOutput),
    ("refusal", Script::Refusal),
    ("custom_tool", Script::CustomTool),
    ("web_search", Script::WebSearch),
    ("long", Script::Long),
    ("incomplete", Script::Incomplete),
    ("content_filter", Script::ContentFilter),
    ("eof", Script::Eof),
    ("garbage", Script::Garbage),
    ("after_completed", Script::AfterCompleted),
    ("tiny_chunks", Script::TinyChunks),
    ("one_write", Script::OneWrite),
    ("untyped", Script::Untyped),
];

/// The script name is unknown.
#[derive(Debug, thiserror::Error)]
#[error("there is no script named `{0}`")]
pub struct UnknownScript(String);

impl TryFrom<String> for Script {
    type Error = UnknownScript;

    fn try_from(text: String) -> Result<Self, UnknownScript> {
        let (name, argument) = text.split_once(':').unwrap_or((&text, DEFAULT_CODE));
        match name {
            "failed" => Ok(Self::Failed(argument.to_owned())),
            "error_event" => Ok(Self::ErrorEvent(argument.to_owned())),
            "events" => serde_json::from_str(argument).map(Self::Events).map_err(|_not_events| UnknownScript(text)),
            _ => {
                let named = NAMED.into_iter().find(|(name, _)| *name == text);
                named.map(|(_, script)| script).ok_or(UnknownScript(text))
            }
        }
    }
}

impl From<Script> for String {
    fn from(script: Script) -> Self {
        if let Script::Failed(code) = script {
            return format!("failed:{code}");
        }
        if let Script::ErrorEvent(code) = script {
            return format!("error_event:{code}");
        }
        if let Script::Events(events) = script {
            return format!("events:{}", Value::Array(events));
        }
        NAMED.iter().find(|(_, named)| *named == script).map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }
}

/// A script and the number of responses it applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptOrder {
    /// The script.
    pub script: Script,
    /// How often; once by default.
    #[serde(default = "Times::once")]
    pub times: Times,
}

impl ScriptOrder {
    /// Applies a script to the next response.
    #[must_use]
    pub fn once(script: Script) -> Self {
        Self { script, times: Times::once() }
    }
}

/// The queued scripts, oldest first.
#[derive(Debug, Default)]
pub(crate) struct ScriptQueue(Vec<ScriptOrder>);

impl ScriptQueue {
    pub(crate) fn push(&mut self, order: ScriptOrder) {
        self.0.push(order);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn waiting(&self) -> Vec<ScriptOrder> {
        self.0.clone()
    }

    /// Returns the script for the next response.
    pub(crate) fn next(&mut self) -> Script {
        self.0.retain(|order| !order.times.is_over());
        let Some(order) = self.0.first_mut() else { return Script::Auto };
        order.times.count_down();
        let script = order.script.clone();
        self.0.retain(|order| !order.times.is_over());
        script
    }
}
