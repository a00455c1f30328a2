//! Tests of tool loops over chats: the gateway sends the model's reasoning back before the calls that it led to.

use std::time::Duration;

use futures_util::StreamExt;
use goclaw::{
    app::{AppError, ModelRequest},
    domain::{ids::Principal, scope::Rights},
};
use http_message::HeaderMap;
use serde_json::{Value, json};

use crate::{
    app_memory::{HOUR, connected, play, program},
    support::fakes::{TestGateway, settle, within},
};

fn reasoning(name: &str) -> Value {
    json!({"type": "reasoning", "id": format!("rs_{name}"), "summary": [{"type": "summary_text", "text": "SECRET THOUGHT"}],
           "encrypted_content": format!("opaque-{name}")})
}

fn call(name: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{name}"), "call_id": format!("call_{name}"), "name": "add",
           "arguments": "{}", "status": "completed"})
}

async fn chat(gateway: &TestGateway, caller: &Principal, body: Value) -> Result<String, AppError> {
    let body = body.to_string().into();
    let request = ModelRequest { headers: HeaderMap::new(), body, rights: Rights::Owner, caller: caller.clone() };
    let response = within(gateway.app.models.create_chat_completion(request)).await?;
    let pieces: Vec<_> = within(response.body.collect()).await;
    settle().await;
    Ok(pieces.into_iter().map(|piece| String::from_utf8(piece.expect("no break").into()).expect("text")).collect())
}

fn chat_request(messages: &Value) -> Value {
    json!({"model": "openai-codex/gpt-5.5", "messages": messages})
}

fn messages_with_calls(calls: &[&str]) -> Value {
    let mut messages = vec![json!({"role": "user", "content": "Hello"})];
    for name in calls {
        let call =
            json!({"id": format!("call_{name}"), "type": "function", "function": {"name": "add", "arguments": "{}"}});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": format!("call_{name}"), "content": "3"}));
    }
    Value::Array(messages)
}

/// Returns the encrypted content of each item of the last upstream request, or its type if it has none.
fn last_items_sent(gateway: &TestGateway) -> Vec<String> {
    let body = gateway.upstream.last_body();
    let label =
        |item: &Value| item["encrypted_content"].as_str().or(item["type"].as_str()).unwrap_or_default().to_owned();
    body["input"].as_array().expect("items").iter().map(label).collect()
}

const WITHOUT_REASONING: [&str; 3] = ["message", "function_call", "function_call_output"];
const WITH_REASONING: [&str; 4] = ["message", "opaque-1", "function_call", "function_call_output"];

#[tokio::test]
async fn a_chat_gets_its_reasoning_back() {
    for stream in [false, true] {
        let gateway = connected(&[]).await;
        play(&gateway, "resp_1", &[reasoning("1"), call("1"), call("1b")]);
        let mut first = chat_request(&json!([{"role": "user", "content": "Hello"}]));
        (first["stream"], first["store"]) = (json!(stream), json!(false));
        chat(&gateway, &program(), first).await.expect("a completion");
        // The second turn has reasoning and a call of its own.
        play(&gateway, "resp_2", &[reasoning("2"), call("2")]);
        chat(&gateway, &program(), chat_request(&messages_with_calls(&["1"]))).await.expect("a completion");
        assert_eq!(last_items_sent(&gateway), WITH_REASONING, "stream: {stream}");
        let item = &gateway.upstream.last_body()["input"][1];
        assert_eq!((&item["id"], &item["summary"]), (&json!("rs_1"), &json!([])), "the summary text was stored");
        play(&gateway, "resp_3", &[]);
        chat(&gateway, &program(), chat_request(&messages_with_calls(&["1", "2", "unknown"])))
            .await
            .expect("a completion");
        let expected = [
            "message",
            "opaque-1",
            "function_call",
            "function_call_output",
            "opaque-2",
            "function_call",
            "function_call_output",
            "function_call",
            "function_call_output",
        ];
        assert_eq!(last_items_sent(&gateway), expected);
    }
}

#[tokio::test]
async fn responses_items_in_a_chat_get_their_reasoning_back_too() {
    let gateway = connected(&[]).await;
    play(&gateway, "resp_1", &[reasoning("1"), call("1")]);
    chat(&gateway, &program(), chat_request(&json!([{"role": "user", "content": "Hello"}])))
        .await
        .expect("a completion");
    let output = json!({"type": "function_call_output", "call_id": "call_1", "output": "3"});
    let items = json!([{"role": "user", "content": "Hello"}, call("1"), output]);
    play(&gateway, "resp_2", &[]);
    chat(&gateway, &program(), json!({"model": "openai-codex/gpt-5.5", "input": items})).await.expect("a completion");
    assert_eq!(gateway.upstream.last_body()["input"][1]["encrypted_content"], "opaque-1");
    // Reasoning that the caller sends itself is not sent twice.
    let items = json!([{"role": "user", "content": "Hello"}, reasoning("1"), call("1"), output]);
    play(&gateway, "resp_3", &[]);
    chat(&gateway, &program(), json!({"model": "openai-codex/gpt-5.5", "input": items})).await.expect("a completion");
    assert_eq!(gateway.upstream.last_body()["input"].as_array().expect("items").len(), 4);
}

#[tokio::test]
async fn reasoning_is_kept_for_an_hour_and_for_the_same_token_only() {
    let gateway = connected(&[]).await;
    play(&gateway, "resp_1", &[reasoning("1"), call("1")]);
    chat(&gateway, &program(), chat_request(&json!([{"role": "user", "content": "Hello"}])))
        .await
        .expect("a completion");
    let continue_chat = async |caller: Principal| {
        play(&gateway, "resp_2", &[]);
        chat(&gateway, &caller, chat_request(&messages_with_calls(&["1"]))).await.expect("a completion");
        last_items_sent(&gateway)
    };
    assert_eq!(continue_chat(Principal::named("token:other")).await, WITHOUT_REASONING);
    assert_eq!(continue_chat(program()).await, WITH_REASONING);
    let models = &gateway.app.models;
    let retrieved = within(models.retrieve_response(&program(), "resp_1")).await;
    assert!(matches!(retrieved, Err(AppError::ResponseNotFound(_))), "{retrieved:?}");
    gateway.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(continue_chat(program()).await, WITH_REASONING);
    gateway.clock.advance(Duration::from_secs(2));
    assert_eq!(continue_chat(program()).await, WITHOUT_REASONING);
}

#[tokio::test]
async fn reasoning_is_not_sent_with_another_account() {
    let gateway = connected(&[]).await;
    gateway.connect_as("work").await;
    play(&gateway, "resp_1", &[reasoning("1"), call("1")]);
    chat(&gateway, &program(), chat_request(&json!([{"role": "user", "content": "Hello"}])))
        .await
        .expect("a completion");
    play(&gateway, "resp_2", &[]);
    let mut other = chat_request(&messages_with_calls(&["1"]));
    other["model"] = json!("work/gpt-5.5");
    chat(&gateway, &program(), other).await.expect("a completion");
    assert_eq!(last_items_sent(&gateway), WITHOUT_REASONING);
}

#[tokio::test]
async fn a_store_failure_loses_only_the_reasoning() {
    let gateway = connected(&[]).await;
    play(&gateway, "resp_1", &[reasoning("1"), call("1")]);
    gateway.store.fail_to("remember responses");
    chat(&gateway, &program(), chat_request(&json!([{"role": "user", "content": "Hello"}])))
        .await
        .expect("a completion");
    gateway.store.fail_to("read remembered items");
    play(&gateway, "resp_2", &[]);
    chat(&gateway, &program(), chat_request(&messages_with_calls(&["1"]))).await.expect("a completion");
    assert_eq!(last_items_sent(&gateway), WITHOUT_REASONING);
}

#[tokio::test]
async fn without_remembered_responses_a_chat_continues_without_reasoning() {
    let gateway = connected(&[("GOCLAW_MODELS__REMEMBER", "0")]).await;
    play(&gateway, "resp_1", &[reasoning("1"), call("1")]);
    chat(&gateway, &program(), chat_request(&json!([{"role": "user", "content": "Hello"}])))
        .await
        .expect("a completion");
    play(&gateway, "resp_2", &[]);
    chat(&gateway, &program(), chat_request(&messages_with_calls(&["1"]))).await.expect("a completion");
    assert_eq!(last_items_sent(&gateway), WITHOUT_REASONING);
}
