//! Tests of repairing tool calls and their outputs, in both dialects.

use serde_json::{Value, json};

use super::repaired::{messages, translate_responses};

#[test]
fn long_call_ids_are_replaced_by_their_hash() {
    let long = |end: &str| format!("call_{}{end}", "é".repeat(60));
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let input = messages(json!([
        {"role": "assistant", "tool_calls": [call(&long("1")), call(&long("2")), call(&"c".repeat(64))]},
        {"role": "tool", "tool_call_id": long("2"), "content": "two"},
        {"role": "tool", "tool_call_id": long("1"), "content": "one"},
    ]));
    let ids: Vec<&str> = input.as_array().unwrap().iter().map(|item| item["call_id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| id.chars().count() <= 64), "{ids:?}");
    assert_eq!((ids[0], ids[1], ids[2]), (ids[4], ids[3], "c".repeat(64).as_str()));
    assert_ne!(ids[0], ids[1]);

    let items = json!([
        {"type": "function_call", "call_id": long("1"), "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": long("1"), "output": null},
        {"type": "function_call_output", "call_id": "call_1", "output": {"a": 1}},
    ]);
    let sent = translate_responses(json!({"input": items})).unwrap().0["input"].take();
    let output = |id: &str, text: &str| json!({"type": "function_call_output", "call_id": id, "output": text});
    assert_eq!(sent[0]["call_id"], ids[0], "both dialects have the same replacement");
    assert_eq!((&sent[1], &sent[2]), (&output(ids[0], ""), &output("call_1", r#"{"a":1}"#)));
    let action = |timeout: Value| json!({"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": timeout});
    let mut without_null = action(json!(null));
    without_null.as_object_mut().unwrap().remove("timeout_ms");
    for (given, sent_action) in [(action(json!(null)), without_null), (action(json!(5)), action(json!(5)))] {
        let shell = json!([{"type": "local_shell_call", "id": "lsh_1", "call_id": long("1"), "action": given}]);
        let sent = translate_responses(json!({"input": shell})).unwrap().0["input"].take();
        assert_eq!((&sent[0]["call_id"], &sent[0]["action"]), (&json!(ids[0]), &sent_action));
    }
    let search = |kind: &str| json!({"type": kind, "call_id": long("1"), "execution": "client"});
    let input = json!([search("tool_search_call"), search("tool_search_output")]);
    let sent = translate_responses(json!({"input": input})).unwrap().0["input"].take();
    assert_eq!((&sent[0]["call_id"], &sent[1]["call_id"]), (&json!(ids[0]), &json!(ids[0])));
}

#[test]
fn names_of_calls_have_only_characters_that_the_backend_accepts() {
    for (given, sent) in [("web.search v2", "web_search_v2"), ("f-1_A", "f-1_A"), ("é", "_"), ("", "unnamed")] {
        let call = json!({"id": "c", "type": "function", "function": {"name": given, "arguments": "{}"}});
        assert_eq!(messages(json!([{"role": "assistant", "tool_calls": [call]}]))[0]["name"], sent);
        let call = json!({"type": "function_call", "call_id": "c", "name": given, "arguments": "{}"});
        let other = json!({"type": "mcp_call", "id": "mcp_1", "name": given});
        let items = translate_responses(json!({"input": [call, other]})).unwrap().0["input"].take();
        assert_eq!((&items[0]["name"], &items[1]["name"]), (&json!(sent), &json!(given)));
    }
}

#[test]
fn tool_outputs_may_have_images_or_be_null() {
    let call = json!({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]});
    let output = |content: Value| {
        messages(json!([call, {"role": "tool", "tool_call_id": "1", "content": content}]))[1]["output"].take()
    };
    let image = json!({"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}});
    let parts = json!([{"type": "input_text", "text": "Taken"},
        {"type": "input_image", "image_url": "data:,", "detail": "low"}]);
    assert_eq!(output(json!([{"type": "text", "text": "Taken"}, image])), parts);
    assert_eq!(output(parts.clone()), parts);
    assert_eq!(output(json!(null)), "");
    assert_eq!(output(json!([{"type": "input_text", "text": "a"}, {"type": "text", "text": "b"}])), "a\nb");
}

#[test]
fn arguments_and_outputs_of_any_json_type_become_strings() {
    for (given, sent) in
        [(json!(null), "{}"), (json!(""), "{}"), (json!({"a": 1}), r#"{"a":1}"#), (json!(r#"{"a": 1}"#), r#"{"a": 1}"#)]
    {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": given}});
        let output = json!({"role": "tool", "tool_call_id": "c", "content": {"b": 2}});
        let items = messages(json!([{"role": "assistant", "tool_calls": [call]}, output]));
        assert_eq!((&items[0]["arguments"], &items[1]["output"]), (&json!(sent), &json!(r#"{"b":2}"#)));
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": given});
        let output = json!({"type": "function_call_output", "call_id": "c", "output": 3});
        let items = translate_responses(json!({"input": [call, output]})).unwrap().0["input"].take();
        assert_eq!((&items[0]["arguments"], &items[1]["output"]), (&json!(sent), &json!("3")));
    }
    // A list is only sent as a list if it has parts.
    for given in
        [json!([1, 2]), json!(["a"]), json!([{"name": "x", "id": null}]), json!([{"type": "text", "text": "a"}, 1])]
    {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let output = json!({"role": "tool", "tool_call_id": "c", "content": given});
        let items = messages(json!([{"role": "assistant", "tool_calls": [call]}, output]));
        assert_eq!(items[1]["output"], given.to_string());
        let output = json!([{"type": "function_call_output", "call_id": "c", "output": given}]);
        assert_eq!(translate_responses(json!({"input": output})).unwrap().0["input"][0]["output"], given.to_string());
    }
    let call = json!({"id": "c", "type": "function", "function": {"name": "f"}});
    assert_eq!(messages(json!([{"role": "assistant", "tool_calls": [call]}]))[0]["arguments"], "{}");
    let call = json!({"id": "c", "type": "custom", "custom": {"name": "f"}});
    assert_eq!(messages(json!([{"role": "assistant", "tool_calls": [call]}]))[0]["input"], "");
}

#[test]
fn tool_outputs_in_responses_accept_chat_parts() {
    let url = "data:image/png;base64,AAAA";
    let given = json!([{"type": "text", "text": "Taken"}, {"type": "image_url", "image_url": {"url": url}},
        {"type": "output_text", "text": "Said", "annotations": []}, {"type": "input_text", "text": "as it is"}]);
    let expected = json!([{"type": "input_text", "text": "Taken"}, {"type": "input_image", "image_url": url},
        {"type": "input_text", "text": "Said"}, {"type": "input_text", "text": "as it is"}]);
    for (kind, id) in [("function_call_output", "c".to_owned()), ("custom_tool_call_output", "c".repeat(65))] {
        let item = |output: &Value| json!([{"type": kind, "call_id": id, "output": output, "status": "completed"}]);
        let mut sent = translate_responses(json!({"input": item(&given)})).unwrap().0["input"].take();
        assert_eq!(sent[0]["output"].take(), expected);
        assert_eq!((sent[0]["type"].as_str(), sent[0]["status"].as_str()), (Some(kind), Some("completed")));
        assert_eq!(messages(item(&given))[0]["output"], expected, "an item among the messages of a chat");
    }
    let incomplete = json!([{"type": "function_call_output", "call_id": "c", "output": [{"type": "text"}]}]);
    let error = translate_responses(json!({"input": incomplete})).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("input[0].output[0].text"));
}
