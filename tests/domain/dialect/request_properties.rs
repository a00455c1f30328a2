//! Property tests of requests in both dialects: the backend accepts each translation, and no body causes a panic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use goclaw::domain::{
    dialect::{BackendRequest, InvalidRequest, NOTHING_RECALLED},
    json::{self, Limits},
};

use super::{parse_chat, parse_responses};

/// The top-level members that the backend accepts.
const ACCEPTED: [&str; 14] = [
    "client_metadata",
    "include",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "store",
    "stream",
    "text",
    "tool_choice",
    "tools",
];

fn from_responses(body: &[u8]) -> Result<BackendRequest, InvalidRequest> {
    parse_responses(body)?.into_backend("gpt-x", &NOTHING_RECALLED).map(|translated| translated.request)
}

fn from_chat(body: &[u8]) -> Result<BackendRequest, InvalidRequest> {
    parse_chat(body)?.into_backend("gpt-x", &NOTHING_RECALLED).map(|chat| chat.request)
}

/// Checks a translated request against the backend's rules.
fn check_accepted(request: &BackendRequest) -> Result<(), TestCaseError> {
    prop_assert_eq!(json::check(&request.body, &Limits::MODEL_BODY), Ok(()), "a member is repeated");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    for name in body.as_object().unwrap().keys() {
        prop_assert!(ACCEPTED.contains(&name.as_str()), "{name} is sent");
    }
    prop_assert_eq!(&body["model"], "gpt-x");
    prop_assert_eq!((&body["store"], &body["stream"]), (&json!(false), &json!(true)));
    prop_assert!(body["instructions"].is_string());
    for item in body["input"].as_array().unwrap() {
        let is_message = item["type"].is_null() || item["type"] == "message";
        prop_assert!(!(is_message && item["role"] == "system"), "a system message is sent: {item}");
        prop_assert!(item["type"] != "item_reference", "a reference is sent: {item}");
    }
    Ok(())
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = ["text", "system", "user", "function", "input_text", "message", "auto", "json_object", "f", ""];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = ["type", "role", "content", "text", "name", "id", "function", "tool_calls", "format", "input"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(names.to_vec()), inner), 0..4).prop_map(object),
        ]
    })
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Generates a request with some of these members and any values.
fn any_request(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let member = (prop::sample::select(names), any_json());
    let known = (any_json(), any_json(), any_json()).prop_map(|(model, input, messages)| {
        let model = if model.is_null() { json!("m") } else { model };
        [("model", model), ("input", input), ("messages", messages)]
    });
    (known, prop::collection::vec(member, 0..6)).prop_map(|(known, members)| object(known.into_iter().chain(members)))
}

const NAMES: &[&str] = &[
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "text",
    "response_format",
    "reasoning",
    "instructions",
    "stop",
    "n",
    "store",
    "stream",
    "stream_options",
    "truncation",
    "temperature",
    "conversation",
    "background",
    "logprobs",
    "unheard_of",
];

fn valid_members() -> impl Strategy<Value = Map<String, Value>> {
    let members = vec![
        ("stream", json!(true)),
        ("store", json!(true)),
        ("temperature", json!(0.5)),
        ("user", json!("Ann")),
        ("metadata", json!({"a": "b"})),
        ("service_tier", json!("flex")),
        ("parallel_tool_calls", json!(false)),
        ("prompt_cache_key", json!("key")),
        ("n", json!(1)),
        ("tools", json!([])),
        ("stream_options", json!({"include_usage": true})),
        ("unheard_of", json!(null)),
    ];
    prop::sample::subsequence(members, 0..8)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Generates messages. `part` is the type of a text part, in which the dialects differ.
fn messages(part: &'static str) -> impl Strategy<Value = Vec<Value>> {
    let role = prop::sample::select(vec!["system", "developer", "user"]);
    let message = (role, any::<bool>(), "[a-z]{0,5}").prop_map(move |(role, in_parts, text)| {
        let content = if in_parts { json!([{"type": part, "text": text}]) } else { json!(text) };
        json!({"role": role, "content": content})
    });
    prop::collection::vec(message, 1..6)
}

fn with(mut members: Map<String, Value>, name: &str, value: impl Into<Value>) -> Vec<u8> {
    members.insert("model".to_owned(), "openai/gpt-x".into());
    members.insert(name.to_owned(), value.into());
    Value::Object(members).to_string().into_bytes()
}

proptest! {
    #[test]
    fn valid_requests_are_translated(members in valid_members(), chat in messages("text"), items in messages("input_text")) {
        check_accepted(&from_chat(&with(members.clone(), "messages", chat))?)?;
        check_accepted(&from_responses(&with(members, "input", items))?)?;
    }

    #[test]
    fn any_request_is_translated_or_refused(body in any_request(NAMES)) {
        let body = body.to_string().into_bytes();
        for request in [from_chat(&body), from_responses(&body)].into_iter().flatten() {
            check_accepted(&request)?;
        }
    }

    #[test]
    fn no_body_causes_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), body in any_json()) {
        for body in [bytes, body.to_string().into_bytes()] {
            let _ = (from_chat(&body), from_responses(&body));
        }
    }

    #[test]
    fn text_length_is_kept(members in valid_members(), chat in messages("text"), items in messages("input_text")) {
        for (body, texts) in [
            (from_chat(&with(members.clone(), "messages", chat.clone()))?, chat),
            (from_responses(&with(members, "input", items.clone()))?, items),
        ] {
            let sent = String::from_utf8(body.body).unwrap();
            let length: usize = texts.iter().map(|message| text_of(&message["content"]).len()).sum();
            let sent: Value = serde_json::from_str(&sent).unwrap();
            let instructions = sent["instructions"].as_str().unwrap().replace('\n', "");
            let input = sent["input"].as_array().unwrap().iter().map(|item| text_of(&item["content"]).len());
            prop_assert_eq!(instructions.len() + input.sum::<usize>(), length);
        }
    }
}

fn text_of(content: &Value) -> String {
    content.as_str().or_else(|| content[0]["text"].as_str()).unwrap().to_owned()
}
