//! What each kind of message comes to.

use super::*;

fn input(messages: Value) -> Value {
    let Value::Array(messages) = messages else { panic!("no list") };
    read(messages).unwrap().input.into()
}

fn refusal(message: Value) -> (&'static str, String) {
    let error = read(vec![message]).unwrap_err();
    (error.code, error.param.unwrap())
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

#[test]
fn what_the_system_says_first_is_kept_apart() {
    let conversation = read(vec![
        json!({"role": "system", "content": "One."}),
        json!({"role": "developer", "content": [{"type": "text", "text": "Two,"}, {"type": "text", "text": "too."}]}),
        json!({"role": "user", "content": "Hi"}),
        json!({"role": "system", "content": "Three."}),
        json!({"role": "developer", "content": ""}),
    ])
    .unwrap();
    let mut input = conversation.input;
    assert_eq!(input, [user("Hi"), developer_item("Three.".to_owned())]);
    assert_eq!(conversation.system.place(String::new(), &mut input, false), "One.\n\nTwo,\ntoo.");
}

#[test]
fn a_user_sends_text_pictures_and_files() {
    let message = json!({"role": "user", "content": [
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
    assert_eq!(input(json!([message])), expected);
    assert_eq!(input(json!([{"role": "user", "content": "Hi"}])), json!([user("Hi")]));
}

#[test]
fn the_assistant_speaks_and_calls() {
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
    assert_eq!(input(messages), expected);
}

#[test]
fn a_function_of_old_answers_its_newest_call() {
    let call = |arguments: &str| json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": arguments}});
    let output = |text: Value| json!({"role": "function", "name": "f", "content": text});
    let conversation = json!([call("1"), output(json!("one")), call("2"), output(json!(null))]);
    let expected = json!([
        {"type": "function_call", "call_id": "call_function_0", "name": "f", "arguments": "1"},
        {"type": "function_call_output", "call_id": "call_function_0", "output": "one"},
        {"type": "function_call", "call_id": "call_function_1", "name": "f", "arguments": "2"},
        {"type": "function_call_output", "call_id": "call_function_1", "output": ""},
    ]);
    assert_eq!(input(conversation), expected);
    // The name is the function's, not somebody's.
    assert!(!read(vec![call("1"), output(json!("one"))]).unwrap().has_names);
    assert_eq!(refusal(output(json!("one"))), ("unsupported_value", "messages[0].role".to_owned()));
}

#[test]
fn what_cannot_be_said_is_told_where() {
    let (missing, mistyped, unsupported) = ("missing_required_parameter", "invalid_type", "unsupported_value");
    for (message, code, param) in [
        (json!("Hi"), mistyped, "messages[0]"),
        (json!({"content": "Hi"}), missing, "messages[0].role"),
        (json!({"role": "critic", "content": "Hi"}), unsupported, "messages[0].role"),
        (json!({"role": "user"}), missing, "messages[0].content"),
        (json!({"role": "user", "content": 5}), mistyped, "messages[0].content"),
        (json!({"role": "user", "content": [{"text": "Hi"}]}), missing, "messages[0].content[0].type"),
        (json!({"role": "user", "content": [{"type": "text"}]}), missing, "messages[0].content[0].text"),
        (
            json!({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}),
            unsupported,
            "messages[0].content[0].type",
        ),
        (
            json!({"role": "user", "content": [{"type": "image_url", "image_url": "data:"}]}),
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
        (json!({"role": "assistant", "tool_calls": [{"type": "function"}]}), missing, "messages[0].tool_calls[0].id"),
        (json!({"role": "assistant", "tool_calls": [{"id": "1"}]}), missing, "messages[0].tool_calls[0].function"),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "1", "type": "mcp"}]}),
            unsupported,
            "messages[0].tool_calls[0].type",
        ),
        (json!({"role": "tool", "content": "1"}), missing, "messages[0].tool_call_id"),
        (json!({"role": "tool", "tool_call_id": "1"}), missing, "messages[0].content"),
    ] {
        assert_eq!(refusal(message.clone()), (code, param.to_owned()), "{message}");
    }
}
