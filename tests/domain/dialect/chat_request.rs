//! Tests of translating the parameters of a Chat Completions request. [`super::messages`] tests the messages.

use goclaw::domain::dialect::{
    BackendRequest, ChatOptions, InvalidRequest, NOTHING_RECALLED, TranslatedChat, model_of, request::REFUSED,
};
use serde_json::{Value, json};

use super::parse_chat;

fn translate(body: &Value) -> Result<(Value, BackendRequest, ChatOptions), InvalidRequest> {
    let body = body.to_string();
    let TranslatedChat { request: sent, options, .. } =
        parse_chat(body.as_bytes())?.into_backend("gpt-x", &NOTHING_RECALLED)?;
    Ok((serde_json::from_slice(&sent.body).unwrap(), sent, options))
}

/// Returns a minimal request with further members.
fn with(members: &Value) -> Value {
    let mut body = json!({"model": "openai/gpt-x", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// Translates a request with further members. Returns the result without the members that every request has.
fn sent_for(members: &Value) -> Value {
    let (mut body, sent, _) = translate(&with(members)).unwrap();
    assert!(sent.ignored.is_empty(), "{:?}", sent.ignored);
    let object = body.as_object_mut().unwrap();
    for name in ["model", "instructions", "input", "store", "stream", "include"] {
        assert!(object.remove(name).is_some(), "{name}");
    }
    body
}

fn refusal(members: &Value) -> (&'static str, Option<String>, String) {
    let error = translate(&with(members)).unwrap_err();
    (error.code, error.param, error.message)
}

#[test]
fn a_request_with_many_parameters_is_translated() {
    let body = json!({
        "model": "openai/gpt-x",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is the weather in Paris?"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "weather", "description": "Tells it.", "strict": true,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        }}],
        "tool_choice": "auto",
        "parallel_tool_calls": true,
        "reasoning_effort": "low",
        "verbosity": "low",
        "temperature": 0.5,
        "stream": true,
        "stream_options": {"include_usage": true, "include_obfuscation": false},
    });
    let (body, sent, options) = translate(&body).unwrap();
    let expected = json!({
        "model": "gpt-x",
        "instructions": "Be brief.",
        "input": [{"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "What is the weather in Paris?"}]}],
        "tools": [{"type": "function", "name": "weather", "description": "Tells it.", "strict": true,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}],
        "tool_choice": "auto",
        "parallel_tool_calls": true,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"verbosity": "low"},
        "include": ["reasoning.encrypted_content"],
        "store": false,
        "stream": true,
    });
    assert_eq!(body, expected);
    assert!(sent.stream);
    assert_eq!(sent.ignored, ["temperature"]);
    assert_eq!(options, ChatOptions { include_usage: true, ..super::options() });
}

#[test]
fn default_values_are_not_sent() {
    assert_eq!(sent_for(&json!({})), json!({}));
    let defaults = json!({
        "n": 1, "logprobs": false, "top_logprobs": 0, "modalities": ["text"], "store": false,
        "response_format": {"type": "text"}, "tools": [], "stop": [], "temperature": null, "audio": null,
        "stream_options": {"include_obfuscation": true}, "unheard_of": null,
    });
    assert_eq!(sent_for(&defaults), json!({}));
    assert_eq!(sent_for(&json!({"stop": null})), json!({}));
    let (_, sent, options) = translate(&with(&json!({}))).unwrap();
    assert!(!sent.stream && !options.include_usage && !options.wants_function_call);
}

#[test]
fn tools_are_flattened() {
    let sent = sent_for(&json!({
        "tools": [
            {"type": "function", "function": {"name": "bare"}},
            {"type": "custom", "custom": {"name": "sql", "description": "Runs it.", "format": {
                "type": "grammar", "grammar": {"syntax": "lark", "definition": "start: \"a\""}}}},
            {"type": "custom", "custom": {"name": "note", "format": {"type": "text"}}},
        ],
        "web_search_options": {"search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"city": "Paris", "country": "FR"}}},
    }));
    let expected = json!({"tools": [
        {"type": "function", "name": "bare", "parameters": {"type": "object", "properties": {}}, "strict": false},
        {"type": "custom", "name": "sql", "description": "Runs it.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"a\""}},
        {"type": "custom", "name": "note", "format": {"type": "text"}},
        {"type": "web_search", "search_context_size": "low",
            "user_location": {"type": "approximate", "city": "Paris", "country": "FR"}},
    ]});
    assert_eq!(sent, expected);
    assert_eq!(sent_for(&json!({"web_search_options": {}})), json!({"tools": [{"type": "web_search"}]}));
    // The inner objects may be missing, as in Responses.
    let format = json!({"type": "grammar", "syntax": "lark", "definition": "start: \"a\""});
    let location = json!({"type": "approximate", "city": "Paris"});
    let sent = sent_for(&json!({"tools": [{"type": "custom", "custom": {"name": "sql", "format": format}}],
        "web_search_options": {"user_location": location}}));
    assert_eq!((&sent["tools"][0]["format"], &sent["tools"][1]["user_location"]), (&format, &location));
}

#[test]
fn tool_choice_is_flattened() {
    for choice in ["none", "auto", "required"] {
        assert_eq!(sent_for(&json!({"tool_choice": choice})), json!({"tool_choice": choice}));
    }
    let function = json!({"type": "function", "function": {"name": "f"}});
    let custom = json!({"type": "custom", "custom": {"name": "c"}});
    for (choice, sent) in [
        (function.clone(), json!({"type": "function", "name": "f"})),
        (custom.clone(), json!({"type": "custom", "name": "c"})),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function, custom]}}),
            json!({"type": "allowed_tools", "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]}),
        ),
    ] {
        assert_eq!(sent_for(&json!({"tool_choice": choice})), json!({"tool_choice": sent}));
    }
}

#[test]
fn functions_are_sent_as_tools() {
    let (body, _, options) = translate(&with(&json!({
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
        "parallel_tool_calls": true,
    })))
    .unwrap();
    let parameters = json!({"type": "object", "properties": {}});
    let function = json!({"type": "function", "name": "f", "parameters": parameters, "strict": false});
    assert_eq!(body["tools"], json!([function]));
    assert_eq!(body["tool_choice"], json!({"type": "function", "name": "f"}));
    assert_eq!(body["parallel_tool_calls"], json!(false));
    assert!(options.wants_function_call);

    assert_eq!(sent_for(&json!({"function_call": "none"})), json!({"tool_choice": "none"}));
    let both = json!({"functions": [{"name": "f"}], "tools": [{"type": "function", "function": {"name": "f"}}]});
    assert_eq!(refusal(&both).1.as_deref(), Some("functions"));
}

#[test]
fn response_format_is_flattened() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "null", "default": null}}});
    let described = json!({"name": "reply", "description": "A reply.", "schema": schema, "strict": true});
    let format = json!({"type": "json_schema", "json_schema": described});
    let expected =
        json!({"type": "json_schema", "name": "reply", "description": "A reply.", "schema": schema, "strict": true});
    assert_eq!(sent_for(&json!({"response_format": format})), json!({"text": {"format": expected}}));

    let bare = json!({"type": "json_schema", "json_schema": {"name": "reply", "schema": {}, "strict": null}});
    let expected = json!({"type": "json_schema", "name": "reply", "schema": {}});
    assert_eq!(
        sent_for(&json!({"response_format": bare, "verbosity": "high"})),
        json!({"text": {"format": expected, "verbosity": "high"}})
    );

    let json_mode = json!({"messages": [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "Hi"}],
        "response_format": {"type": "json_object"}});
    let (body, ..) = translate(&with(&json_mode)).unwrap();
    assert_eq!(body["text"], json!({"format": {"type": "json_object"}}));
    assert_eq!((&body["instructions"], &body["input"][0]["role"]), (&json!(""), &json!("developer")));
}

#[test]
fn parameters_of_both_dialects_are_sent_unchanged() {
    let passed = json!({"service_tier": "priority", "prompt_cache_key": "key", "parallel_tool_calls": false});
    assert_eq!(sent_for(&passed), passed);
}

#[test]
fn service_tiers_that_the_backend_refuses_are_left_out() {
    for (tier, is_named) in [
        (json!("auto"), false),
        (json!("default"), false),
        (json!(null), false),
        (json!("flex"), true),
        (json!("scale"), true),
        (json!(1), true),
    ] {
        let (body, sent, _) = translate(&with(&json!({"service_tier": tier}))).unwrap();
        let names: &[&str] = if is_named { &["service_tier"] } else { &[] };
        assert_eq!(body.get("service_tier"), None, "{tier}");
        assert_eq!(sent.ignored, names, "{tier}");
    }
}

#[test]
fn parameters_without_a_translation_are_removed_and_reported() {
    for name in ["temperature", "seed", "max_tokens", "user", "prediction", "top_k", "usage", "best_of", "generate"] {
        let (body, sent, _) = translate(&with(&json!({name: 1}))).unwrap();
        assert_eq!((body.get(name), sent.ignored), (None, vec![name.to_owned()]));
    }
    assert_eq!(translate(&with(&json!({"store": true}))).unwrap().1.ignored, ["store"]);
    let named =
        json!([{"role": "user", "name": "Ann", "content": "Hi"}, {"role": "user", "name": "Bob", "content": "Ho"}]);
    assert_eq!(translate(&with(&json!({"messages": named}))).unwrap().1.ignored, ["messages.name"]);
}

#[test]
fn parameters_that_change_the_meaning_are_refused() {
    let refused = REFUSED.map(|(name, _)| (name, json!({})));
    for (name, value) in refused.into_iter().chain([
        ("n", json!(2)),
        ("n", json!(0)),
        ("background", json!(true)),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("modalities", json!(["text", "audio"])),
    ]) {
        let (code, param, message) = refusal(&json!({name: value}));
        assert_eq!((code, param.as_deref()), ("unsupported_parameter", Some(name)));
        assert!(message.starts_with(&format!("Unsupported parameter: {name}. ")), "{message}");
    }
}

#[test]
fn errors_name_the_malformed_parameter() {
    let (missing, mistyped, unsupported) = ("missing_required_parameter", "invalid_type", "unsupported_value");
    for (members, code, param) in [
        (json!({"model": 1}), mistyped, "model"),
        (json!({"model": ""}), unsupported, "model"),
        (json!({"model": "m".repeat(257)}), unsupported, "model"),
        (json!({"messages": null}), missing, "messages"),
        (json!({"messages": "Hi"}), mistyped, "messages"),
        (json!({"messages": []}), unsupported, "messages"),
        (json!({"stream": "yes"}), mistyped, "stream"),
        (json!({"stream_options": true}), mistyped, "stream_options"),
        (json!({"stream_options": {"include_usage": 1}}), mistyped, "stream_options.include_usage"),
        (json!({"reasoning_effort": 1}), mistyped, "reasoning_effort"),
        (json!({"response_format": {}}), missing, "response_format.type"),
        (json!({"response_format": {"type": "xml"}}), unsupported, "response_format.type"),
        (json!({"response_format": {"type": "json_schema"}}), missing, "response_format.json_schema"),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {}}}),
            missing,
            "response_format.json_schema.name",
        ),
        (json!({"tools": {}}), mistyped, "tools"),
        (json!({"tools": [{"type": "function"}]}), missing, "tools[0].name"),
        (json!({"tools": [{"type": "function", "function": {}}]}), missing, "tools[0].function.name"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "strict": 1}}]}),
            mistyped,
            "tools[0].function.strict",
        ),
        (json!({"tool_choice": "some"}), unsupported, "tool_choice"),
        (json!({"tool_choice": {"type": "function", "function": {}}}), missing, "tool_choice.function.name"),
        (json!({"function_call": "required"}), unsupported, "function_call"),
        (json!({"function_call": {}}), missing, "function_call.name"),
    ] {
        let refused = refusal(&members);
        assert_eq!((refused.0, refused.1.as_deref()), (code, Some(param)), "{members}");
    }
    assert_eq!(parse_chat(b"").unwrap_err().code, "invalid_json");
    assert_eq!(parse_chat(b"[]").unwrap_err().code, "invalid_type");
    assert_eq!(parse_chat(b"{}").unwrap_err().code, "missing_required_parameter");
}

#[test]
fn only_the_model_changes_for_a_provider_with_this_dialect() {
    let body = json!({"model": "dashscope/qwen", "messages": [], "unheard_of": null, "stop": ["END"]});
    let body = body.to_string();
    let request = parse_chat(body.as_bytes()).unwrap();
    assert_eq!(model_of(body.as_bytes()).unwrap().as_str(), "dashscope/qwen");
    let sent: Value = serde_json::from_slice(&request.with_model("qwen")).unwrap();
    assert_eq!(sent, json!({"model": "qwen", "messages": [], "unheard_of": null, "stop": ["END"]}));
}
