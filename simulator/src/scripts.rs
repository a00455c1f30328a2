//! Scripts: what the next responses of the backend say and how they reach the wire, where a test wants something else
//! than what the model would say by itself. What a script says or how it ends, a fault can still interrupt.

use serde::{Deserialize, Serialize};

use crate::faults::Times;

/// The code of a failure that is ordered without one.
const ANY_CODE: &str = "server_error";

/// What a response says, and how. Unless it says otherwise, it says what [`Script::Auto`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Script {
    /// Whatever follows from the request.
    Auto,
    /// A text in many scripts; each of its characters that has several bytes is torn apart by two writes.
    Multibyte,
    /// Lines end in CR LF.
    Crlf,
    /// Comments and empty lines between the frames.
    Comments,
    /// Events and an item that no client knows.
    UnknownEvents,
    /// The last event lists no output, although there was some.
    EmptyOutput,
    /// The model refuses.
    Refusal,
    /// A call of a tool that takes plain text.
    CustomTool,
    /// A search of the web before the answer.
    WebSearch,
    /// A text of many deltas.
    Long,
    /// The text is cut short because it is long enough.
    Incomplete,
    /// The text is cut short because of what it says.
    ContentFilter,
    /// `response.failed` with this code, before any output: `failed:CODE`.
    Failed(String),
    /// The stream ends, cleanly, without its last event.
    Eof,
    /// Bytes in the middle that are no event.
    Garbage,
    /// More bytes after the last event, and then silence: the connection stays open.
    AfterCompleted,
    /// Every byte in a write of its own.
    TinyChunks,
    /// Everything in one write, without a pause.
    OneWrite,
    /// An event `error` with this code, before any output: `error_event:CODE`.
    ErrorEvent(String),
}

/// The scripts that are named by one word.
const NAMED: [(&str, Script); 17] = [
    ("auto", Script::Auto),
    ("multibyte", Script::Multibyte),
    ("crlf", Script::Crlf),
    ("comments", Script::Comments),
    ("unknown_events", Script::UnknownEvents),
    ("empty_output", Script::EmptyOutput),
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
];

/// There is no such script.
#[derive(Debug, thiserror::Error)]
#[error("there is no script named `{0}`")]
pub struct UnknownScript(String);

impl TryFrom<String> for Script {
    type Error = UnknownScript;

    fn try_from(text: String) -> Result<Self, UnknownScript> {
        let (name, code) = text.split_once(':').unwrap_or((&text, ANY_CODE));
        match name {
            "failed" => Ok(Self::Failed(code.to_owned())),
            "error_event" => Ok(Self::ErrorEvent(code.to_owned())),
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
        NAMED.iter().find(|(_, named)| *named == script).map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }
}

/// A script, and for how many responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptOrder {
    /// Which.
    pub script: Script,
    /// How often; once unless said otherwise.
    #[serde(default = "Times::once")]
    pub times: Times,
}

impl ScriptOrder {
    /// For the next response.
    #[must_use]
    pub fn once(script: Script) -> Self {
        Self { script, times: Times::once() }
    }
}

/// The orders, oldest first.
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

    /// The script of a response that is about to be given.
    pub(crate) fn next(&mut self) -> Script {
        self.0.retain(|order| !order.times.is_over());
        let Some(order) = self.0.first_mut() else { return Script::Auto };
        order.times.count_down();
        let script = order.script.clone();
        self.0.retain(|order| !order.times.is_over());
        script
    }
}
