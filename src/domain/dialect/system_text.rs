//! What becomes of system messages: the backend refuses items with that role and takes `instructions` instead.
//!
//! Two requests would be refused for lack of them in the input, so there they stay in it, as messages of the role
//! `developer`: one that has nothing else to say, and one that asks for `json_object`, which wants the word "JSON" in the
//! input itself (the rule is often fulfilled by the system message alone).

use serde_json::{Value, json};

/// Between what was said in different messages.
const PARAGRAPH: &str = "\n\n";

/// The texts of a request's system messages, in their order.
#[derive(Debug, Default)]
pub(super) struct SystemTexts(Vec<String>);

impl SystemTexts {
    pub(super) fn push(&mut self, text: String) {
        if !text.is_empty() {
            self.0.push(text);
        }
    }

    /// Gives the `instructions`, which begin with the caller's own, or puts the texts before the input.
    ///
    /// `instructions` is always sent, if need be empty: the backend has been seen to ask for the member.
    pub(super) fn place(self, own: String, input: &mut Vec<Value>, wants_json_object: bool) -> String {
        if wants_json_object || input.is_empty() {
            input.splice(0..0, self.0.into_iter().map(developer_item));
            return own;
        }
        let texts: Vec<String> = Some(own).into_iter().filter(|own| !own.is_empty()).chain(self.0).collect();
        texts.join(PARAGRAPH)
    }
}

/// A message that ranks above the user's, in the one form that the backend takes anywhere in the input.
pub(super) fn developer_item(text: String) -> Value {
    json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(own: &str, input: &[Value], wants_json_object: bool) -> (String, Vec<Value>) {
        let mut texts = SystemTexts::default();
        for text in ["Be brief.", "", "Be kind."] {
            texts.push(text.to_owned());
        }
        let mut input = input.to_vec();
        let instructions = texts.place(own.to_owned(), &mut input, wants_json_object);
        (instructions, input)
    }

    #[test]
    fn they_follow_the_callers_own_instructions() {
        let input = [json!({"role": "user", "content": "Hi"})];
        assert_eq!(
            place("Speak Latin.", &input, false),
            ("Speak Latin.\n\nBe brief.\n\nBe kind.".into(), input.to_vec())
        );
        assert_eq!(place("", &input, false).0, "Be brief.\n\nBe kind.");
    }

    #[test]
    fn they_stay_in_an_input_that_needs_them() {
        let user = json!({"role": "user", "content": "Hi"});
        let (brief, kind) = (developer_item("Be brief.".to_owned()), developer_item("Be kind.".to_owned()));
        assert_eq!(place("Own.", &[], false), ("Own.".to_owned(), vec![brief.clone(), kind.clone()]));
        assert_eq!(place("Own.", std::slice::from_ref(&user), true), ("Own.".to_owned(), vec![brief, kind, user]));
    }
}
