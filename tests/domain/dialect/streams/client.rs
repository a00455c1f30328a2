//! A client of the Chat Completions API that joins chunks to a message, as OpenAI's SDKs do.

use serde_json::{Map, Value, json};

/// Returns the content of a stream.
pub(super) fn content_of_stream(chunks: &[Value]) -> Value {
    let mut message = Map::new();
    let (mut finish_reason, mut usage) = (Value::Null, Value::Null);
    let last = &chunks[chunks.len() - 1];
    for chunk in chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        for name in ["id", "created", "model"] {
            assert_eq!(chunk[name], last[name], "the chunks have one {name}");
        }
        if !chunk["usage"].is_null() {
            assert_eq!((&usage, &chunk["choices"]), (&Value::Null, &json!([])));
            usage = chunk["usage"].clone();
            continue;
        }
        let choice = &chunk["choices"][0];
        assert!(finish_reason.is_null(), "only usage follows the finish reason: {chunk}");
        finish_reason = choice["finish_reason"].clone();
        for (name, value) in choice["delta"].as_object().unwrap() {
            assert_ne!(value, &Value::Null);
            match name.as_str() {
                "role" => assert_eq!((message.len(), value), (0, &json!("assistant"))),
                "annotations" => {
                    value.as_array().unwrap().iter().for_each(|entry| add_entry(list(&mut message, name), entry))
                }
                "tool_calls" => {
                    value.as_array().unwrap().iter().for_each(|call| add_call(list(&mut message, name), call))
                }
                "function_call" => add(message.entry(name.clone()).or_insert_with(|| json!({})), value),
                _ => add(message.entry(name.clone()).or_insert_with(|| json!("")), value),
            }
        }
    }
    json!({"id": last["id"], "created": last["created"], "model": last["model"], "message": message,
        "finish_reason": finish_reason, "usage": usage, "service_tier": last["service_tier"]})
}

/// Returns a completion's content in the same form. A stream starts with an empty text, so a missing text is empty.
pub(super) fn content_of_completion(completion: &Value) -> Value {
    let choice = &completion["choices"][0];
    let mut message = choice["message"].as_object().unwrap().clone();
    message.remove("role");
    message.retain(|_, value| !value.is_null());
    message.entry("content").or_insert_with(|| json!(""));
    json!({"id": completion["id"], "created": completion["created"], "model": completion["model"], "message": message,
        "finish_reason": choice["finish_reason"], "usage": completion["usage"], "service_tier": completion["service_tier"]})
}

fn list<'a>(message: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    message.entry(name.to_owned()).or_insert_with(|| json!([])).as_array_mut().unwrap()
}

/// Adds an entry that is sent whole. OpenAI's SDK for Python fails on an entry without an index.
fn add_entry(entries: &mut Vec<Value>, entry: &Value) {
    let mut entry = entry.clone();
    let index = entry.as_object_mut().unwrap().remove("index").unwrap();
    assert_eq!(index, entries.len(), "{entry}");
    entries.push(entry);
}

/// Adds a piece of a call. The index identifies the call, and the first piece has its id.
fn add_call(calls: &mut Vec<Value>, piece: &Value) {
    let mut piece = piece.clone();
    let index = piece.as_object_mut().unwrap().remove("index").unwrap().as_u64().unwrap() as usize;
    if index == calls.len() {
        assert!(piece["id"].is_string(), "a call begins with its id: {piece}");
        calls.push(piece);
    } else {
        assert!(piece.get("id").is_none(), "a call begins once: {piece}");
        add(&mut calls[index], &piece);
    }
}

/// Appends strings, and the members of objects recursively.
fn add(whole: &mut Value, piece: &Value) {
    match (whole, piece) {
        (Value::String(whole), Value::String(piece)) => whole.push_str(piece),
        (Value::Object(whole), Value::Object(piece)) => {
            for (name, value) in piece {
                match whole.get_mut(name) {
                    Some(known) => add(known, value),
                    None => drop(whole.insert(name.clone(), value.clone())),
                }
            }
        }
        (whole, piece) => panic!("{piece} does not continue {whole}"),
    }
}
