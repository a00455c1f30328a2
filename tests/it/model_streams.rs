//! Tests that the streams of Responses and of Chat Completions conform to OpenAI's API, whatever the provider sends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        gateway::{Gateway, HttpResponse, eventually},
        provider::Provider,
    },
};

const MODEL: &str = "openai-codex/gpt-5.5";
const RESPONSES: &str = "/v1/responses";
const CHAT: &str = "/v1/chat/completions";

async fn ask(gateway: &Gateway, path: &str, members: Value) -> HttpResponse {
    let mut body = json!({"model": MODEL});
    let prompt = if path == CHAT {
        json!({"messages": [{"role": "user", "content": "Hello"}]})
    } else {
        json!({"input": "Hello"})
    };
    for more in [prompt, members] {
        body.as_object_mut().expect("an object").extend(more.as_object().expect("members").clone());
    }
    gateway.post(path, body).await
}

fn event_data(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

async fn set_script(provider: &Provider, script: &str) {
    provider.post_control("/scripts", json!({"script": script})).await;
}

#[tokio::test]
async fn the_last_event_has_the_whole_response_and_ends_the_stream() {
    let (provider, _home, gateway) = signed_in().await;
    set_script(&provider, "after_completed").await;
    let tools = json!([{"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}}]);
    let streamed = ask(&gateway, RESPONSES, json!({"stream": true, "tools": tools})).await;
    let events = event_data(&streamed.text);
    let last = events.last().expect("an event");
    assert_eq!((&last["type"], streamed.is_broken), (&json!("response.completed"), false), "{}", streamed.text);
    let response = &last["response"];
    let message = response["output"].as_array().expect("an output").iter().find(|item| item["type"] == "message");
    assert!(message.expect("a message")["content"][0]["text"].as_str().expect("a text").starts_with("word1 "));
    assert_eq!((&response["model"], &response["tools"]), (&json!(MODEL), &tools));
    for name in ["tool_choice", "parallel_tool_calls", "text", "instructions", "metadata"] {
        assert!(response.get(name).is_some(), "{name}");
    }
    assert!(streamed.text.contains(": keepalive\n\n"), "the provider's comments are forwarded");
}

#[tokio::test]
async fn a_failure_before_any_output_becomes_an_http_status() {
    let (provider, _home, gateway) = signed_in().await;
    let failed = json!({"type": "response.failed", "response": {"error": {"code": "server_is_overloaded"}}});
    let after_metadata = format!("events:{}", json!([{"type": "response.metadata", "headers": {}}, failed]));
    for (failure, status, code) in [
        (after_metadata.as_str(), 503, "server_is_overloaded"),
        ("failed:server_is_overloaded", 503, "server_is_overloaded"),
        ("error_event:server_is_overloaded", 503, "server_is_overloaded"),
        ("failed:rate_limit_exceeded", 429, "rate_limit_exceeded"),
        ("failed:context_length_exceeded", 400, "context_length_exceeded"),
    ] {
        for path in [RESPONSES, CHAT] {
            for stream in [true, false] {
                set_script(&provider, failure).await;
                let refused = ask(&gateway, path, json!({"stream": stream})).await;
                assert_eq!(
                    (refused.status, &refused.json()["error"]["code"]),
                    (status, &json!(code)),
                    "{path} {failure}"
                );
                // The simulator's message says: try again in 11.054s.
                assert_eq!(refused.header("retry-after"), if status == 429 { "12" } else { "" });
                assert_eq!(refused.header("x-should-retry") == "false", status == 400);
            }
        }
    }
}

#[tokio::test]
async fn an_early_end_or_an_invalid_event_breaks_the_stream_after_an_error_event() {
    let (provider, _home, gateway) = signed_in().await;
    for (script, code) in [("eof", "stream_ended_early"), ("garbage", "invalid_upstream_response")] {
        set_script(&provider, script).await;
        let streamed = ask(&gateway, RESPONSES, json!({"stream": true})).await;
        let events = event_data(&streamed.text);
        let last = events.last().expect("an event");
        assert_eq!((&last["type"], &last["code"]), (&json!("error"), &json!(code)), "{}", streamed.text);
        assert!(streamed.is_broken, "{}", streamed.text);
        let numbers: Vec<u64> = events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
        assert_eq!(last["sequence_number"].as_u64(), numbers.iter().max().copied(), "{}", streamed.text);
        assert!(numbers.is_sorted_by(|earlier, later| earlier < later), "{}", streamed.text);
    }
}

#[tokio::test]
async fn text_that_arrives_only_as_deltas_is_collected() {
    let (provider, _home, gateway) = signed_in().await;
    let delta = |text: &str| json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": text});
    let given = format!("events:{}", json!([delta("Thr"), delta("ee")]));
    set_script(&provider, &given).await;
    let whole = ask(&gateway, RESPONSES, json!({})).await.json();
    assert_eq!(whole["output"][0]["content"][0]["text"], "Three", "{whole}");
    set_script(&provider, &given).await;
    let whole = ask(&gateway, CHAT, json!({})).await.json();
    assert_eq!(whole["choices"][0]["message"]["content"], "Three", "{whole}");
}

#[tokio::test]
async fn a_conversation_is_compacted_within_a_stream() {
    let (_provider, _home, gateway) = signed_in().await;
    let user = json!({"role": "user", "content": "Hello"});
    let compacted = ask(&gateway, RESPONSES, json!({"input": [user, {"type": "compaction_trigger"}]})).await.json();
    let output = compacted["output"].as_array().expect("an output");
    assert_eq!((output.len(), &output[0]["type"]), (1, &json!("compaction")), "{compacted}");
    let continued = ask(&gateway, RESPONSES, json!({"input": [output[0], user]})).await;
    assert_eq!(continued.status, 200, "{}", continued.text);
}

#[tokio::test]
async fn a_stop_sequence_ends_the_text_and_the_request_to_the_provider() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"stream_deltas": 10_000, "stream_pause": "20ms"})).await;
    for (abandoned, stream) in [(1, true), (2, false)] {
        let response = ask(&gateway, CHAT, json!({"stream": stream, "stop": ["d2 w", "word3"]})).await;
        let text = if stream {
            event_data(&response.text)
                .iter()
                .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
                .collect()
        } else {
            response.json()["choices"][0]["message"]["content"].as_str().expect("a text").to_owned()
        };
        assert_eq!((text.as_str(), response.is_broken), ("word1 wor", false), "{}", response.text);
        assert!(response.text.contains(r#""finish_reason":"stop""#) && !response.text.contains("prompt_tokens"));
        let is_abandoned =
            || async { (provider.get_control("/streams").await["abandoned"] == abandoned).then_some(()) };
        eventually("the stream to end at the provider", is_abandoned).await;
    }
}

#[tokio::test]
async fn a_started_response_is_sent_without_waiting_for_more_events() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"stream_pause": "1h"})).await;
    let request = crate::support::gateway::http().post(format!("{}{RESPONSES}", gateway.base));
    let request = request.bearer_auth(&gateway.token).json(&json!({"model": MODEL, "input": "Hello", "stream": true}));
    // Less than the 15 s of silence after which the gateway would send a comment.
    let response = tokio::time::timeout(Duration::from_secs(9), request.send()).await;
    assert_eq!(response.expect("in time").expect("a response").status(), 200);
}

#[tokio::test]
async fn a_stream_without_a_media_type_is_an_event_stream() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"rate_limits_in_stream": true})).await;
    for path in [RESPONSES, CHAT] {
        for stream in [true, false] {
            set_script(&provider, "untyped").await;
            let response = ask(&gateway, path, json!({"stream": stream})).await;
            let media_type = if stream { "text/event-stream" } else { "application/json" };
            assert_eq!((response.status, response.header("content-type")), (200, media_type), "{}", response.text);
            assert!(response.text.contains("word5") && !response.text.contains("codex."), "{path}: {}", response.text);
            assert!(!response.is_broken, "{path}: {}", response.text);
        }
    }
}
