//! Tests of translating finished responses to chat completions.

use goclaw::domain::dialect::ChatOptions;
use serde_json::{Value, json};

use super::{completion, options};

fn choice(output: Value) -> Value {
    let response = json!({"id": "resp_1", "status": "completed", "output": output});
    let mut completion = completion(&response, &options());
    completion["choices"][0].take()
}

fn message(text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

#[test]
fn all_kinds_of_items_are_translated() {
    let response = json!({
        "id": "resp_abc", "object": "response", "created_at": 1_800_000_000, "status": "completed", "model": "gpt-x-2026",
        "service_tier": "default", "error": null, "incomplete_details": null,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [
                {"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}]},
            message("Hello."),
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "c", "input": "x"},
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "image_generation_call", "id": "ig_1", "output_format": "webp", "result": "AAAA"},
            {"type": "image_generation_call", "id": "ig_2", "result": null},
        ],
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15},
    });
    let expected = json!({
        "id": "chatcmpl-abc",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "openai/gpt-x",
        "service_tier": "default",
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello.",
                "refusal": null,
                "reasoning_content": "First.\n\nThen.",
                "reasoning": "First.\n\nThen.",
                "images": [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}}],
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "x"}},
                ],
            },
            "logprobs": null,
            "finish_reason": "tool_calls",
        }],
        "usage": {
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2},
        },
    });
    assert_eq!(completion(&response, &options()), expected);
}

#[test]
fn content_is_null_only_with_a_refusal_or_a_call() {
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""});
    let refusal = json!({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]});
    for (output, content, refusal, finish_reason) in [
        (json!([message("Hi")]), json!("Hi"), json!(null), "stop"),
        (json!([call]), json!(null), json!(null), "tool_calls"),
        (json!([refusal]), json!(null), json!("No."), "stop"),
        (json!([]), json!(""), json!(null), "stop"),
        (json!(null), json!(""), json!(null), "stop"),
    ] {
        let choice = choice(output);
        assert_eq!((&choice["message"]["content"], &choice["message"]["refusal"]), (&content, &refusal));
        assert_eq!(choice["finish_reason"], finish_reason);
    }
}

#[test]
fn messages_become_paragraphs_and_citations_are_shifted() {
    let cite = |start: u64, end: u64| json!({"type": "url_citation", "start_index": start, "end_index": end, "title": "T", "url": "https://a.example"});
    let file = json!({"type": "file_citation", "file_id": "file-1", "index": 0});
    let output = json!([
        message("Één."),
        {"type": "message", "content": [
            {"type": "output_text", "text": "Two"},
            {"type": "output_text", "text": " three.", "annotations": [cite(1, 6), file]},
        ]},
    ]);
    let choice = choice(output);
    // The text before " three." has nine characters.
    assert_eq!(choice["message"]["content"], "Één.\n\nTwo three.");
    // Only the entries in a stream have an index.
    let expected = json!([{"type": "url_citation", "url_citation":
        {"start_index": 10, "end_index": 15, "title": "T", "url": "https://a.example"}}]);
    assert_eq!(choice["message"]["annotations"], expected);
}

#[test]
fn an_incomplete_response_has_its_finish_reason() {
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a"});
    for (reason, finish_reason) in
        [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("odd", "length")]
    {
        let response = json!({"status": "incomplete", "incomplete_details": {"reason": reason}, "output": [call]});
        assert_eq!(completion(&response, &options())["choices"][0]["finish_reason"], finish_reason);
    }
    let response = json!({"status": "incomplete", "output": []});
    assert_eq!(completion(&response, &options())["choices"][0]["finish_reason"], "length");
}

#[test]
fn a_caller_that_sends_functions_gets_a_function_call() {
    let call = |name: &str| json!({"type": "function_call", "call_id": "call_1", "name": name, "arguments": "{}"});
    let response = json!({"id": "resp_1", "output": [call("f"), call("g")]});
    let translated = completion(&response, &ChatOptions { wants_function_call: true, ..options() });
    let choice = &translated["choices"][0];
    assert_eq!(choice["message"]["function_call"], json!({"name": "f", "arguments": "{}"}));
    assert_eq!((choice["message"].get("tool_calls"), &choice["finish_reason"]), (None, &json!("function_call")));
}

#[test]
fn missing_members_have_defaults() {
    let translated = completion(&json!({"created_at": 1.5}), &options());
    assert_eq!((&translated["id"], &translated["created"]), (&json!("chatcmpl-unknown"), &json!(1)));
    assert_eq!((translated.get("usage"), translated.get("service_tier")), (None, None));
    let usage = completion(&json!({"usage": {"input_tokens": 1, "output_tokens": 2}}), &options())["usage"].take();
    assert_eq!((&usage["total_tokens"], &usage["prompt_tokens_details"]), (&json!(3), &json!({"cached_tokens": 0})));
}
