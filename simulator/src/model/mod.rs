//! The simulated model: what is said in answer to what, whichever API asks. It follows from the question alone, so that
//! a test knows the answer beforehand.

mod schema;
mod tools;

use serde_json::Value;

pub(crate) use tools::{Call, Tool, ToolChoice};

/// Characters in one piece of generated JSON: small, so that even a short text comes in several.
const JSON_PIECE: usize = 6;

/// What a model is asked, without the API it came through.
pub(crate) struct Question {
    /// What the tools that were called last have answered; nothing when somebody else spoke last.
    pub(crate) tool_outputs: Vec<String>,
    /// What the user said last.
    pub(crate) user_text: String,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: ToolChoice,
    /// Whether several tools may be called at once.
    pub(crate) parallel: bool,
    /// The JSON schema the text has to satisfy.
    pub(crate) schema: Option<Value>,
}

/// What it says, in the pieces in which it is streamed.
pub(crate) enum Answer {
    Text(Vec<String>),
    Calls(Vec<Call>),
}

/// Repeats what tools have answered, calls those that are asked for, fills in a schema, or else counts: so many
/// numbered words, of which a test sees at once which one is missing.
pub(crate) fn answer(question: &Question, words: u32) -> Answer {
    if !question.tool_outputs.is_empty() {
        let text = format!("The tools answered: {}", question.tool_outputs.join(" "));
        return Answer::Text(text.split_inclusive(' ').map(ToOwned::to_owned).collect());
    }
    let calls = tools::called(question);
    if !calls.is_empty() {
        return Answer::Calls(calls);
    }
    match &question.schema {
        Some(schema) => Answer::Text(json_pieces(&schema::least(schema).to_string())),
        None => Answer::Text(self::words(words)),
    }
}

/// So many numbered words.
pub(crate) fn words(count: u32) -> Vec<String> {
    (1..=count).map(|number| format!("word{number} ")).collect()
}

/// A JSON text in pieces, as a model streams it.
pub(crate) fn json_pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    // Half of it at most, so that the least there is, `{}`, comes in two.
    let size = JSON_PIECE.min(characters.len().div_ceil(2)).max(1);
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}
