//! The items of a response's output that a chat can represent (OpenAI API reference, responses, "output").

use serde_json::{Value, json};

/// An item, borrowed from its JSON.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Message(Vec<Part<'a>>),
    Reasoning(Reasoning<'a>),
    Call(Call<'a>),
    /// A generated image, as a `data:` URL.
    Image(String),
    /// Any other type, such as calls of the provider's other tools.
    Other,
}

#[derive(Debug)]
pub(super) struct Reasoning<'a> {
    pub(super) id: &'a str,
    pub(super) encrypted_content: &'a str,
    pub(super) summaries: Vec<&'a str>,
    /// The reasoning in clear text, which some models have instead of summaries.
    pub(super) texts: Vec<&'a str>,
}

/// A part of a message.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Text { text: &'a str, annotations: &'a [Value] },
    Refusal(&'a str),
    Other,
}

/// A call of one of the caller's tools.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    /// The arguments of a function, or the input of a custom tool.
    pub(super) input: &'a str,
    pub(super) is_custom: bool,
}

impl<'a> Item<'a> {
    pub(super) fn of(item: &'a Value) -> Self {
        let texts = |name| list(item, name).iter().map(|part| text(part, "text")).collect::<Vec<_>>();
        match text(item, "type") {
            "message" => Self::Message(list(item, "content").iter().map(Part::of).collect()),
            "reasoning" => Self::Reasoning(Reasoning {
                id: text(item, "id"),
                encrypted_content: text(item, "encrypted_content"),
                summaries: texts("summary"),
                texts: texts("content"),
            }),
            "function_call" => Self::Call(Call::of(item, "arguments", false)),
            "custom_tool_call" => Self::Call(Call::of(item, "input", true)),
            "image_generation_call" if !text(item, "result").is_empty() => {
                let format = Some(text(item, "output_format")).filter(|format| !format.is_empty()).unwrap_or("png");
                Self::Image(format!("data:image/{format};base64,{}", text(item, "result")))
            }
            _ => Self::Other,
        }
    }
}

impl<'a> Part<'a> {
    fn of(part: &'a Value) -> Self {
        match text(part, "type") {
            "output_text" => Self::Text { text: text(part, "text"), annotations: list(part, "annotations") },
            "refusal" => Self::Refusal(text(part, "refusal")),
            _ => Self::Other,
        }
    }
}

impl<'a> Call<'a> {
    fn of(item: &'a Value, input: &str, is_custom: bool) -> Self {
        Self { id: text(item, "call_id"), name: text(item, "name"), input: text(item, input), is_custom }
    }
}

/// Returns the `url_citation` of an annotation. `start` is the position of the annotated part in the message, in
/// characters. Returns None for other annotations: they refer to files that the caller does not have.
pub(super) fn citation(annotation: &Value, start: u64) -> Option<Value> {
    if text(annotation, "type") != "url_citation" {
        return None;
    }
    let position = |name| annotation.get(name).and_then(Value::as_u64).map(|at| at.saturating_add(start));
    Some(json!({
        "start_index": position("start_index"),
        "end_index": position("end_index"),
        "title": text(annotation, "title"),
        "url": text(annotation, "url"),
    }))
}

/// Returns a member that is a string, or the empty string.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a member that is an array, or the empty array.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
