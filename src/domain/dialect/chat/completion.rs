//! A finished response as a chat completion (OpenAI API reference, "the chat completion object").
//!
//! A completion has one message, so the items of the response are joined, by the rules of a stream: see
//! [`super::deltas`].

use serde_json::{Map, Value, json};

use super::{ChatOptions, deltas::Deltas, item::text};

/// Translates the finished response object to a `chat.completion`: the message to which its deltas add up.
pub fn completion(response: &Value, options: &ChatOptions) -> Value {
    let mut deltas = Deltas::new(options.wants_function_call);
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    for delta in deltas.on_end(response) {
        add(&mut message, delta);
    }
    // Only the calls in chunks have an index.
    for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
        call.as_object_mut().and_then(|call| call.shift_remove("index"));
    }
    let is_empty = ["content", "refusal"].iter().all(|name| message.get(name).is_some_and(Value::is_null));
    if is_empty && !deltas.has_calls() {
        // `content` is null only if there is a refusal or a call instead.
        add(&mut message, json!({"content": ""}));
    }
    let finish_reason = finish_reason(response, deltas.has_calls(), options);
    let mut completion = head(response, "chat.completion", options);
    completion.insert(
        "choices".to_owned(),
        json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}]),
    );
    if let Some(usage) = usage(response) {
        completion.insert("usage".to_owned(), usage);
    }
    Value::Object(completion)
}

/// Adds a delta to a value as clients do: texts and lists are appended, objects merged, and list items with an `index`
/// added to the item at this index.
fn add(value: &mut Value, delta: Value) {
    match (value, delta) {
        (Value::String(text), Value::String(more)) => text.push_str(&more),
        (Value::Array(list), Value::Array(more)) => {
            for item in more {
                let index = item.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
                match index.and_then(|index| list.get_mut(index)) {
                    Some(earlier) => add(earlier, item),
                    None => list.push(item),
                }
            }
        }
        (Value::Object(members), Value::Object(more)) => {
            for (name, delta) in more {
                add(members.entry(name).or_insert_with(Value::default), delta);
            }
        }
        (value, delta) => *value = delta,
    }
}

/// Returns the common members of a completion and its chunks. A response without an id gets the id `unknown`.
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

/// Why the response ended (OpenAI API reference, chat completions, `finish_reason`). Being cut off takes precedence: a
/// client must not make a call that was cut off.
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

/// Returns the usage with the names of this API; None if the response has none.
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
