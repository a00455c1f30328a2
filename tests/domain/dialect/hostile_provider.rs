//! Tests of the limits on the values, parts and citations in a provider's response.

use goclaw::domain::{
    dialect::{ChatStream, CompletionReader},
    json::Limits,
};
use serde_json::{Value, json};

use super::{event, options, reader};

#[test]
fn an_event_with_too_many_values_fails_the_stream() {
    let with = |values: usize| json!({"type": "response.in_progress", "response": {"a": vec![0; values]}});
    let read = |values| reader(&json!({})).on_event(&event(&with(values))).map(drop).map_err(|failure| failure.code);
    let limit = Limits::MODEL_BODY.values;
    assert_eq!(read(limit - 1_000), Ok(()));
    assert_eq!(read(limit + 1), Err("invalid_upstream_response".to_owned()));
}

#[test]
fn a_response_with_more_than_10_000_parts_fails_the_stream() {
    let mut chat = ChatStream::new(options());
    let mut delta = |index: u64| {
        let delta = json!({"type": "response.output_text.delta", "output_index": index, "delta": "a"});
        chat.on_event(&event(&delta)).map(drop).map_err(|failure| failure.code)
    };
    assert_eq!((0..10_000).try_for_each(&mut delta), Ok(()));
    assert_eq!(delta(10_000), Err("invalid_upstream_response".to_owned()));
}

#[test]
fn a_response_keeps_at_most_a_thousand_citations() {
    let citation = json!({"type": "url_citation", "url": "https://a.example", "title": "A"});
    let part = json!({"type": "output_text", "text": "a", "annotations": vec![citation; 600]});
    let message = json!({"type": "message", "role": "assistant", "content": [part, part, part]});
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": message});
    let mut completion = CompletionReader::new(options());
    assert_eq!(completion.on_event(&event(&done)).unwrap(), None);
    let completed = json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed"}});
    let whole = completion.on_event(&event(&completed)).unwrap().expect("a completion");
    let annotations = whole.pointer("/choices/0/message/annotations").and_then(Value::as_array);
    assert_eq!(annotations.map(Vec::len), Some(1000));
}
