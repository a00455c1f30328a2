//! Tests of translating chat messages to input items.

use goclaw::domain::dialect::{InvalidRequest, NOTHING_RECALLED};
use serde_json::{Value, json};

use super::parse_chat;

/// Returns the translated request, and whether `messages.name` is the only ignored parameter.
fn translate(messages: &Value) -> Result<(Value, bool), InvalidRequest> {
    let body = json!({"model": "m", "messages": messages}).to_string();
    let sent = parse_chat(body.as_bytes())?.into_backend("m", &NOTHING_RECALLED)?.request;
    Ok((serde_json::from_slice(&sent.body).unwrap(), sent.ignored == ["messages.name"]))
}

fn input(messages: &Value) -> Value {
    translate(messages).unwrap().0["input"].take()
}

fn refusal(message: &Value) -> (&'static str, String) {
    let error = translate(&json!([message])).unwrap_err();
    (error.code, error.param.unwrap())
}

fn message(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

#[test]
fn system_messages_before_any_other_become_instructions() {
    let (body, _) = translate(&json!([
        {"role": "system", "content": "One."},
        {"role": "developer", "content": [{"type": "text", "text": "Two,"}, {"type": "text", "text": "too."}]},
        {"role": "user", "content": "Hi"},
        {"role": "system", "content": "Three."},
        {"role": "developer", "content": ""},
    ]))
    .unwrap();
    assert_eq!(body["input"], json!([message("user", "Hi"), message("developer", "Three.")]));
    assert_eq!(body["instructions"], "One.\n\nTwo,\ntoo.");
    let (body, _) = translate(&json!([{"role": "system", "content": "One."}])).unwrap();
    assert_eq!((&body["input"], &body["instructions"]), (&json!([message("developer", "One.")]), &json!("")));
}

#[test]
fn user_content_may_be_text_images_and_files() {
    let sent = json!({"role": "user", "content": [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]});
    let expected = json!([{"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_image", "image_url": "https://a.example/b.png"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"},
        {"type": "input_file", "file_id": "file-1"},
    ]}]);
    assert_eq!(input(&json!([sent])), expected);
    assert_eq!(input(&json!([{"role": "user", "content": "Hi"}])), json!([message("user", "Hi")]));
}

#[test]
fn assistant_messages_become_messages_and_calls() {
    let messages = json!([
        {"role": "assistant", "content": "Let me see.", "refusal": null, "annotations": [], "audio": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}},
            {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "x y"}},
            {"id": "call_3", "function": {"name": "g", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "call_2", "content": "two"},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "o"}, {"type": "text", "text": "ne"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "So:"}, {"type": "refusal", "refusal": "No."}]},
        {"role": "assistant", "content": null, "refusal": "Never."},
        {"role": "assistant", "content": "", "tool_calls": []},
    ]);
    let expected = json!([
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\": 1}"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "c", "input": "x y"},
        {"type": "function_call", "call_id": "call_3", "name": "g", "arguments": "{}"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "two"},
        {"type": "function_call_output", "call_id": "call_1", "output": "o\nne"},
        {"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "So:"}, {"type": "refusal", "refusal": "No."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "Never."}]},
    ]);
    assert_eq!(input(&messages), expected);
}

#[test]
fn tool_calls_without_an_id_get_one_by_their_position() {
    let function = |name: &str| json!({"name": name, "arguments": "{}"});
    let calls = |calls: Value| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let output = |text: &str| json!({"role": "tool", "tool_call_id": "", "content": text});
    let conversation = json!([
        calls(json!([{"id": "", "function": function("f")}, {"id": null, "function": function("g")}])),
        output("f"), {"role": "tool", "content": "g"},
        calls(json!([{"function": function("h")}])),
        calls(json!([{"id": "call_1", "function": function("i")}, {"function": function("j")}])),
        output("j"), {"role": "tool", "tool_call_id": "call_1", "content": "i"},
    ]);
    let call = |id: &str, name: &str| json!({"type": "function_call", "call_id": id, "name": name, "arguments": "{}"});
    let output = |id: &str, text: &str| json!({"type": "function_call_output", "call_id": id, "output": text});
    let expected = json!([
        call("call_without_id_0", "f"),
        call("call_without_id_1", "g"),
        output("call_without_id_0", "f"),
        output("call_without_id_1", "g"),
        // This call has no output.
        call("call_without_id_2", "h"),
        call("call_1", "i"),
        call("call_without_id_3", "j"),
        output("call_without_id_3", "j"),
        output("call_1", "i"),
    ]);
    assert_eq!(input(&conversation), expected);
}

#[test]
fn function_messages_are_outputs_of_the_newest_function_call() {
    let call = |arguments: &str| json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": arguments}});
    let output = |text: Value| json!({"role": "function", "name": "f", "content": text});
    let conversation = json!([call("1"), output(json!("one")), call("2"), output(json!(null))]);
    let expected = json!([
        {"type": "function_call", "call_id": "call_function_0", "name": "f", "arguments": "1"},
        {"type": "function_call_output", "call_id": "call_function_0", "output": "one"},
        {"type": "function_call", "call_id": "call_function_1", "name": "f", "arguments": "2"},
        {"type": "function_call_output", "call_id": "call_function_1", "output": ""},
    ]);
    assert_eq!(input(&conversation), expected);
    // In a function message, `name` is the function's name and is not ignored.
    assert!(!translate(&json!([call("1"), output(json!("one"))])).unwrap().1);
    assert!(translate(&json!([{"role": "user", "content": "Hi", "name": "Ann"}])).unwrap().1);
    assert_eq!(refusal(&output(json!("one"))), ("unsupported_value", "messages[0].role".to_owned()));
}

#[test]
fn errors_name_the_malformed_member() {
    let (missing, mistyped, unsupported) = ("missing_required_parameter", "invalid_type", "unsupported_value");
    for (message, code, param) in [
        (json!("Hi"), mistyped, "messages[0]"),
        (json!({"content": "Hi"}), missing, "messages[0].role"),
        (json!({"role": "critic", "content": "Hi"}), unsupported, "messages[0].role"),
        (json!({"role": "system"}), missing, "messages[0].content"),
        (json!({"role": "user", "content": 5}), mistyped, "messages[0].content"),
        (json!({"role": "user", "content": [{"text": "Hi"}]}), missing, "messages[0].content[0].type"),
        (json!({"role": "user", "content": [{"type": "text"}]}), missing, "messages[0].content[0].text"),
        (
            json!({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}),
            unsupported,
            "messages[0].content[0].type",
        ),
        (
            json!({"role": "user", "content": [{"type": "image_url", "image_url": 1}]}),
            mistyped,
            "messages[0].content[0].image_url",
        ),
        (
            json!({"role": "user", "content": [{"type": "refusal", "refusal": "No."}]}),
            unsupported,
            "messages[0].content[0].type",
        ),
        (json!({"role": "system", "content": [{"type": "image_url"}]}), unsupported, "messages[0].content[0].type"),
        (json!({"role": "assistant", "audio": {"id": "audio_1"}}), unsupported, "messages[0].audio"),
        (json!({"role": "assistant", "content": [{"type": "image_url"}]}), unsupported, "messages[0].content[0].type"),
        (json!({"role": "assistant", "tool_calls": [{"id": 1}]}), mistyped, "messages[0].tool_calls[0].id"),
        (json!({"role": "assistant", "tool_calls": [{"id": "1"}]}), missing, "messages[0].tool_calls[0].function"),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "1", "type": "mcp"}]}),
            unsupported,
            "messages[0].tool_calls[0].type",
        ),
        (json!({"role": "tool", "content": "1"}), missing, "messages[0].tool_call_id"),
    ] {
        assert_eq!(refusal(&message), (code, param.to_owned()), "{message}");
    }
}
