//! Tests of the reader that collects the events of a stream into one response.

use goclaw::domain::{
    dialect::{NOTHING_RECALLED, ResponseFailure, ResponseReader, SseEvent},
    provider_refusal::RefusalKind,
};
use serde_json::{Value, json};

use super::{event, parse_responses, read, reader};

/// Returns the response of a stream. Panics if an event before the last one ends the stream.
fn response(events: &[Value]) -> Result<Option<Value>, ResponseFailure> {
    let mut reader = reader(&json!({}));
    let (last, before) = events.split_last().unwrap();
    for data in before {
        assert_eq!(read(&mut reader, &event(data))?, None, "{data}");
    }
    Ok(read(&mut reader, &event(last))?.map(without_defaults))
}

/// Removes the members that the reader fills in, and checks their values.
fn without_defaults(mut response: Value) -> Value {
    let members = response.as_object_mut().unwrap();
    assert_eq!(members.remove("model"), Some(json!("openai/gpt-x")));
    for (name, default) in [
        ("store", json!(false)),
        ("previous_response_id", json!(null)),
        ("instructions", json!(null)),
        ("metadata", json!({})),
        ("parallel_tool_calls", json!(true)),
        ("text", json!({"format": {"type": "text"}})),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("object", json!("response")),
        ("error", json!(null)),
        ("temperature", json!(1.0)),
        ("top_p", json!(1.0)),
    ] {
        assert_eq!(members.remove(name), Some(default), "{name}");
    }
    members.retain(|name, value| name != "incomplete_details" || !value.is_null());
    response
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
fn missing_tokens_written_to_the_cache_are_reported_as_zero() {
    for (details, expected) in [
        (json!({"cached_tokens": 1}), json!({"cached_tokens": 1, "cache_write_tokens": 0})),
        (json!({"cached_tokens": 1, "cache_write_tokens": null}), json!({"cached_tokens": 1, "cache_write_tokens": 0})),
        (json!({"cached_tokens": 1, "cache_write_tokens": 2}), json!({"cached_tokens": 1, "cache_write_tokens": 2})),
        (json!(null), json!(null)),
    ] {
        let completed = |details: Value| {
            let usage = json!({"input_tokens": 3, "input_tokens_details": details, "total_tokens": 3});
            json!({"id": "r", "output": [item("a")], "usage": usage})
        };
        let events = [json!({"type": "response.completed", "response": completed(details)})];
        assert_eq!(response(&events), Ok(Some(completed(expected))));
    }
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
        let read = read(&mut reader(&json!({})), &SseEvent { event: event.into(), data: data.into() });
        read.map(|whole| whole.map(without_defaults))
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
        json!({"error": error}),
        json!({"type": "error", "code": "context_length_exceeded", "error": "Too long."}),
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
fn malformed_events_fail_as_invalid_upstream_response() {
    for data in ["{", "5", "[]", "<html>", r#"{"type": "response.completed"}"#] {
        let event = SseEvent { event: "".into(), data: data.into() };
        assert_eq!(read(&mut reader(&json!({})), &event).unwrap_err().code, "invalid_upstream_response", "{data}");
    }
}

#[test]
fn unfinished_items_are_assembled_from_their_deltas() {
    let delta = |kind: &str, id: &str, delta: &str| json!({"type": format!("response.{kind}.delta"), "item_id": id, "delta": delta});
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": ""});
    let events = [
        delta("reasoning_summary_text", "rs_1", "Hm."),
        delta("output_text", "msg_1", "Thr"),
        delta("output_text", "msg_1", "ee"),
        json!({"type": "response.output_item.added", "item": call}),
        json!({"type": "response.output_item.added", "item": {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "g"}}),
        delta("function_call_arguments", "fc_1", "{}"),
        delta("function_call_arguments", "fc_2", "[]"),
        json!({"type": "response.output_item.added", "item": {"type": "function_call", "id": "fc_3", "call_id": "call_3", "name": "h"}}),
        json!({"type": "response.output_item.added", "item": {"type": "message", "id": "msg_2", "role": "assistant", "content": []}}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": []}}),
    ];
    let output = response(&events).unwrap().unwrap()["output"].take();
    let call = |id: &str, call_id: &str, name: &str, arguments: &str| json!({"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": arguments, "status": "completed"});
    let expected = json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Three", "annotations": []}]},
        call("fc_1", "call_1", "f", "{}"),
        call("fc_2", "call_2", "g", "[]"),
        call("fc_3", "call_3", "h", ""),
    ]);
    assert_eq!(output, expected);
}

#[test]
fn only_known_events_with_a_response_are_repaired() {
    let request = json!({"tools": [{"type": "web_search"}], "tool_choice": "required", "instructions": "Be brief.",
        "metadata": {"a": "b"}, "parallel_tool_calls": false, "text": {"verbosity": "low"}});
    let mut reader = reader(&request);
    let created = json!({"type": "response.created", "sequence_number": 0, "response": {"id": "r", "model": "gpt-x"}});
    let repaired = reader.on_event(&event(&created)).unwrap().unwrap().repaired_frame().unwrap();
    let data = repaired.strip_prefix("event: response.created\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
    let repaired: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&repaired["sequence_number"], &repaired["response"]["model"]), (&json!(0), &json!("openai/gpt-x")));
    for (name, value) in request.as_object().unwrap() {
        assert_eq!(&repaired["response"][name], value, "{name}");
    }
    for unchanged in [
        json!({"type": "response.output_text.delta", "delta": "a"}),
        json!({"type": "response.not_invented_yet", "response": {}}),
        json!({"type": "response.output_item.done", "item": item("a")}),
    ] {
        let event = event(&unchanged);
        let read = reader.on_event(&event).unwrap().unwrap();
        assert!(read.repaired_frame().is_none() && !read.is_last(), "{unchanged}");
    }
    let failed = event(&json!({"type": "response.failed", "response": {"error": {}}}));
    let failed = reader.on_event(&failed).unwrap().unwrap();
    assert!(failed.is_last() && failed.repaired_frame().is_some());
}

/// An event stream ends a `data` line at every line break, so the rest of an indented value would be lost.
#[test]
fn members_of_an_indented_request_stay_in_one_data_line() {
    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}});
    let request = json!({"tools": [tool], "tool_choice": {"type": "function", "name": "f"}, "metadata": {"a": "b"},
        "text": {"verbosity": "low"}, "instructions": "Two\nlines.", "model": "openai/gpt-x", "input": "Hi"});
    let indented = serde_json::to_string_pretty(&request).unwrap();
    for body in [indented.replace('\n', "\r\n"), indented.replace('\n', "\r"), indented] {
        let translated = parse_responses(body.as_bytes()).unwrap().into_backend("gpt-x", &NOTHING_RECALLED).unwrap();
        let mut reader = ResponseReader::new(translated.echo);
        for kind in ["response.created", "response.completed"] {
            let event = event(&json!({"type": kind, "response": {"id": "r"}}));
            let frame = reader.on_event(&event).unwrap().unwrap().repaired_frame().unwrap();
            let data = frame.strip_prefix(&format!("event: {kind}\ndata: ")).unwrap().strip_suffix("\n\n").unwrap();
            assert!(!data.contains(['\n', '\r']), "{frame}");
            let repaired: Value = serde_json::from_str(data).unwrap();
            for name in ["tools", "tool_choice", "metadata", "text", "instructions"] {
                assert_eq!(repaired["response"][name], request[name], "{name}");
            }
        }
    }
}

#[test]
fn an_error_event_without_a_sequence_number_gets_the_next_one() {
    let mut reader = reader(&json!({}));
    let number_of = |frame: &str| -> Value {
        let data = frame.strip_prefix("event: error\ndata: ").unwrap();
        serde_json::from_str::<Value>(data).unwrap()["sequence_number"].take()
    };
    assert_eq!(number_of(&reader.error_frame("c", "m")), 0);
    let delta = event(&json!({"type": "response.output_text.delta", "sequence_number": 7, "delta": "a"}));
    assert!(reader.on_event(&delta).unwrap().unwrap().repaired_frame().is_none());
    assert_eq!(number_of(&reader.error_frame("c", "m")), 8);
    let failed = |number: Value| json!({"type": "error", "code": "c", "message": "m", "sequence_number": number});
    let given = event(&failed(json!(null)));
    let frame = reader.on_event(&given).unwrap().unwrap().repaired_frame().unwrap();
    let data = frame.strip_prefix("event: error\ndata: ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), failed(json!(8)), "{frame}");
    let numbered = event(&failed(json!(8)));
    assert!(reader.on_event(&numbered).unwrap().unwrap().repaired_frame().is_none());
}

#[test]
fn an_error_event_gets_its_code_and_message_beside_the_nested_error() {
    let nested = json!({"type": "server_error", "code": null, "message": "Sorry.", "param": null});
    for number in [json!(null), json!(0)] {
        let given = event(&json!({"type": "error", "error": nested, "sequence_number": number}));
        let frame = reader(&json!({})).on_event(&given).unwrap().unwrap().repaired_frame().unwrap();
        let expected = json!({"type": "error", "error": nested, "code": "server_error", "message": "Sorry.",
            "param": null, "sequence_number": 0});
        let data = frame.strip_prefix("event: error\ndata: ").unwrap();
        assert_eq!(serde_json::from_str::<Value>(data).unwrap(), expected, "{frame}");
    }
}

#[test]
fn a_codex_client_gets_errors_as_failed_responses() {
    let nested = json!({"type": "invalid_request", "code": "cyber_policy", "message": "Flagged.", "plan_type": "plus"});
    let flat = json!({"code": "cyber_policy", "message": "Flagged."});
    for (given, error) in [
        (json!({"type": "error", "error": nested, "sequence_number": 7}), nested.clone()),
        (json!({"type": "error", "code": "cyber_policy", "message": "Flagged."}), flat),
    ] {
        let mut reader = reader(&json!({})).for_codex_client(true);
        let created = event(&json!({"type": "response.created", "sequence_number": 6, "response": {"id": "r"}}));
        assert!(reader.on_event(&created).unwrap().is_some());
        let failed = event(&given);
        let read = reader.on_event(&failed).unwrap().unwrap();
        let frame = read.repaired_frame().unwrap();
        let data = frame.strip_prefix("event: response.failed\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert!(read.is_last());
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!("response.failed"), &json!(7)));
        let response = &data["response"];
        assert_eq!((&response["id"], &response["status"], &response["error"]), (&json!("r"), &json!("failed"), &error));
        assert_eq!(read.into_response().unwrap_err().code, "cyber_policy");
    }
    let frame = reader(&json!({})).for_codex_client(true).error_frame("gateway_stopping", "m");
    assert!(frame.starts_with("event: response.failed\n") && frame.contains(r#""code":"gateway_stopping""#), "{frame}");
}

#[test]
fn private_events_are_for_codex_clients() {
    for (kind, is_private) in [
        ("codex.rate_limits", true),
        ("keepalive", true),
        ("response.metadata", true),
        ("response.created", false),
        ("response.not_invented_yet", false),
        ("error", false),
    ] {
        for is_codex_client in [false, true] {
            let mut reader = reader(&json!({})).for_codex_client(is_codex_client);
            let event = event(&json!({"type": kind}));
            let read = reader.on_event(&event).unwrap().unwrap();
            assert_eq!(reader.omits(&read), is_private && !is_codex_client, "{kind}");
        }
    }
}

#[test]
fn the_older_name_of_the_last_event_is_replaced() {
    for (status, name) in [
        (json!("completed"), "response.completed"),
        (json!(null), "response.completed"),
        (json!("incomplete"), "response.incomplete"),
        (json!("failed"), "response.failed"),
    ] {
        let given = event(&json!({"type": "response.done", "response": {"id": "r", "status": status}}));
        let mut reader = reader(&json!({}));
        let done = reader.on_event(&given).unwrap().unwrap();
        let frame = done.repaired_frame().unwrap();
        assert!(done.is_last() && frame.starts_with(&format!("event: {name}\ndata: {{\"type\":\"{name}\"")), "{frame}");
        assert_eq!(done.into_response().is_err(), status == "failed", "{status}");
    }
}

#[test]
fn a_streamed_event_has_no_half_of_a_character() {
    let mut reader = reader(&json!({}));
    let mut data_of = |data: &str| {
        let event = SseEvent { event: "".into(), data: data.to_owned().into() };
        let frame = reader.on_event(&event).unwrap().unwrap().repaired_frame();
        frame.map(|frame| {
            let (_, data) = frame.split_once("\ndata: ").unwrap();
            serde_json::from_str::<Value>(data.trim_end()).unwrap()
        })
    };
    let delta = |item: &str, piece: &str| {
        format!(r#"{{"type": "response.output_text.delta", "item_id": "{item}", "delta": "{piece}"}}"#)
    };
    for (item, piece, sent) in [
        ("a", "one ", None),
        ("a", r"\ud83d", Some("")),
        ("a", r"\ude00\ud83d", Some("\u{1f600}")),
        // The rest of the character never comes.
        ("a", " two", Some("\u{fffd} two")),
        ("a", " three", None),
        ("a", r"\ud83d", Some("")),
        ("b", "four", Some("four")),
        ("b", r"\ude00 \\ud83d", Some("\u{fffd} \\ud83d")),
        ("b", r"\ud83d\ude00", None),
    ] {
        let frame = data_of(&delta(item, piece));
        assert_eq!(frame.as_ref().map(|data| data["delta"].as_str().unwrap()), sent, "{piece}");
        assert!(frame.is_none_or(|data| data["item_id"] == item));
    }
    let done = r#"{"type": "response.output_item.done", "item": {"type": "message", "content": [{"text": "\ud83d"}]}}"#;
    assert_eq!(data_of(done).unwrap()["item"]["content"][0]["text"], "\u{fffd}");
}

#[test]
fn a_character_in_two_deltas_of_an_unfinished_item_is_joined() {
    let mut reader = reader(&json!({}));
    for piece in [r"a\ud83d", r"\ude00\ud83d"] {
        let data = format!(r#"{{"type": "response.output_text.delta", "output_index": 0, "delta": "{piece}"}}"#);
        assert_eq!(read(&mut reader, &SseEvent { event: "".into(), data: data.into() }), Ok(None));
    }
    let completed = event(&json!({"type": "response.completed", "response": {"status": "completed"}}));
    let response = read(&mut reader, &completed).unwrap().unwrap();
    assert_eq!(response["output"][0]["content"][0]["text"], "a\u{1f600}\u{fffd}");
}
