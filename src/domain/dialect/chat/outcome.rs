//! What a chat's answer and its stream both tell about a response beside its words: who it is, why it ended, what it
//! took.

use serde_json::{Map, Value, json};

use super::{ChatOptions, item::text};

/// The members that an answer, and each chunk of one, begins with. A response without an id or a time is none that the
/// API knows; the answer then says so.
pub(super) fn head(response: &Value, object: &str, options: &ChatOptions) -> Map<String, Value> {
    let id = Some(text(response, "id")).filter(|id| !id.is_empty()).unwrap_or("unknown");
    let id = id.strip_prefix("resp_").unwrap_or(id);
    let created = response.get("created_at").and_then(|at| at.as_u64().or_else(|| at.as_f64().map(|at| at as u64)));
    let mut head = Map::new();
    head.insert("id".to_owned(), format!("chatcmpl-{id}").into());
    head.insert("object".to_owned(), object.into());
    head.insert("created".to_owned(), created.unwrap_or_default().into());
    head.insert("model".to_owned(), options.model.as_str().into());
    if let Some(tier) = response.get("service_tier").filter(|tier| tier.is_string()) {
        head.insert("service_tier".to_owned(), tier.clone());
    }
    head
}

/// Why the answer ends (OpenAI API reference, chat completions, `finish_reason`). That it was cut off comes first: a call
/// that was cut off is not to be made.
pub(super) fn finish_reason(response: &Value, has_calls: bool, options: &ChatOptions) -> &'static str {
    let reason = response.pointer("/incomplete_details/reason").and_then(Value::as_str);
    match reason {
        Some("content_filter") => "content_filter",
        Some(_) => "length",
        None if text(response, "status") == "incomplete" => "length",
        None if has_calls && options.wants_function_call => "function_call",
        None if has_calls => "tool_calls",
        None => "stop",
    }
}

/// The usage in this dialect's words; None if the response tells none.
pub(super) fn usage(response: &Value) -> Option<Value> {
    let usage = response.get("usage").filter(|usage| usage.is_object())?;
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let (input, output) = (count("/input_tokens"), count("/output_tokens"));
    let total = usage.get("total_tokens").and_then(Value::as_u64).unwrap_or_else(|| input.saturating_add(output));
    Some(json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": count("/input_tokens_details/cached_tokens")},
        "completion_tokens_details": {"reasoning_tokens": count("/output_tokens_details/reasoning_tokens")},
    }))
}
