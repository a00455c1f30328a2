//! Examples of streams that the reader collects.

use goclaw::domain::{
    dialect::{ResponseFailure, ResponseReader, SseEvent},
    provider_refusal::RefusalKind,
};
use serde_json::{Value, json};

use super::event;

/// Returns the response of a stream. Fails if it ends before the last event.
fn response(events: &[Value]) -> Result<Option<Value>, ResponseFailure> {
    let mut reader = ResponseReader::new();
    let (last, before) = events.split_last().unwrap();
    for data in before {
        assert_eq!(reader.on_event(&event(data))?, None, "{data}");
    }
    reader.on_event(&event(last))
}

fn item(id: &str) -> Value {
    json!({"type": "message", "id": id})
}

#[test]
fn a_missing_output_is_assembled_from_the_finished_items() {
    let done = |index, id| json!({"type": "response.output_item.done", "output_index": index, "item": item(id)});
    for ended in [json!({"id": "r"}), json!({"id": "r", "output": []}), json!({"id": "r", "output": null})] {
        let events = [
            json!({"type": "response.created", "response": {"id": "r", "output": []}}),
            done(1, "second"),
            done(0, "first"),
            json!({"type": "response.completed", "response": ended}),
        ];
        let expected = json!({"id": "r", "output": [item("first"), item("second")]});
        assert_eq!(response(&events), Ok(Some(expected)));
    }
}

#[test]
fn an_existing_output_is_kept() {
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item("streamed")});
    let expected = json!({"id": "r", "status": "completed", "output": [item("final")], "usage": {"total_tokens": 3}});
    assert_eq!(response(&[done, json!({"type": "response.completed", "response": expected})]), Ok(Some(expected)));
}

#[test]
fn items_without_an_index_keep_their_order() {
    let done = |id| json!({"type": "response.output_item.done", "item": item(id)});
    let events = [done("a"), done("b"), json!({"type": "response.completed", "response": {}})];
    assert_eq!(response(&events), Ok(Some(json!({"output": [item("a"), item("b")]}))));
}

#[test]
fn an_incomplete_response_is_returned() {
    let expected =
        json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": [item("a")]});
    let events = [
        json!({"type": "codex.rate_limits", "rate_limits": {}}),
        json!({"type": "response.in_progress"}),
        json!({"type": "response.incomplete", "response": expected}),
    ];
    assert_eq!(response(&events), Ok(Some(expected)));
}

#[test]
fn the_type_is_in_the_data_or_else_in_the_event_name() {
    let read = |event: &str, data: &str| {
        ResponseReader::new().on_event(&SseEvent { event: event.to_owned(), data: data.to_owned() })
    };
    assert_eq!(read("response.completed", r#"{"response": {"output": [1]}}"#), Ok(Some(json!({"output": [1]}))));
    assert_eq!(read("response.completed", r#"{"type": "response.unheard_of"}"#), Ok(None));
    assert_eq!(read("keepalive", ""), Ok(None));
    assert_eq!(read("", "[DONE]"), Ok(None));
}

#[test]
fn failures_have_the_backends_code_and_message() {
    let error = json!({"code": "context_length_exceeded", "message": "Too long."});
    for failed in [
        json!({"type": "response.failed", "response": {"status": "failed", "error": error}}),
        json!({"type": "error", "code": "context_length_exceeded", "message": "Too long.", "sequence_number": 3}),
        json!({"type": "error", "error": error, "status": 400}),
    ] {
        let failure = response(std::slice::from_ref(&failed)).unwrap_err();
        assert_eq!(failure.code, "context_length_exceeded", "{failed}");
        assert_eq!((failure.message.as_str(), failure.kind), ("Too long.", RefusalKind::BadRequest));
    }
    for failed in [json!({"type": "response.failed"}), json!({"type": "response.failed", "response": {"error": null}})]
    {
        let failure = response(&[failed]).unwrap_err();
        assert_eq!((failure.kind, failure.code.as_str()), (RefusalKind::Failed, "provider_failed"));
    }
}

#[test]
fn protocol_violations_are_garbled() {
    for data in ["{", "5", "[]", "<html>", r#"{"type": "response.completed"}"#] {
        let event = SseEvent { event: String::new(), data: data.to_owned() };
        assert_eq!(ResponseReader::new().on_event(&event).unwrap_err().code, "provider_garbled", "{data}");
    }
}
