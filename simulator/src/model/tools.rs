//! Selects the tools to call: those the user names, in that order, if the request allows them. The word "afterwards"
//! between names begins another turn.

use serde_json::{Value, json};

use super::{Question, schema};
use crate::provider::random_text;

/// The word between the tools of one turn and those of the next.
const AFTERWARDS: &str = "afterwards";

/// A function the model may call.
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON schema of its arguments.
    pub(crate) parameters: Value,
}

/// The request's choice of tools.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    Auto,
    None,
    Required,
    Named(String),
}

impl ToolChoice {
    /// Parses `"none"`, `"required"` or an object with a function name, which `name` extracts.
    pub(crate) fn read(choice: Option<&Value>, name: impl Fn(&Value) -> Option<&Value>) -> Self {
        let named = choice.and_then(name).and_then(Value::as_str);
        match (choice.and_then(Value::as_str), named) {
            (Some("none"), _) => Self::None,
            (Some("required"), _) => Self::Required,
            (_, Some(name)) => Self::Named(name.to_owned()),
            _ => Self::Auto,
        }
    }
}

/// One call of a tool.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON, as text.
    pub(crate) arguments: String,
}

impl Call {
    pub(crate) fn of(name: &str, arguments: String) -> Self {
        Self { id: format!("call_{}", random_text()), name: name.to_owned(), arguments }
    }
}

/// Returns the tool calls for a question; none if the output is text.
pub(super) fn calls(question: &Question) -> Vec<Call> {
    let is_first = question.tool_outputs.is_empty();
    let tools = match &question.choice {
        ToolChoice::Auto => named_for_turn(question),
        ToolChoice::Named(name) if is_first => question.tools.iter().filter(|tool| tool.name == *name).collect(),
        ToolChoice::Required => match named_for_turn(question) {
            named if named.is_empty() && is_first => question.tools.first().into_iter().collect(),
            named => named,
        },
        ToolChoice::None | ToolChoice::Named(_) => Vec::new(),
    };
    let most = if question.parallel { tools.len() } else { 1 };
    tools.into_iter().take(most).map(|tool| Call::of(&tool.name, arguments(tool))).collect()
}

/// Returns the minimal arguments; `{}` for a tool without parameters.
fn arguments(tool: &Tool) -> String {
    Some(schema::minimal_value(&tool.parameters)).filter(Value::is_object).unwrap_or_else(|| json!({})).to_string()
}

/// Returns the named tools of this turn: those before the first "afterwards" or, after tool outputs, those of the first
/// later turn in which no tool has been called yet.
fn named_for_turn(question: &Question) -> Vec<&Tool> {
    let turns = turns(&question.user_text).into_iter().map(|turn| named_in(turn, &question.tools));
    let mut turns = turns.filter(|named| !named.is_empty());
    if question.tool_outputs.is_empty() {
        return turns.next().unwrap_or_default();
    }
    let is_uncalled = |named: &Vec<&Tool>| named.iter().all(|tool| !question.called.contains(&tool.name));
    turns.skip(1).find(is_uncalled).unwrap_or_default()
}

/// Splits a text at the word "afterwards".
fn turns(mut text: &str) -> Vec<&str> {
    let mut turns = Vec::new();
    while let Some((turn, rest)) = position_of(AFTERWARDS, text).and_then(|position| text.split_at_checked(position)) {
        turns.push(turn);
        text = rest.strip_prefix(AFTERWARDS).unwrap_or_default();
    }
    turns.push(text);
    turns
}

fn named_in<'a>(text: &str, tools: &'a [Tool]) -> Vec<&'a Tool> {
    let mut named: Vec<_> = tools.iter().filter_map(|tool| Some((position_of(&tool.name, text)?, tool))).collect();
    named.sort_by_key(|(position, _)| *position);
    named.into_iter().map(|(_, tool)| tool).collect()
}

/// Finds a name as a whole word: `read` does not occur in `already` or in `read_file`.
fn position_of(name: &str, text: &str) -> Option<usize> {
    let is_word_character = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let stands_alone = |position: &usize| {
        let before = text.get(..*position).and_then(|before| before.chars().next_back());
        let after = text.get(position + name.len()..).and_then(|after| after.chars().next());
        !name.is_empty() && !before.is_some_and(is_word_character) && !after.is_some_and(is_word_character)
    };
    text.match_indices(name).map(|(position, _)| position).find(stands_alone)
}

#[cfg(test)]
mod tests {
    use super::position_of;

    #[test]
    fn names_match_only_whole_words() {
        for (name, text, position) in [
            ("read", "read it", Some(0)),
            ("read", "It is already `read`.", Some(15)),
            ("read", "use read_file, pre-read", None),
            ("grüße", "sag grüße, bitte", Some(4)),
            ("", "anything", None),
        ] {
            assert_eq!(position_of(name, text), position, "{name} in {text}");
        }
    }
}
