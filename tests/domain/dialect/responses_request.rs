//! Tests of translating Responses requests for the backend.

use goclaw::domain::dialect::{
    BackendRequest, InvalidRequest, Missing, NOTHING_RECALLED, Recalled, TOO_LARGE, request::REFUSED,
};
use serde_json::{Value, json};

use super::parse_responses;

fn translate(body: &Value) -> Result<(Value, BackendRequest), InvalidRequest> {
    let body = body.to_string();
    let sent = parse_responses(body.as_bytes())?.into_backend("gpt-x", &NOTHING_RECALLED)?.request;
    Ok((serde_json::from_slice(&sent.body).unwrap(), sent))
}

/// Returns a minimal request to which these members are added.
fn with(members: &Value) -> Value {
    let mut body = json!({"model": "openai/gpt-x", "input": []});
    let object = body.as_object_mut().unwrap();
    object.extend(members.as_object().unwrap().clone());
    body
}

fn refusal(body: &Value) -> (&'static str, Option<String>, String) {
    let error = translate(body).unwrap_err();
    (error.code, error.param, error.message)
}

#[test]
fn a_text_becomes_a_user_message() {
    let (body, sent) = translate(&json!({"model": "openai/gpt-x", "input": "Hello"})).unwrap();
    let expected = json!({
        "model": "gpt-x",
        "instructions": "",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
        "include": ["reasoning.encrypted_content"],
        "store": false,
        "stream": true,
    });
    assert_eq!(body, expected);
    assert!(!sent.stream && sent.ignored.is_empty());
}

#[test]
fn accepted_parameters_are_sent_unchanged() {
    let passed = json!({
        "client_metadata": {"session_id": "s"},
        "include": ["reasoning.encrypted_content"],
        "parallel_tool_calls": false,
        "prompt_cache_key": "key",
        "reasoning": {"effort": "low", "summary": null},
        "service_tier": "priority",
        "text": {"verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}],
        "instructions": "Be brief.",
    });
    let (body, sent) = translate(&with(&passed)).unwrap();
    let mut expected = with(&passed);
    expected
        .as_object_mut()
        .unwrap()
        .extend(json!({"model": "gpt-x", "store": false, "stream": true}).as_object().unwrap().clone());
    assert_eq!(body, expected);
    assert!(sent.ignored.is_empty());
}

#[test]
fn the_effort_of_a_chat_parameter_is_added_to_reasoning_without_one() {
    for (own, expected) in [
        (json!({"summary": "auto"}), json!({"effort": "high", "summary": "auto"})),
        (json!({"effort": "low"}), json!({"effort": "low"})),
        (Value::Null, json!({"effort": "high"})),
    ] {
        let (body, _) = translate(&with(&json!({"reasoning": own, "reasoning_effort": "high"}))).unwrap();
        assert_eq!(body["reasoning"], expected, "{own}");
        assert!(body.get("reasoning_effort").is_none());
    }
}

#[test]
fn members_of_reasoning_at_other_gateways_are_removed_and_reported() {
    let given =
        json!({"effort": "low", "summary": "auto", "context": "c", "exclude": true, "enabled": null, "max_tokens": 5});
    let (body, sent) = translate(&with(&json!({"reasoning": given}))).unwrap();
    assert_eq!(body["reasoning"], json!({"effort": "low", "summary": "auto", "context": "c"}));
    assert_eq!(sent.ignored, ["reasoning.exclude", "reasoning.max_tokens"]);
}

#[test]
fn items_are_sent_unchanged() {
    let items = json!([
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
         "content": [{"type": "output_text", "text": "Hello", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "1"},
        {"type": "message", "role": "developer", "content": "Now."},
    ]);
    assert_eq!(translate(&with(&json!({"input": items}))).unwrap().0["input"], items);
}

#[test]
fn system_messages_move_to_the_instructions() {
    let user = json!({"role": "user", "content": "Hi"});
    let (body, _) = translate(&with(&json!({
        "instructions": "Own.",
        "input": [
            {"role": "system", "content": "First."},
            user,
            {"type": "message", "role": "system", "content": [
                {"type": "input_text", "text": "Second,"}, {"type": "input_text", "text": "still second."},
            ]},
        ],
    })))
    .unwrap();
    assert_eq!(body["instructions"], "Own.\n\nFirst.\n\nSecond,\nstill second.");
    assert_eq!(body["input"], json!([user]));

    let picture = json!([{"type": "input_image", "image_url": "data:,"}]);
    for (content, param, code) in [
        (picture, "input[0].content[0].type", "unsupported_value"),
        (json!(5), "input[0].content", "invalid_type"),
        (json!(["text"]), "input[0].content[0]", "invalid_type"),
        (json!(null), "input[0].content", "missing_required_parameter"),
    ] {
        let refused = refusal(&with(&json!({"input": [{"role": "system", "content": content}]})));
        assert_eq!((refused.0, refused.1.as_deref()), (code, Some(param)));
    }
}

#[test]
fn system_messages_stay_in_the_input_for_json_object() {
    let input = json!([{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "Hi"}]);
    let format = |kind: &str| json!({"input": input, "text": {"format": {"type": kind}}});
    let (body, _) = translate(&with(&format("json_object"))).unwrap();
    assert_eq!((&body["instructions"], &body["input"][0]["role"]), (&json!(""), &json!("developer")));
    let (body, _) = translate(&with(&format("text"))).unwrap();
    assert_eq!(body["instructions"], "Answer in JSON.");
}

#[test]
fn the_backend_always_streams_and_never_stores() {
    let (body, sent) = translate(&with(&json!({"stream": true, "store": true}))).unwrap();
    assert_eq!((&body["stream"], &body["store"]), (&json!(true), &json!(false)));
    assert!(sent.stream && sent.ignored.is_empty(), "the gateway remembers the response");

    let (body, sent) = translate(&with(&json!({"stream": false, "store": false}))).unwrap();
    assert_eq!((&body["stream"], &body["store"]), (&json!(true), &json!(false)));
    assert!(!sent.stream && sent.ignored.is_empty());
}

#[test]
fn parameters_without_a_translation_are_removed_and_reported() {
    for name in ["temperature", "max_output_tokens", "metadata", "truncation", "stop", "top_k", "colour"] {
        let (body, sent) = translate(&with(&json!({name: 1}))).unwrap();
        assert_eq!((body.get(name), sent.ignored), (None, vec![name.to_owned()]));
        assert!(translate(&with(&json!({name: null}))).unwrap().1.ignored.is_empty());
    }
}

#[test]
fn parameters_that_change_the_meaning_are_refused() {
    let refused = REFUSED.map(|(name, _)| (name, json!("x")));
    for (name, value) in refused.into_iter().chain([("background", json!(true)), ("n", json!(2)), ("n", json!("1"))]) {
        let (code, param, message) = refusal(&with(&json!({name: value})));
        assert_eq!((code, param.as_deref()), ("unsupported_parameter", Some(name)));
        assert!(message.starts_with(&format!("Unsupported parameter: {name}. ")), "{message}");
    }
    let harmless = with(&json!({"background": false, "n": 1, "conversation": null, "colour": null}));
    assert!(translate(&harmless).unwrap().1.ignored.is_empty());
}

#[test]
fn item_references_are_resolved_or_reported_as_missing() {
    let user = json!({"role": "user", "content": "Hi"});
    let known = json!({"type": "message", "role": "assistant", "id": "msg_1", "content": []});
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "opaque", "summary": []});
    let recalled = Recalled {
        items: [("msg_1".to_owned(), known.to_string()), ("rs_1".to_owned(), reasoning.to_string())].into(),
        ..Recalled::default()
    };
    let translated = |item: &Value, recalled: &Recalled| {
        let body = with(&json!({"input": [user, item]})).to_string();
        let translated = parse_responses(body.as_bytes()).unwrap().into_backend("m", recalled).unwrap();
        let sent: Value = serde_json::from_slice(&translated.request.body).unwrap();
        (sent["input"].clone(), translated.missing)
    };
    for item in
        [json!({"type": "item_reference", "id": "msg_1"}), json!({"id": "msg_1"}), json!({"id": "msg_1", "type": null})]
    {
        assert_eq!(translated(&item, &recalled), (json!([user, known]), Missing::default()));
        let (sent, missing) = translated(&item, &NOTHING_RECALLED);
        assert_eq!((sent, missing.needed()), (json!([user]), Some("msg_1")));
    }
    let image = json!({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBOR"});
    let with_image = Recalled { items: [("ig_1".to_owned(), image.to_string())].into(), ..Recalled::default() };
    let named = json!({"type": "image_generation_call", "id": "ig_1", "result": null});
    assert_eq!(translated(&named, &with_image), (json!([user, image]), Missing::default()));
    assert_eq!(translated(&named, &NOTHING_RECALLED).1.needed(), Some("ig_1"));
    assert_eq!(translated(&image, &NOTHING_RECALLED), (json!([user, image]), Missing::default()));
    // There is no image to remember.
    for (id, status) in [(json!("ig_1"), json!("failed")), (json!(null), json!("completed"))] {
        let failed = json!({"type": "image_generation_call", "id": id, "status": status, "result": null});
        assert_eq!(translated(&failed, &NOTHING_RECALLED), (json!([user]), Missing::default()));
    }
    let bare = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    assert_eq!(translated(&bare, &recalled), (json!([user, reasoning]), Missing::default()));
    let (sent, missing) = translated(&bare, &NOTHING_RECALLED);
    assert_eq!((sent, missing.needed(), &*missing.reasoning), (json!([user]), None, &["rs_1".to_owned()][..]));
    let (_, missing) = translated(&json!({"type": "item_reference", "id": "rs_2"}), &recalled);
    assert_eq!((missing.needed(), missing.has_items()), (None, true), "reasoning is optional");
    assert_eq!(refusal(&with(&json!({"input": [{"type": "item_reference"}]}))).0, "missing_required_parameter");
}

#[test]
fn recalled_items_come_before_the_requests_own_items() {
    let earlier = [r#"[{"role":"user","content":"One"}]"#, r#"[{"type":"message","role":"assistant","content":[]}]"#];
    let recalled = Recalled { earlier: earlier.map(str::to_owned).into(), ..Recalled::default() };
    let body = with(&json!({
        "instructions": "Short.",
        "previous_response_id": "resp_1",
        "input": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Two"}],
    }));
    let body = body.to_string();
    let request = parse_responses(body.as_bytes()).unwrap();
    assert_eq!(request.previous().unwrap().as_deref(), Some("resp_1"));
    let translated = request.into_backend("m", &recalled).unwrap();
    let sent: Value = serde_json::from_slice(&translated.request.body).unwrap();
    let roles: Vec<_> = sent["input"].as_array().unwrap().iter().map(|item| item["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert_eq!((&sent["instructions"], sent.get("previous_response_id")), (&json!("Short.\n\nBe kind."), None));
    let own: Value = serde_json::from_str(&translated.own_input).unwrap();
    let developer =
        json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]});
    assert_eq!(own, json!([developer, {"role": "user", "content": "Two"}]), "the input without recalled items");
    assert!(translated.store);
    // A request may continue a response without an input of its own.
    for input in [r#""input": null, "#, ""] {
        let body = format!(r#"{{"model": "m", {input}"previous_response_id": "resp_1"}}"#);
        let translate = |recalled: &Recalled| parse_responses(body.as_bytes()).unwrap().into_backend("m", recalled);
        let translated = translate(&recalled).unwrap();
        let sent: Value = serde_json::from_slice(&translated.request.body).unwrap();
        assert_eq!((sent["input"].as_array().unwrap().len(), translated.own_input.as_str()), (2, "[]"));
        assert_eq!(translate(&NOTHING_RECALLED).unwrap_err().param.as_deref(), Some("input"));
    }
}

#[test]
fn a_compaction_replaces_the_earlier_items_before_it() {
    let user = |text: &str| json!({"role": "user", "content": text});
    let developer = json!({"role": "developer", "content": "Be brief."});
    let trigger = json!({"type": "compaction_trigger"});
    let compaction = |content: &str| json!({"type": "compaction", "encrypted_content": content});
    for (earlier, expected) in [
        (json!([[user("compaction_trigger"), trigger], [compaction("E1")]]), json!([compaction("E1"), user("Next")])),
        (
            json!([
                [developer, user("One"), trigger],
                [compaction("E1")],
                [user("Two"), trigger],
                [compaction("E2")],
                [user("Three")],
                [compaction("E3"), user("Four")]
            ]),
            json!([developer, compaction("E3"), user("Four"), user("Next")]),
        ),
        // The compacted conversation of `/v1/responses/compact`, sent as an input.
        (
            json!([[user("One")], [user("Two"), compaction("E1"), user("Three")]]),
            json!([user("Two"), compaction("E1"), user("Three"), user("Next")]),
        ),
        // A response that failed to compact: the request is not repeated.
        (json!([[user("One"), trigger], []]), json!([user("One"), user("Next")])),
        (json!([[user("\"compaction\"")]]), json!([user("\"compaction\""), user("Next")])),
    ] {
        let earlier = earlier.as_array().unwrap().iter().map(Value::to_string).collect();
        let recalled = Recalled { earlier, ..Recalled::default() };
        let body = with(&json!({"input": [user("Next")]})).to_string();
        let sent = parse_responses(body.as_bytes()).unwrap().into_backend("m", &recalled).unwrap().request.body;
        assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap()["input"], expected);
    }
    // In the caller's own input, the item is a request.
    let own = json!([user("One"), compaction("E1"), trigger]);
    assert_eq!(translate(&with(&json!({"input": own}))).unwrap().0["input"], own);
}

#[test]
fn errors_name_the_malformed_parameter() {
    let (missing, mistyped) = ("missing_required_parameter", "invalid_type");
    for (body, code, param) in [
        (json!({"input": "Hi"}), missing, Some("model")),
        (json!({"model": null, "input": "Hi"}), missing, Some("model")),
        (json!({"model": "", "input": "Hi"}), "unsupported_value", Some("model")),
        (json!({"model": 5, "input": "Hi"}), mistyped, Some("model")),
        (json!({"model": "m"}), missing, Some("input")),
        (json!({"model": "m", "input": {}}), mistyped, Some("input")),
        (json!({"model": "m", "input": ["Hi"]}), mistyped, Some("input[0]")),
        (json!({"model": "m", "input": "Hi", "stream": "yes"}), mistyped, Some("stream")),
        (json!({"model": "m", "input": "Hi", "store": 1}), mistyped, Some("store")),
        (json!({"model": "m", "input": "Hi", "background": 1}), mistyped, Some("background")),
        (json!({"model": "m", "input": "Hi", "instructions": []}), mistyped, Some("instructions")),
        (json!([]), mistyped, None),
    ] {
        let refused = refusal(&body);
        assert_eq!((refused.0, refused.1.as_deref()), (code, param), "{body}");
    }
    assert_eq!(parse_responses(b"{\"model\": ").unwrap_err().code, "invalid_json");
    assert_eq!(parse_responses(b"{\"model\": \"\xff\"}").unwrap_err().code, "invalid_json");
}

#[test]
fn bodies_with_repeated_members_or_beyond_a_limit_are_refused() {
    let nested = format!("{{\"metadata\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let values = format!("{{\"metadata\": [{}0]}}", "0,".repeat(250_000));
    let members: Vec<String> = (0..60_000).map(|number| format!("\"{number}\": 0")).collect();
    for (body, message, code) in [
        (
            r#"{"model": "a", "model": "b"}"#.to_owned(),
            "The body has two members with the same name in one object (line 1, column 22).",
            "invalid_json",
        ),
        (
            r#"{"model": "a", "input": [{"a": 1, "\u0061": 2}]}"#.to_owned(),
            "The body has two members with the same name in one object (line 1, column 42).",
            "invalid_json",
        ),
        (nested, "The body is nested too deeply: at most 127 levels (line 1, column 140).", TOO_LARGE),
        (values, "The body has too many values: at most 250000 (line 1, column 500010).", TOO_LARGE),
        (
            format!("{{{}}}", members.join(",")),
            "The body has an object with too many members: at most 50000 (line 1, column 538898).",
            TOO_LARGE,
        ),
    ] {
        let error = parse_responses(body.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.param, error.message.as_str()), (code, None, message));
    }
}

/// The text of such objects can be twice as long, so they have a limit of their own.
#[test]
fn long_json_is_not_made_a_string() {
    const MAX: usize = 4 * 1024 * 1024;
    let object_of = |bytes: usize| json!({"a": "\"".repeat((bytes - r#"{"a":""}"#.len()) / 2)});
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let request = |output: Value| {
        with(&json!({"input": [call, {"type": "function_call_output", "call_id": "c", "output": output}]}))
    };
    let (sent, _) = translate(&request(object_of(MAX))).unwrap();
    assert_eq!(sent["input"][1]["output"].as_str().unwrap().len(), MAX);
    let (code, param, message) = refusal(&request(object_of(MAX + 2)));
    assert_eq!((code, param.as_deref()), (TOO_LARGE, Some("input[1].output")), "{message}");
    let mut halves = request(object_of(MAX / 2));
    let half = halves["input"][1].clone();
    halves["input"].as_array_mut().unwrap().extend([half, call.clone()]);
    assert!(translate(&halves).is_ok());
    halves["input"][3]["arguments"] = json!({});
    let (code, param, _) = refusal(&halves);
    assert_eq!((code, param.as_deref()), (TOO_LARGE, Some("input[3].arguments")), "the limit is for the request");
    assert!(translate(&request("\"".repeat(MAX).into())).is_ok(), "a string stays one");
}

#[test]
fn numbers_and_escapes_keep_their_spelling() {
    let body = br#"{"model": "m", "input": "\ud83d\ude00 \u0061", "reasoning": {"a": 1.0, "b": 123456789012345678901234567890}}"#;
    let sent = parse_responses(body).unwrap().into_backend("m", &NOTHING_RECALLED).unwrap().request.body;
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains(r#"{"a":1.0,"b":123456789012345678901234567890}"#), "{sent}");
    assert!(sent.contains(r#""\ud83d\ude00 \u0061""#), "{sent}");
}

#[test]
fn system_messages_follow_the_callers_own_instructions() {
    let system = |text: &str| json!({"role": "system", "content": text});
    let user = json!({"role": "user", "content": "Hi"});
    let sent = |own: &str, input: Value| translate(&with(&json!({"instructions": own, "input": input}))).unwrap().0;
    let body = sent("", json!([system("Be brief."), system(""), system("Be \"kind\".\n"), user]));
    assert_eq!(body["instructions"], "Be brief.\n\nBe \"kind\".\n");
    assert_eq!(sent("Speak Latin.", json!([user, system("Be brief.")]))["instructions"], "Speak Latin.\n\nBe brief.");
}

#[test]
fn system_messages_stay_in_an_input_without_other_items() {
    let input = json!([{"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."}]);
    let body = translate(&with(&json!({"instructions": "Own.", "input": input}))).unwrap().0;
    let developer =
        |text: &str| json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]});
    assert_eq!(body["instructions"], "Own.");
    assert_eq!(body["input"], json!([developer("Be brief."), developer("Be kind.")]));
}

#[test]
fn a_request_with_tools_in_its_input_is_lite_and_gets_no_empty_instructions() {
    let tools = json!({"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "f"}]});
    let user = json!({"role": "user", "content": "Hi"});
    for (input, instructions, is_lite, sent_instructions) in [
        (json!([tools, user]), json!(null), true, None),
        (json!([tools, user]), json!("Be brief."), true, Some(json!("Be brief."))),
        (json!([user]), json!(null), false, Some(json!(""))),
    ] {
        let (body, sent) = translate(&with(&json!({"input": input, "instructions": instructions}))).unwrap();
        assert_eq!((sent.is_lite, body.get("instructions")), (is_lite, sent_instructions.as_ref()), "{body}");
        assert_eq!(body["input"], input);
    }
}
