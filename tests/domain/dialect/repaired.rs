//! Tests of repairing requests that the backend would refuse, in both dialects.

use goclaw::domain::{
    dialect::{InvalidRequest, NOTHING_RECALLED, Recalled, without_lone_surrogates, without_reasoning},
    json::{self, Limits},
};
use serde_json::{Value, json};

use super::{parse_chat, parse_responses};

pub(super) fn translate_chat(members: Value) -> Result<(Value, Vec<String>), InvalidRequest> {
    let body = with(json!({"model": "m"}), members);
    let sent = parse_chat(body.as_bytes())?.into_backend("m", &NOTHING_RECALLED)?.request;
    Ok((serde_json::from_slice(&sent.body).unwrap(), sent.ignored))
}

pub(super) fn translate_responses(members: Value) -> Result<(Value, Vec<String>), InvalidRequest> {
    let body = with(json!({"model": "m", "input": "Hi"}), members);
    let sent = parse_responses(body.as_bytes())?.into_backend("m", &NOTHING_RECALLED)?.request;
    Ok((serde_json::from_slice(&sent.body).unwrap(), sent.ignored))
}

fn with(mut body: Value, members: Value) -> String {
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body.to_string()
}

pub(super) fn messages(list: Value) -> Value {
    translate_chat(json!({"messages": list})).unwrap().0["input"].take()
}

#[test]
fn schemas_get_properties_at_any_depth_and_keep_their_formatting() {
    let empty = json!({"type": "object", "properties": {}});
    for (given, sent) in [
        (json!({}), empty.clone()),
        (json!(null), empty.clone()),
        (json!({"type": "object"}), empty.clone()),
        (json!({"type": null, "properties": null}), empty.clone()),
        (
            json!({"type": "object", "required": null, "properties": {"type": {"type": "string"}}}),
            json!({
            "type": "object", "required": [], "properties": {"type": {"type": "string"}}}),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": ["object", "null"]}, "properties": {"type": "object"},
                "b": {"type": "array", "items": {"anyOf": [{"type": "object", "title": "\"}"}]}}},
                "$defs": {"enum": {"type": "object"}}}),
            json!({"type": "object", "properties": {"a": {"type": ["object", "null"], "properties": {}},
                "properties": {"type": "object", "properties": {}},
                "b": {"type": "array", "items": {"anyOf": [{"type": "object", "title": "\"}", "properties": {}}]}}},
                "$defs": {"enum": {"type": "object", "properties": {}}}}),
        ),
        // PHP writes an empty list for an empty object.
        (json!([]), empty.clone()),
        (
            json!({"type": "object", "properties": [], "required": [], "additionalProperties": []}),
            json!({"type": "object", "properties": {}, "required": [], "additionalProperties": {}}),
        ),
        (
            json!({"type": "object", "properties": {"a": [], "b": {"type": "array", "items": []},
                "c": {"anyOf": [], "enum": [[]], "items": [true]}}, "$defs": []}),
            json!({"type": "object", "properties": {"a": {}, "b": {"type": "array", "items": {}},
                "c": {"anyOf": [], "enum": [[]], "items": [true]}}, "$defs": {}}),
        ),
        // Arrays, also as one of several types.
        (
            json!({"type": "object", "properties": {"a": {"type": "array"}, "items": {"type": ["string", "array"]},
                "b": {"anyOf": [{"type": "array", "items": null}, {"type": "null"}]},
                "c": {"type": "array", "items": {"type": "array"}}}}),
            json!({"type": "object", "properties": {"a": {"type": "array", "items": {}},
                "items": {"type": ["string", "array"], "items": {}},
                "b": {"anyOf": [{"type": "array", "items": {}}, {"type": "null"}]},
                "c": {"type": "array", "items": {"type": "array", "items": {}}}}}),
        ),
        // `enum` and `default` contain data, not schemas.
        (
            json!({"type": "object", "properties": {"a": {"enum": [{"type": "object"}], "default": {"type": "object"}}}}),
            json!({"type": "object", "properties": {"a": {"enum": [{"type": "object"}], "default": {"type": "object"}}}}),
        ),
    ] {
        let flat = json!({"type": "function", "name": "f", "parameters": given});
        let nested = json!({"type": "function", "function": {"name": "f", "parameters": given}});
        let hi = json!([{"role": "user", "content": "Hi"}]);
        for body in [
            translate_responses(json!({"tools": [flat]})),
            translate_responses(json!({"tools": [nested]})),
            translate_chat(json!({"messages": hi, "tools": [flat]})),
            translate_chat(json!({"messages": hi, "tools": [nested]})),
        ] {
            assert_eq!(body.unwrap().0["tools"][0]["parameters"], sent, "{given}");
        }
    }
    let namespace = json!({"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]});
    let sent = translate_responses(json!({"tools": [namespace]})).unwrap().0;
    assert_eq!(sent["tools"][0]["tools"][0]["parameters"], empty);
    let spelled = r#"{"model":"m","input":"Hi","tools":[{"type":"function","name":"f","parameters":{ "type":"object","maximum":1.0}}]}"#;
    let sent = parse_responses(spelled.as_bytes()).unwrap().into_backend("m", &NOTHING_RECALLED).unwrap().request.body;
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains(r#""parameters":{ "type":"object","maximum":1.0,"properties":{}}"#), "{sent}");
}

#[test]
fn lone_surrogates_are_replaced() {
    for (json, mended) in [
        (r#""left \ud83d right""#, r#""left \ufffd right""#),
        (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
        (r#""\ud83d\ud83d\ude00 \uD83D\uDE00""#, r#""\ufffd\ud83d\ude00 \uD83D\uDE00""#),
        (r#""\\ud83d \\\ud83d""#, r#""\\ud83d \\\ufffd""#),
        (r#""\ud83d\n""#, r#""\ufffd\n""#),
        (r#""\u00e9 \ud8""#, r#""\u00e9 \ud8""#),
    ] {
        assert_eq!(String::from_utf8_lossy(&without_lone_surrogates(json.as_bytes())), mended);
    }
}

#[test]
fn chat_messages_accept_parts_of_both_dialects() {
    let image = |value: Value| json!({"type": "image_url", "image_url": value});
    let content = json!([{"type": "input_text", "text": "Hi"}, image(json!("data:,")), image(json!({"url": "data:,"})),
        {"type": "input_image", "image_url": "data:,"}, {"type": "input_file", "file_id": "file-1"}]);
    let sent = messages(json!([{"role": "user", "content": content},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]}]));
    let picture = json!({"type": "input_image", "image_url": "data:,"});
    let expected = json!([{"type": "input_text", "text": "Hi"}, picture, picture, picture,
        {"type": "input_file", "file_id": "file-1"}]);
    assert_eq!((&sent[0]["content"], &sent[1]["content"][0]["type"]), (&expected, &json!("output_text")));
}

#[test]
fn bodies_of_the_other_dialect_are_translated() {
    let tool =
        json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false});
    let (sent, ignored) = translate_chat(json!({
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "tools": [tool, {"type": "web_search"}], "tool_choice": {"type": "function", "name": "f"},
        "reasoning": {"effort": "medium", "summary": "detailed", "exclude": false},
        "include": ["reasoning.encrypted_content"], "store": false, "text": {"verbosity": "low"}, "user": "u",
    }))
    .unwrap();
    assert_eq!((&sent["instructions"], &sent["input"][0]["role"]), (&json!("Be brief."), &json!("user")));
    assert_eq!(sent["tools"], json!([tool, {"type": "web_search"}]));
    assert_eq!(sent["tool_choice"], json!({"type": "function", "name": "f"}));
    assert_eq!(sent["reasoning"], json!({"effort": "medium", "summary": "detailed"}));
    assert_eq!(
        (&sent["include"], &sent["text"]),
        (&json!(["reasoning.encrypted_content"]), &json!({"verbosity": "low"}))
    );
    assert_eq!(ignored, ["reasoning.exclude", "user"]);

    let (sent, ignored) = translate_responses(json!({"input": null, "messages": [{"role": "user", "content": "Hi"}],
        "response_format": {"type": "json_object"}, "verbosity": "low", "reasoning_effort": "low",
        "include": ["web_search_call.action.sources"]}))
    .unwrap();
    assert_eq!(sent["text"], json!({"format": {"type": "json_object"}, "verbosity": "low"}));
    assert_eq!(
        (&sent["reasoning"], &sent["input"][0]["content"][0]["text"]),
        (&json!({"effort": "low"}), &json!("Hi"))
    );
    assert_eq!(sent["include"], json!(["web_search_call.action.sources", "reasoning.encrypted_content"]));
    assert!(ignored.is_empty(), "{ignored:?}");
}

#[test]
fn an_input_of_chat_messages_is_translated_like_messages() {
    let user = json!({"role": "user", "content": "Hi"});
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let chat = json!([{"role": "system", "content": "Be brief."}, user,
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "3"}]}]);
    let expected = translate_chat(json!({"messages": chat})).unwrap().0;
    assert_eq!(expected["input"][2], json!({"type": "function_call_output", "call_id": "call_1", "output": "3"}));
    for sent in [translate_chat(json!({"input": chat})), translate_responses(json!({"input": chat}))] {
        let (sent, ignored) = sent.unwrap();
        assert_eq!((&sent["input"], &sent["instructions"]), (&expected["input"], &expected["instructions"]));
        assert!(ignored.is_empty(), "{ignored:?}");
    }
    let about = json!([{"role": "user", "content": "What are tool_calls?"}]);
    assert_eq!(translate_responses(json!({"input": about})).unwrap().0["input"], about);
    // An empty list is not the conversation if the other member has one.
    let from_input = translate_chat(json!({"messages": [], "input": [user]})).unwrap().0;
    assert_eq!(from_input["input"], json!([user]));
    let from_messages = translate_responses(json!({"messages": [user], "input": []})).unwrap().0;
    assert_eq!(from_messages["input"][0]["content"][0]["text"], "Hi");
    assert!(translate_chat(json!({"messages": []})).is_err());
}

#[test]
fn reasoning_without_encrypted_content_is_removed() {
    let call = json!({"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"});
    let kept = json!({"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"});
    let input = json!([{"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ""}, kept, call]);
    let sent = translate_responses(json!({"input": input})).unwrap().0["input"].take();
    assert_eq!(sent, json!([kept, call]));
    assert_eq!(messages(input), json!([kept, call]), "items among the messages of a chat");
}

#[test]
fn members_unknown_to_the_backend_are_removed_from_items() {
    let text =
        json!({"type": "output_text", "text": "{}", "annotations": [], "parsed": {"parsed": 1}, "logprobs": null});
    let given = json!([
        {"role": "user", "content": "null and parsed"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e", "status": "completed", "content": null},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "e", "status": null,
            "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed",
            "parsed_arguments": {"a": null}, "async_": null, "namespace": null},
        {"type": "function_call_output", "call_id": "c", "output": "null", "id": null, "status": "completed"},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": null, "content": [text]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed",
            "action": {"type": "search", "query": "q", "queries": null, "sources": null}},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA", "revised_prompt": "A cat",
            "action": "generate", "background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"},
    ]);
    let expected = json!([
        {"role": "user", "content": "null and parsed"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "e"},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c", "output": "null", "status": "completed"},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "{}", "annotations": []}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA", "revised_prompt": "A cat"},
    ]);
    assert_eq!(translate_responses(json!({"input": given})).unwrap().0["input"], expected);
    // A chat's messages may include Responses items.
    let items = |list: &Value| Value::from(list.as_array().unwrap()[1..5].to_vec());
    assert_eq!(messages(items(&given)), items(&expected));
    let long = "c".repeat(65);
    let call =
        json!({"type": "function_call", "call_id": long, "name": "f", "arguments": "{}", "parsed_arguments": null});
    let sent = translate_responses(json!({"input": [call]})).unwrap().0["input"].take();
    assert!(sent[0].get("parsed_arguments").is_none() && sent[0]["call_id"] != json!(long), "{sent}");
}

#[test]
fn generated_images_are_sent_back_without_the_members_of_outputs() {
    let sent = json!({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA",
        "revised_prompt": "A fox"});
    let mut given = sent.clone();
    for name in ["action", "background", "output_format", "quality", "size"] {
        given[name] = json!("auto");
    }
    assert_eq!(translate_responses(json!({"input": [given]})).unwrap().0["input"], json!([sent]));
    let recalled = Recalled { earlier: vec![json!([given]).to_string()], ..Recalled::default() };
    let body = br#"{"model": "m", "input": []}"#;
    let body = parse_responses(body).unwrap().into_backend("m", &recalled).unwrap().request.body;
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["input"], json!([sent]));
}

#[test]
fn repeated_item_ids_are_removed() {
    let said = |text: &str| json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]});
    let with_id = |mut item: Value, id: &str| {
        item["id"] = json!(id);
        item
    };
    let reasoning =
        |content: &str| json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": content});
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let search = |status: &str| json!({"type": "web_search_call", "id": "ws_1", "status": status});
    let user = json!({"role": "user", "content": "Hi"});
    let given = json!([
        user,
        user,
        reasoning("a"),
        with_id(said("One"), "msg_1"),
        with_id(call("c1"), "fc_1"),
        search("completed"),
        reasoning("b"),
        with_id(said("One"), "msg_1"),
        with_id(said("Two"), "msg_1"),
        with_id(call("c2"), "fc_1"),
        search("failed"),
    ]);
    let expected = json!([
        user,
        user,
        reasoning("a"),
        with_id(said("One"), "msg_1"),
        with_id(call("c1"), "fc_1"),
        search("completed"),
        said("Two"),
        call("c2"),
    ]);
    assert_eq!(translate_responses(json!({"input": given})).unwrap().0["input"], expected);
    // The output of a tool is never left out. The `id` of a local shell output names its call.
    let shell = |kind: &str| json!({"type": kind, "id": "sh_1", "call_id": "c", "output": [], "status": "completed"});
    let local = |kind: &str| json!({"type": kind, "id": "lsh_1", "call_id": "c", "output": "2", "status": "completed"});
    let given = json!([
        shell("shell_call"),
        shell("shell_call_output"),
        local("local_shell_call"),
        local("local_shell_call_output")
    ]);
    let mut expected = given.clone();
    expected[1].as_object_mut().unwrap().remove("id");
    assert_eq!(translate_responses(json!({"input": given})).unwrap().0["input"], expected);
    // The caller sends back the output of the response that it continues.
    let item = with_id(said("One"), "msg_1");
    let recalled = Recalled { earlier: vec![json!([item]).to_string()], ..Recalled::default() };
    let body = json!({"model": "m", "input": [item, user]}).to_string();
    let body = parse_responses(body.as_bytes()).unwrap().into_backend("m", &recalled).unwrap().request.body;
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["input"], json!([item, user]));
}

#[test]
fn item_ids_that_the_backend_refuses_are_removed() {
    let long = format!("msg_{}", "a+/=".repeat(103));
    let message = |id: &str| json!({"type": "message", "role": "assistant", "id": id, "content": []});
    let item =
        |kind: &str, id: &str| json!({"type": kind, "id": id, "call_id": "c", "output": "", "encrypted_content": "e"});
    for (given, keeps_id) in [
        (message("msg_1"), true),
        (message(&format!("msg_{}", "1".repeat(60))), true),
        (message(&format!("msg_{}", "1".repeat(61))), false),
        (message(&long), false),
        (message("msg_a.b"), false),
        (message("019f629b-43ee-7a82-acb1-3071dbffbdad"), false),
        (message(""), false),
        (json!({"role": "user", "id": "1", "content": "Hi"}), false),
        (item("reasoning", "rs_1"), true),
        (item("reasoning", &long), false),
        (item("function_call", "fc_1"), true),
        (item("function_call", "item_1"), false),
        (item("function_call_output", "fc_1"), true),
        (item("function_call_output", "call_1"), false),
        (item("custom_tool_call", "ctc_1"), true),
        (item("custom_tool_call", "item_1"), false),
        (item("custom_tool_call", &long), false),
        (item("custom_tool_call_output", "call_1"), false),
        // A web search call requires its id.
        (item("web_search_call", &long), true),
    ] {
        let sent = translate_responses(json!({"input": [given]})).unwrap().0["input"][0].take();
        assert_eq!(sent.get("id").is_some(), keeps_id, "{given}");
    }
}

#[test]
fn without_reasoning_removes_only_reasoning_items() {
    let call = json!({"type": "function_call", "call_id": "c", "name": "reasoning", "arguments": "{}"});
    let reasoning = json!({"type": "reasoning", "summary": [], "encrypted_content": "e"});
    let user = json!({"role": "user", "content": "Hi"});
    let body = json!({"model": "m", "input": [user, reasoning, call, reasoning], "reasoning": {"effort": "low"}});
    let expected = json!({"model": "m", "input": [user, call], "reasoning": {"effort": "low"}});
    let without: Value = serde_json::from_slice(&without_reasoning(body.to_string().as_bytes()).unwrap()).unwrap();
    assert_eq!(without, expected);
    for other in [expected, json!({"model": "m", "messages": []}), json!([])] {
        assert_eq!(without_reasoning(other.to_string().as_bytes()), None);
    }
}

#[test]
fn responses_input_accepts_chat_parts() {
    let url = "data:image/png;base64,AAAA";
    let of_user = json!({"role": "user", "content": [
        {"type": "text", "text": "Hi"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
        {"type": "input_image", "image_url": {"url": url}},
        {"type": "input_text", "text": "as it is"},
    ]});
    let of_assistant = json!({"id": "msg_1", "role": "assistant", "content": [{"type": "text", "text": "Ho"}]});
    let plain = json!({"role": "user", "content": [{"type": "input_text", "text": "text, image_url"}]});
    let items = translate_responses(json!({"input": [of_user, of_assistant, plain]})).unwrap().0["input"].take();
    assert_eq!(
        items[0]["content"],
        json!([
            {"type": "input_text", "text": "Hi"},
            {"type": "input_image", "image_url": url, "detail": "low"},
            {"type": "input_image", "image_url": url},
            {"type": "input_text", "text": "as it is"},
        ])
    );
    assert_eq!(
        items[1],
        json!({"id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]})
    );
    assert_eq!(items[2], plain);
    let with_call_id =
        json!({"type": "message", "role": "user", "call_id": "c", "content": [{"type": "text", "text": "Hi"}]});
    let sent = translate_responses(json!({"input": [with_call_id]})).unwrap().0["input"].take();
    assert_eq!(sent[0]["content"][0]["type"], "input_text", "a message stays one");
}

#[test]
fn pictures_of_the_assistant_become_a_message_of_the_user() {
    let url = "data:image/png;base64,AAAA";
    let of_chat = json!({"type": "image_url", "image_url": {"url": url}});
    let of_responses = json!({"type": "input_image", "image_url": url});
    let said = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Here"}]});
    let shown = json!({"type": "message", "role": "user", "content": [of_responses]});
    let text = json!({"type": "text", "text": "Here"});
    for (message, expected) in [
        (json!({"role": "assistant", "content": [text, of_chat]}), json!([said, shown])),
        (json!({"role": "assistant", "content": [of_responses]}), json!([shown])),
        (json!({"role": "assistant", "content": "Here", "images": [of_chat]}), json!([said, shown])),
        (json!({"role": "assistant", "content": null, "images": [of_chat, "odd", {"type": "odd"}]}), json!([shown])),
        (json!({"role": "assistant", "content": "Here", "images": []}), json!([said])),
        (json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, text]}), json!([said])),
    ] {
        assert_eq!(messages(json!([message])), expected, "{message}");
    }
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let sent = messages(json!([{"role": "assistant", "content": [of_chat], "tool_calls": [call]}]));
    assert_eq!((&sent[0], &sent[1]["type"]), (&shown, &json!("function_call")));
    for part in [&of_chat, &of_responses] {
        let own = |content: Value| json!({"type": "message", "role": "assistant", "id": "msg_1", "content": content});
        let output = json!({"type": "output_text", "text": "Here", "annotations": []});
        let sent = translate_responses(json!({"input": [own(json!([output, part])), own(json!([part]))]})).unwrap().0;
        assert_eq!(sent["input"], json!([own(json!([output])), shown, shown]));
    }
    assert_eq!(messages(json!([{"role": "user", "content": []}]))[0]["content"][0]["text"], "");
}

#[test]
fn text_parts_get_the_type_of_their_role() {
    let message = |role: &str, kind: &str| json!({"role": role, "content": [{"type": kind, "text": "Hi"}]});
    for (role, kind, sent_kind) in [
        ("assistant", "input_text", "output_text"),
        ("assistant", "output_text", "output_text"),
        ("user", "output_text", "input_text"),
        ("developer", "output_text", "input_text"),
        ("user", "input_text", "input_text"),
    ] {
        let sent = translate_responses(json!({"input": [message(role, kind)]})).unwrap().0["input"].take();
        assert_eq!(sent, json!([message(role, sent_kind)]), "{kind} of {role}");
    }
}

#[test]
fn missing_types_names_and_contents_are_filled_in() {
    assert_eq!(messages(json!([{"role": "user", "content": null}]))[0]["content"][0]["text"], "");
    let given = json!([{"role": "user", "content": null}, {"role": "assistant", "content": null},
        {"role": "assistant", "id": "msg_1"}, {"type": "message", "role": "developer", "status": null}]);
    let sent = translate_responses(json!({"input": given})).unwrap().0["input"].take();
    let expected = json!([{"role": "user", "content": ""}, {"type": "message", "role": "developer", "content": ""}]);
    assert_eq!(sent, expected);
    let tool = json!({"function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
    let schema = json!({"type": "json_schema", "json_schema": {"schema": {"type": "object", "properties": {}}}});
    let members = json!({"tools": [tool], "tool_choice": "any", "response_format": schema,
        "messages": [{"role": "user", "content": "Hi"}]});
    let (sent, _) = translate_chat(members).unwrap();
    assert_eq!((&sent["tools"][0]["type"], &sent["tool_choice"]), (&json!("function"), &json!("required")));
    assert_eq!(sent["text"]["format"]["name"], "response");
}

#[test]
fn empty_words_and_words_in_objects_are_repaired() {
    for (choice, sent) in [("auto", "auto"), ("none", "none"), ("required", "required"), ("any", "required")] {
        let body = translate_responses(json!({"tool_choice": {"type": choice}})).unwrap().0;
        assert_eq!(body["tool_choice"], sent);
    }
    let hosted = json!({"type": "web_search"});
    assert_eq!(translate_responses(json!({"tool_choice": hosted})).unwrap().0["tool_choice"], hosted);
    let members = json!({"messages": [{"role": "user", "content": "Hi"}], "reasoning_effort": ""});
    let (sent, ignored) = translate_chat(members).unwrap();
    assert_eq!((sent.get("reasoning"), ignored.is_empty()), (None, true));
    let sent = translate_responses(json!({"reasoning": {"summary": "auto"}, "reasoning_effort": ""})).unwrap().0;
    assert_eq!(sent["reasoning"], json!({"summary": "auto"}));
    let call = json!({"id": "c", "type": "", "function": {"name": "f", "arguments": "{}"}});
    assert_eq!(messages(json!([{"role": "assistant", "tool_calls": [call]}]))[0]["type"], "function_call");
}

#[test]
fn no_member_is_written_twice() {
    let body = json!({"model": "m", "input": "Hi", "verbosity": "low", "response_format": {"type": "json_object"},
        "text": {"format": null, "verbosity": null},
        "tool_choice": {"type": "function", "name": "outer", "function": {"name": "inner"}}});
    let body = body.to_string();
    let sent = parse_responses(body.as_bytes()).unwrap().into_backend("m", &NOTHING_RECALLED).unwrap().request.body;
    assert_eq!(json::check(&sent, &Limits::MODEL_BODY), Ok(()), "{}", String::from_utf8_lossy(&sent));
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["text"], json!({"format": {"type": "json_object"}, "verbosity": "low"}));
    assert_eq!(sent["tool_choice"], json!({"type": "function", "name": "outer"}));
}
