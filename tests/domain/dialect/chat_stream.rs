//! Tests of translating backend events to chat chunks. [`super::streams`] compares a stream with its completion.

use goclaw::domain::{
    dialect::{ChatOptions, ChatStream, SseEvent},
    provider_refusal::RefusalKind,
};
use serde_json::{Value, json};

use super::{event, options};

fn stream(include_usage: bool) -> ChatStream {
    ChatStream::new(ChatOptions { include_usage, ..options() })
}

fn chunks(stream: &mut ChatStream, events: &Value) -> Vec<Value> {
    events.as_array().unwrap().iter().flat_map(|data| stream.on_event(&event(data)).unwrap()).collect()
}

/// Returns the delta of each chunk, or its finish reason if it has one.
fn deltas(events: &Value) -> Vec<Value> {
    let mut stream = stream(false);
    let chunks = chunks(&mut stream, events);
    chunks
        .into_iter()
        .map(|mut chunk| {
            let choice = chunk["choices"][0].take();
            if choice["finish_reason"].is_null() { choice["delta"].clone() } else { choice["finish_reason"].clone() }
        })
        .collect()
}

fn first_delta() -> Value {
    json!({"role": "assistant", "content": ""})
}

#[test]
fn a_stream_is_translated_from_first_to_last_event() {
    let mut stream = stream(true);
    let chunks = chunks(
        &mut stream,
        &json!([
            {"type": "response.created", "response": {"id": "resp_abc", "created_at": 1_800_000_000, "service_tier": "auto"}},
            {"type": "response.in_progress", "response": {"id": "resp_abc"}},
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hel"},
            {"type": "response.completed", "response": {"id": "resp_abc", "service_tier": "default", "status": "completed",
                "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}},
        ]),
    );
    let chunk = |tier: &str, delta: Value, finish_reason: Value| {
        json!({
            "id": "chatcmpl-abc", "object": "chat.completion.chunk", "created": 1_800_000_000, "model": "openai/gpt-x", "service_tier": tier,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
            "usage": null,
        })
    };
    let usage = json!({
        "id": "chatcmpl-abc", "object": "chat.completion.chunk", "created": 1_800_000_000, "model": "openai/gpt-x", "service_tier": "default",
        "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}},
    });
    let expected = [
        chunk("auto", first_delta(), json!(null)),
        chunk("auto", json!({"content": "Hel"}), json!(null)),
        chunk("default", json!({}), json!("stop")),
        usage,
    ];
    assert_eq!(chunks, expected);
    assert!(stream.is_complete());
    let late = json!({"type": "response.output_text.delta", "delta": "late"});
    assert_eq!(stream.on_event(&event(&late)), Ok(vec![]));
}

#[test]
fn events_without_a_response_id_do_not_begin_the_stream() {
    let events = json!([
        {"type": "codex.response.metadata", "response": {}},
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.completed", "response": {"id": "resp_1"}},
    ]);
    let ids: Vec<Value> = chunks(&mut stream(false), &events).iter().map(|chunk| chunk["id"].clone()).collect();
    assert_eq!(ids, ["chatcmpl-1", "chatcmpl-1"]);
    let without_id = json!([{"type": "response.completed", "response": {}}]);
    assert_eq!(chunks(&mut stream(false), &without_id)[0]["id"], "chatcmpl-unknown");
}

#[test]
fn usage_is_sent_only_on_request() {
    let events = json!([{"type": "response.completed", "response": {"usage": {"input_tokens": 1}}}]);
    let without = chunks(&mut stream(false), &events);
    assert_eq!(without.len(), 2);
    assert!(without.iter().all(|chunk| chunk.get("usage").is_none()));
    assert_eq!(chunks(&mut stream(true), &events).len(), 3);
}

#[test]
fn a_tool_call_starts_once_and_before_its_arguments() {
    let item = json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""});
    let mut done = item.clone();
    done["arguments"] = json!("{\"a\": 1}");
    let custom = json!({"type": "custom_tool_call", "call_id": "call_2", "name": "c", "input": "x y"});
    let events = json!([
        {"type": "response.output_item.added", "output_index": 1, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{\"a\""},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": ": 1}"},
        {"type": "response.function_call_arguments.done", "output_index": 1, "arguments": "{\"a\": 1}"},
        {"type": "response.output_item.done", "output_index": 1, "item": done},
        {"type": "response.output_item.added", "output_index": 2, "item": custom},
        {"type": "response.custom_tool_call_input.delta", "output_index": 2, "delta": "x "},
        {"type": "response.output_item.done", "output_index": 2, "item": custom},
        {"type": "response.completed", "response": {"output": []}},
    ]);
    let expected = [
        first_delta(),
        json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
        json!({"tool_calls": [{"index": 1, "id": "call_2", "type": "custom", "custom": {"name": "c", "input": ""}}]}),
        json!({"tool_calls": [{"index": 1, "custom": {"input": "x "}}]}),
        json!({"tool_calls": [{"index": 1, "custom": {"input": "y"}}]}),
        json!("tool_calls"),
    ];
    assert_eq!(deltas(&events), expected);
}

#[test]
fn items_without_deltas_are_sent_once() {
    let text = json!({"type": "message", "content": [{"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "No."}]});
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"});
    let reasoning = json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]});
    let expected = [
        first_delta(),
        json!({"reasoning_content": "Hm.", "reasoning": "Hm."}),
        json!({"content": "Hi"}),
        json!({"refusal": "No."}),
        json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        json!("tool_calls"),
    ];
    let done =
        |index: u64, item: &Value| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let completed = json!({"type": "response.completed", "response": {"output": [text, call]}});
    // The items have other indexes in the last event. No item may be sent twice.
    assert_eq!(deltas(&json!([done(0, &reasoning), done(1, &text), done(2, &call), completed])), expected);
    let unnumbered = |item: &Value| json!({"type": "response.output_item.done", "item": item});
    assert_eq!(deltas(&json!([unnumbered(&reasoning), unnumbered(&text), unnumbered(&call), completed])), expected);
    let all_at_the_end = json!({"type": "response.completed", "response": {"output": [reasoning, text, call]}});
    assert_eq!(deltas(&json!([all_at_the_end])), expected);
}

/// Returns a delta whose text is given as in JSON.
fn delta_of(kind: &str, item: u64, piece: &str) -> SseEvent<'static> {
    let data = format!(r#"{{"type": "response.{kind}.delta", "output_index": {item}, "delta": "{piece}"}}"#);
    SseEvent { event: "".into(), data: data.into() }
}

#[test]
fn a_character_in_two_pieces_is_joined() {
    let mut stream = stream(false);
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "f"});
    let added = json!({"type": "response.output_item.added", "output_index": 1, "item": call});
    let text = json!({"type": "message", "content": [{"type": "output_text", "text": "a\u{1f600}b \\ud83d\u{1f600}\u{fffd}c"}]});
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": text});
    let completed = json!({"type": "response.completed", "response": {"status": "completed"}});
    let pieces =
        |kind, item, pieces: &[&str]| pieces.iter().map(|piece| delta_of(kind, item, piece)).collect::<Vec<_>>();
    let text = pieces("output_text", 0, &[r"a\ud83d", "", r"\ude00b \\ud83d", r"\ud83d", r"\ude00\ud83d"]);
    let arguments = pieces("function_call_arguments", 1, &[r#"{\"a\": \"\uD83D"#, r#"\uDE00\"}"#, r"\ud83d"]);
    let chunks: Vec<Value> = [vec![event(&added)], text, vec![event(&done)], arguments, vec![event(&completed)]]
        .iter()
        .flatten()
        .flat_map(|event| stream.on_event(event).unwrap())
        .map(|mut chunk| chunk["choices"][0]["delta"].take())
        .collect();
    let content: Vec<&str> = chunks.iter().filter_map(|delta| delta["content"].as_str()).collect();
    assert_eq!(content, ["", "a", "\u{1f600}b \\ud83d", "\u{1f600}", "\u{fffd}c"]);
    let arguments: Vec<&str> =
        chunks.iter().filter_map(|delta| delta["tool_calls"][0]["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, ["", r#"{"a": ""#, "\u{1f600}\"}", "\u{fffd}"], "the second half never came");
}

#[test]
fn reasoning_in_clear_text_is_sent_once_beside_its_summary() {
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
        "content": [{"type": "reasoning_text", "text": "One, two."}]});
    let delta = |text: &str| json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": text});
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    let reasoning = |text: &str| json!({"reasoning_content": text, "reasoning": text});
    let expected = [first_delta(), reasoning("One, "), reasoning("two."), reasoning("\n\nHm.")];
    assert_eq!(deltas(&json!([delta("One, "), delta("two."), done])), expected);
    let expected = [first_delta(), reasoning("Hm."), reasoning("\n\nOne, two.")];
    assert_eq!(deltas(&json!([done])), expected);
}

#[test]
fn finished_texts_are_sent_before_their_item_ends() {
    let call = |kind: &str| json!({"type": kind, "call_id": "call_1", "name": "f"});
    for (item, done, expected) in [
        (
            json!({"type": "message"}),
            json!({"type": "response.output_text.done", "text": "a"}),
            json!({"content": "a"}),
        ),
        (json!({"type": "message"}), json!({"type": "response.refusal.done", "refusal": "a"}), json!({"refusal": "a"})),
        (
            json!({"type": "reasoning"}),
            json!({"type": "response.reasoning_summary_text.done", "text": "a"}),
            json!({"reasoning_content": "a", "reasoning": "a"}),
        ),
        (
            json!({"type": "reasoning"}),
            json!({"type": "response.reasoning_text.done", "text": "a"}),
            json!({"reasoning_content": "a", "reasoning": "a"}),
        ),
        (
            call("function_call"),
            json!({"type": "response.function_call_arguments.done", "arguments": "a"}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]}),
        ),
        (
            call("custom_tool_call"),
            json!({"type": "response.custom_tool_call_input.done", "input": "a"}),
            json!({"tool_calls": [{"index": 0, "custom": {"input": "a"}}]}),
        ),
    ] {
        let added = json!({"type": "response.output_item.added", "item": item});
        assert_eq!(deltas(&json!([added, done])).last(), Some(&expected));
    }
}

#[test]
fn events_without_index_and_id_belong_to_the_newest_item() {
    let added = |id: &str| json!({"type": "response.output_item.added", "item": {"type": "function_call", "call_id": id, "name": "f"}});
    let piece = |text: &str| json!({"type": "response.function_call_arguments.delta", "delta": text});
    let done = |id: &str, text: &str| {
        json!({"type": "response.output_item.done",
        "item": {"type": "function_call", "call_id": id, "name": "f", "arguments": text}})
    };
    let events = json!([added("a"), piece("1"), done("a", "1"), added("b"), piece("2"), done("b", "2")]);
    let arguments: Vec<Value> = deltas(&events)
        .iter()
        .filter_map(|delta| {
            let call = &delta["tool_calls"][0];
            call.get("id").is_none().then(|| json!([call["index"], call["function"]["arguments"]]))
        })
        .filter(|pair| pair[1].is_string())
        .collect();
    assert_eq!(arguments, [json!([0, "1"]), json!([1, "2"])]);
}

#[test]
fn events_without_an_index_are_assigned_by_item_id() {
    let added = |id: &str, call: &str| {
        json!({"type": "response.output_item.added", "item":
        {"type": "function_call", "id": id, "call_id": call, "name": "f"}})
    };
    let piece =
        |id: &str, text: &str| json!({"type": "response.function_call_arguments.delta", "item_id": id, "delta": text});
    let events =
        json!([added("fc_1", "a"), added("fc_2", "b"), piece("fc_2", "3"), piece("fc_1", "1"), piece("fc_2", "4")]);
    let mut arguments = [String::new(), String::new()];
    for delta in deltas(&events) {
        let call = &delta["tool_calls"][0];
        if let (Some(index), Some(text)) = (call["index"].as_u64(), call["function"]["arguments"].as_str()) {
            arguments[index as usize].push_str(text);
        }
    }
    assert_eq!(arguments, ["1", "34"]);
}

#[test]
fn an_incomplete_response_ends_the_stream() {
    let mut stream = stream(false);
    let response = json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}});
    let chunks = chunks(&mut stream, &json!([{"type": "response.incomplete", "response": response}]));
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "length");
    assert!(stream.is_complete());
}

#[test]
fn items_that_only_the_last_event_has_are_sent_too() {
    let message = |text: &str| json!({"type": "message", "content": [{"type": "output_text", "text": text}]});
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": id, "arguments": "{}"});
    let image = |data: &str| json!({"type": "image_generation_call", "result": data});
    let done =
        |index: u64, item: &Value| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let streamed = [done(0, &json!({"type": "reasoning"})), done(1, &message("Looking.")), done(2, &call("f"))];
    let started = json!({"type": "response.output_text.delta", "output_index": 3, "delta": "Fo"});
    for (more, output, late) in [
        (None, json!([]), vec![]),
        // The last event lists other items only, or leaves out the reasoning.
        (None, json!([message("Looking."), call("f")]), vec![]),
        (
            None,
            json!([{"type": "reasoning"}, message("Looking."), call("f"), call("g"), message("Found.")]),
            vec![
                json!({"tool_calls": [{"index": 1, "id": "g", "type": "function", "function": {"name": "g", "arguments": ""}}]}),
                json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
                json!({"content": "\n\nFound."}),
            ],
        ),
        (
            Some(done(3, &image("a"))),
            json!([image("a"), image("b")]),
            vec![
                json!({"images": [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,a"}}]}),
                json!({"images": [{"index": 1, "type": "image_url", "image_url": {"url": "data:image/png;base64,b"}}]}),
            ],
        ),
        // A message that was begun is not repeated.
        (Some(started), json!([message("Looking."), call("f"), message("Fo")]), vec![json!({"content": "\n\nFo"})]),
    ] {
        let completed = json!({"type": "response.completed", "response": {"output": output}});
        let events: Vec<Value> = streamed.iter().cloned().chain(more).chain([completed]).collect();
        // The first delta, that of the first message, two of the first call, and the finish reason.
        let sent = deltas(&Value::Array(events));
        assert_eq!(sent[4..sent.len() - 1], late, "{output}");
    }
}

#[test]
fn a_caller_that_sends_functions_gets_a_streamed_function_call() {
    let mut stream = ChatStream::new(ChatOptions { wants_function_call: true, ..options() });
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": id, "arguments": "{}"});
    let chunks = chunks(
        &mut stream,
        &json!([
            {"type": "response.output_item.done", "output_index": 0, "item": call("f")},
            {"type": "response.output_item.done", "output_index": 1, "item": call("g")},
            {"type": "response.completed", "response": {}},
        ]),
    );
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    let expected = [
        first_delta(),
        json!({"function_call": {"name": "f", "arguments": ""}}),
        json!({"function_call": {"arguments": "{}"}}),
        json!({}),
    ];
    assert_eq!(deltas, expected.iter().collect::<Vec<_>>());
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "function_call");
}

#[test]
fn a_failure_does_not_complete_the_stream() {
    let mut stream = stream(false);
    let failed = json!({"type": "response.failed", "response": {"id": "resp_1", "error":
        {"code": "rate_limit_exceeded", "message": "Please try again in 2s."}}});
    let failure = stream.on_event(&event(&failed)).unwrap_err();
    assert_eq!(failure.kind, RefusalKind::RateLimited);
    assert_eq!(failure.retry_after, Some(std::time::Duration::from_secs(2)));
    assert!(!stream.is_complete());
    let garbled = SseEvent { event: "response.output_text.delta".into(), data: "{".into() };
    assert_eq!(stream.on_event(&garbled).unwrap_err().code, "invalid_upstream_response");
}

#[test]
fn the_entries_of_lists_have_a_running_index() {
    let citation =
        json!({"type": "url_citation", "start_index": 0, "end_index": 1, "title": "T", "url": "https://a.example"});
    let text = json!({"type": "output_text", "text": "a", "annotations": [citation, citation]});
    let message = json!({"type": "message", "content": [text]});
    let image = json!({"type": "image_generation_call", "result": "AAAA"});
    let done =
        |index: u64, item: &Value| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let events = json!([done(0, &message), done(1, &image), done(2, &message), done(3, &image)]);
    let deltas = deltas(&events);
    let indexes = |name: &str| -> Vec<Value> {
        deltas.iter().filter_map(|delta| delta[name].as_array()).flatten().map(|entry| entry["index"].clone()).collect()
    };
    assert_eq!(indexes("annotations"), [0, 1, 2, 3]);
    assert_eq!(indexes("images"), [0, 1]);
}
