//! The simulated model, shared by all APIs. Its output follows from the question alone, so a test can predict it.

mod schema;
mod tools;

use serde_json::Value;

pub(crate) use tools::{Call, Tool, ToolChoice};

/// Characters in one piece of generated JSON: few, so that even a short text has several pieces.
const JSON_PIECE: usize = 6;

/// The text of `Speech::Sentences`.
const SENTENCES: &str = "\
    Hello! I am a simulated model, so I say the same to every prompt. Yours came through the gateway: it added the \
    account's access token, which your program never saw, and passed each of these words on as soon as it arrived. \
    Connect a real account, and a real model answers the same request.";

/// A question for the model, independent of the API.
pub(crate) struct Question {
    /// The outputs of the last tool calls; empty if another message came last.
    pub(crate) tool_outputs: Vec<String>,
    /// The text of the last user message.
    pub(crate) user_text: String,
    /// The names of the functions that were called since that message.
    pub(crate) called: Vec<String>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: ToolChoice,
    /// Whether several tools may be called at once.
    pub(crate) parallel: bool,
    /// The JSON schema for the text.
    pub(crate) schema: Option<Value>,
}

/// The model's output, in streamed pieces.
pub(crate) enum Output {
    Text(Vec<String>),
    Calls(Vec<Call>),
}

/// Returns the first that applies: calls of the named tools, the tool outputs as text, the minimal JSON for the schema,
/// or the plain text of `text_pieces`.
pub(crate) fn output(question: &Question, text_pieces: Vec<String>) -> Output {
    let calls = tools::calls(question);
    if !calls.is_empty() {
        return Output::Calls(calls);
    }
    if !question.tool_outputs.is_empty() {
        let text = format!("The tools answered: {}", question.tool_outputs.join(" "));
        return Output::Text(pieces(&text));
    }
    match &question.schema {
        Some(schema) => Output::Text(json_pieces(&schema::minimal_value(schema).to_string())),
        None => Output::Text(text_pieces),
    }
}

fn pieces(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(ToOwned::to_owned).collect()
}

/// Returns the text of `Speech::Sentences`, word by word.
pub(crate) fn sentences() -> Vec<String> {
    pieces(SENTENCES)
}

/// Returns this many numbered words.
pub(crate) fn words(count: u32) -> Vec<String> {
    (1..=count).map(|number| format!("word{number} ")).collect()
}

/// Splits a JSON text into streamed pieces.
pub(crate) fn json_pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    // At most half, so that even `{}` has two pieces.
    let size = JSON_PIECE.min(characters.len().div_ceil(2)).max(1);
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}
