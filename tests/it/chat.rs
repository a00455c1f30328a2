//! Tests of `/v1/chat/completions`: requests are translated for ChatGPT, and forwarded to DashScope.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        gateway::{Gateway, Home, HttpResponse},
        provider::Provider,
    },
};

const MODEL: &str = "openai-codex/gpt-5.5";
/// The API key that the simulator accepts.
const DASHSCOPE_KEY: &str = "sk-simulated-CANARY-0001";

fn prompt(text: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": text}]})
}

async fn chat(gateway: &Gateway, body: Value) -> HttpResponse {
    gateway.post("/v1/chat/completions", body).await
}

/// Returns the chunks of a stream, and whether it ended with `[DONE]`.
fn chunks(text: &str) -> (Vec<Value>, bool) {
    let data: Vec<&str> = text.split("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect();
    let chunks = data.iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
    (chunks, data.last() == Some(&"[DONE]"))
}

#[tokio::test]
async fn a_system_message_may_ask_for_a_json_object() {
    let (_provider, _home, gateway) = signed_in().await;
    let mut body = prompt("Hello");
    body["response_format"] = json!({"type": "json_object"});
    let refused = chat(&gateway, body.clone()).await;
    // The provider's own reason.
    assert!(refused.status == 400 && refused.text.contains("json_object"), "{}", refused.text);
    body["messages"] = json!([{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "Hello"}]);
    let whole = chat(&gateway, body).await;
    assert_eq!(
        (whole.status, &whole.json()["choices"][0]["message"]["content"]),
        (200, &json!("{}")),
        "{}",
        whole.text
    );
}

#[tokio::test]
async fn a_completion_is_one_object_or_a_stream_of_chunks() {
    let (_provider, _home, gateway) = signed_in().await;
    let whole = chat(&gateway, prompt("Hello")).await;
    assert_eq!((whole.status, whole.header("content-type")), (200, "application/json"), "{}", whole.text);
    let completion = whole.json();
    assert_eq!(
        (&completion["object"], &completion["model"]),
        (&json!("chat.completion"), &json!(MODEL)),
        "{completion}"
    );
    let choice = &completion["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["role"]), (&json!("stop"), &json!("assistant")));
    let text = choice["message"]["content"].as_str().expect("a text");
    assert!(text.starts_with("word1 "), "{text}");

    let mut body = prompt("Hello");
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let streamed = chat(&gateway, body).await;
    assert_eq!(streamed.header("content-type"), "text/event-stream", "{}", streamed.text);
    let (chunks, is_done) = chunks(&streamed.text);
    let joined: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((joined.as_str(), is_done), (text, true));
    assert!(chunks.last().is_some_and(|last| last["choices"] == json!([]) && last["usage"]["total_tokens"].is_u64()));
}

#[tokio::test]
async fn tool_calls_and_results_keep_their_order() {
    let (_provider, _home, gateway) = signed_in().await;
    let tool = |name: &str| {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
        json!({"type": "function", "function": {"name": name, "parameters": parameters}})
    };
    let mut body = prompt("Use get_weather, then get_time.");
    body["tools"] = json!([tool("get_time"), tool("get_weather")]);
    let completion = chat(&gateway, body.clone()).await.json();
    let choice = &completion["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{completion}");
    let calls = choice["message"]["tool_calls"].as_array().expect("calls").clone();
    let names: Vec<&Value> = calls.iter().map(|call| &call["function"]["name"]).collect();
    assert_eq!(names, [&json!("get_weather"), &json!("get_time")]);

    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(choice["message"].clone());
    for (call, result) in calls.iter().zip(["sunny", "noon"]) {
        messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": result}));
    }
    let response = chat(&gateway, body).await;
    let text = response.json()["choices"][0]["message"]["content"].to_string();
    assert!(text.contains("sunny") && text.contains("noon"), "{}", response.text);
}

#[tokio::test]
async fn a_broken_stream_ends_with_an_error_and_without_done() {
    let (provider, _home, gateway) = signed_in().await;
    for script in ["eof", "garbage"] {
        provider.post_control("/scripts", json!({"script": script})).await;
        let mut body = prompt("Hello");
        body["stream"] = json!(true);
        let response = chat(&gateway, body).await;
        let (chunks, is_done) = chunks(&response.text);
        assert_eq!((is_done, response.is_broken), (false, true), "{script}: {}", response.text);
        assert!(chunks.last().is_some_and(|last| last["error"]["message"].is_string()), "{script}: {}", response.text);
    }
    for (script, reason) in
        [("incomplete", "length"), ("content_filter", "content_filter"), ("after_completed", "stop")]
    {
        provider.post_control("/scripts", json!({"script": script})).await;
        let mut body = prompt("Hello");
        body["stream"] = json!(true);
        let response = chat(&gateway, body).await;
        let (chunks, is_done) = chunks(&response.text);
        let reasons: Vec<&str> =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect();
        assert_eq!((reasons.as_slice(), is_done), (&[reason][..], true), "{script}: {}", response.text);
    }
}

#[tokio::test]
async fn malformed_bodies_and_parameters_that_change_the_meaning_are_rejected() {
    let (_provider, _home, gateway) = signed_in().await;
    for (parameter, value) in
        [("n", json!(2)), ("logprobs", json!(true)), ("background", json!(true)), ("conversation", json!("c"))]
    {
        let mut body = prompt("Hello");
        body[parameter] = value;
        let response = chat(&gateway, body).await;
        assert_eq!(
            (response.status, &response.json()["error"]["param"]),
            (400, &json!(parameter)),
            "{}",
            response.text
        );
    }
    for body in ["", "{", "[]", r#"{"model": 7, "messages": []}"#, r#"{"messages": []}"#] {
        let request = crate::support::gateway::http().post(format!("{}/v1/chat/completions", gateway.base));
        let request = request.bearer_auth(&gateway.token).header("content-type", "application/json").body(body);
        let response = HttpResponse::of(request.send().await.expect("a response")).await;
        assert_eq!(
            (response.status, &response.json()["error"]["type"]),
            (400, &json!("invalid_request_error")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn dashscope_requests_are_forwarded() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let key = json!({"api_key": DASHSCOPE_KEY});
    let saved = gateway.call(Method::PUT, "/v1/auth/dashscope/secret", Some(key)).await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    let models = gateway.get("/v1/models").await.json();
    let model = models["data"][0]["id"].as_str().expect("a model").to_owned();
    assert!(model.starts_with("dashscope/"), "{models}");
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}], "temperature": 0.3});
    let whole = chat(&gateway, body.clone()).await;
    assert_eq!((whole.status, &whole.json()["object"]), (200, &json!("chat.completion")), "{}", whole.text);
    body["stream"] = json!(true);
    let (chunks, is_done) = chunks(&chat(&gateway, body).await.text);
    assert!(!chunks.is_empty() && is_done);

    let image =
        start_dashscope_task(&gateway, "/v1/proxy/dashscope/api/v1/services/aigc/text2image/image-synthesis").await;
    let task = image["output"]["task_id"].as_str().unwrap_or_else(|| panic!("{image}")).to_owned();
    let task = gateway.get(&format!("/v1/proxy/dashscope/api/v1/tasks/{task}")).await;
    assert_eq!(task.status, 200, "{}", task.text);
}

async fn start_dashscope_task(gateway: &Gateway, path: &str) -> Value {
    let request = crate::support::gateway::http().post(format!("{}{path}", gateway.base)).bearer_auth(&gateway.token);
    let request = request.header("x-dashscope-async", "enable");
    let body = json!({"model": "qwen-image", "input": {"prompt": "a cat"}});
    HttpResponse::of(request.json(&body).send().await.expect("a response")).await.json()
}

#[tokio::test]
async fn later_turns_of_a_conversation_are_cached() {
    let (_provider, _home, gateway) = signed_in().await;
    let user = |text: &str| json!({"role": "user", "content": text});
    let cached_tokens = |usage: &Value, details: &str| usage[details]["cached_tokens"].as_u64().expect("a number");
    let first = chat(&gateway, json!({"model": MODEL, "messages": [user("Hello")]})).await.json();
    assert_eq!(cached_tokens(&first["usage"], "prompt_tokens_details"), 0);
    let messages = json!([user("Hello"), first["choices"][0]["message"], user("And on")]);
    let second = chat(&gateway, json!({"model": MODEL, "messages": messages})).await.json();
    let all_of_first = first["usage"]["prompt_tokens"].as_u64().expect("a number");
    assert_eq!(cached_tokens(&second["usage"], "prompt_tokens_details"), all_of_first, "{second}");

    let respond = async |body: Value| gateway.post("/v1/responses", body).await.json();
    let first = respond(json!({"model": MODEL, "input": "Good morning"})).await;
    let next = json!({"model": MODEL, "input": "And on", "previous_response_id": first["id"]});
    let usage = respond(next).await["usage"].clone();
    let all_of_first = first["usage"]["input_tokens"].as_u64().expect("a number");
    assert_eq!(cached_tokens(&usage, "input_tokens_details"), all_of_first, "{usage}");
}
