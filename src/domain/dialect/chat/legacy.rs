//! The legacy Completions API (OpenAI API reference, `POST /v1/completions`): one text in, one text out. A request
//! becomes a chat with one user message.

use serde_json::{Value, json};

use super::item::{list, text};
use crate::domain::dialect::{
    InvalidRequest,
    members::{Members, TextOrList},
    raw_json::{Text, read},
};

/// Takes `prompt` out of the body. Refuses parameters that the backend lacks and that would change the result.
pub(super) fn take_prompt<'a>(body: &mut Members<'a>) -> Result<Text<'a>, InvalidRequest> {
    if body.take_flag("echo")? {
        return Err(InvalidRequest::refused(
            "echo",
            "The response has the completion only: put the prompt in front of it.",
        ));
    }
    if body.take_text("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
        return Err(InvalidRequest::refused(
            "suffix",
            "The provider cannot insert text: describe the gap in `prompt`.",
        ));
    }
    // In this API, `logprobs` is the number of probabilities for each token.
    if body.take("logprobs").is_some_and(|count| read::<u64>(count) != Some(0)) {
        return Err(InvalidRequest::refused("logprobs", "The provider returns no probabilities: leave it out."));
    }
    match body.need_text_or_list("prompt")? {
        TextOrList::Text(text) => Ok(text),
        TextOrList::List(prompts) => {
            let advice = "The provider returns one choice: send several requests instead.";
            let mut only = None;
            prompts.each_raw(|prompt, path| match (Text::of(prompt), &only) {
                (Some(text), None) => {
                    only = Some(text);
                    Ok(())
                }
                (Some(_), Some(_)) => Err(InvalidRequest::refused("prompt", advice)),
                (None, _) => Err(InvalidRequest::invalid_type(&path, "a string; token ids are not supported")),
            })?;
            only.ok_or_else(|| InvalidRequest::missing("prompt[0]"))
        }
    }
}

/// Converts a chunk of a chat; None if nothing is left to send.
pub fn text_chunk(chunk: Value) -> Option<Value> {
    let is_empty =
        |choice: &Value| text(choice, "text").is_empty() && choice.get("finish_reason").is_none_or(Value::is_null);
    let chunk = text_completion(chunk);
    let choices = list(&chunk, "choices");
    // A chunk without choices has the usage.
    (choices.is_empty() || !choices.iter().all(is_empty)).then_some(chunk)
}

/// Converts a chat completion, or a chunk of one.
pub fn text_completion(mut completion: Value) -> Value {
    let id = text(&completion, "id");
    let id = format!("cmpl-{}", id.strip_prefix("chatcmpl-").unwrap_or(id));
    let choices: Vec<Value> = list(&completion, "choices").iter().map(text_choice).collect();
    if let Some(members) = completion.as_object_mut() {
        members.insert("id".to_owned(), id.into());
        members.insert("object".to_owned(), "text_completion".into());
        members.insert("choices".to_owned(), choices.into());
    }
    completion
}

fn text_choice(choice: &Value) -> Value {
    let message = choice.get("message").or_else(|| choice.get("delta")).unwrap_or(&Value::Null);
    // This API has no member for refusals, so they become the text.
    let content = [text(message, "content"), text(message, "refusal")].concat();
    json!({"text": content, "index": 0, "logprobs": null, "finish_reason": choice.get("finish_reason")})
}
