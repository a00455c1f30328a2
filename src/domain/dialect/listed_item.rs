//! The form in which the input of a stored response is listed (OpenAI API reference, "list input items"). A request may
//! have messages in a short form, but OpenAI's SDKs read the listed ones in the full form only.

use serde_json::{Value, json};

/// Returns an input item in its full form. An item without an `id` gets `generated_id`. A message gets its `type`, and
/// a text as its content becomes a list of one part.
pub fn listed_item(mut item: Value, generated_id: String) -> Value {
    let Some(members) = item.as_object_mut() else { return item };
    if !members.get("id").is_some_and(Value::is_string) {
        members.insert("id".to_owned(), generated_id.into());
    }
    let is_message = match members.get("type").and_then(Value::as_str) {
        Some(kind) => kind == "message",
        None => members.contains_key("role"),
    };
    if is_message {
        members.insert("type".to_owned(), "message".into());
        let is_assistant = members.get("role").is_some_and(|role| role == "assistant");
        if let Some(content) = members.get_mut("content").filter(|content| content.is_string()) {
            let text = content.take();
            *content = if is_assistant {
                json!([{"type": "output_text", "text": text, "annotations": []}])
            } else {
                json!([{"type": "input_text", "text": text}])
            };
        }
    }
    item
}
