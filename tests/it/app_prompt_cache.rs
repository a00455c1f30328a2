//! Tests of the prompt cache key in the body of a prompt, and of the session in its header.

use futures_util::StreamExt;
use goclaw::{
    app::{AppError, ModelRequest, ProxyRequest, ProxyResponse},
    domain::{ids::Principal, scope::Rights},
    ports::RequestBody,
};
use http_message::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::fakes::{ScriptedResponse, TestGateway, name, within};

const COMPLETED: &str = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"output\":[]}}\n\n";

async fn connected() -> TestGateway {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let mut response = ScriptedResponse::whole(StatusCode::OK, COMPLETED);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    gateway.upstream.play(response);
    gateway
}

fn request(caller: &str, headers: &[(&'static str, &str)], body: &Value) -> ModelRequest {
    let mut members = body.clone();
    if members.get("model").is_none() {
        members["model"] = json!("openai-codex/gpt-5.5");
    }
    let header = |&(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    ModelRequest {
        headers: headers.iter().map(header).collect(),
        body: members.to_string().into(),
        rights: Rights::Owner,
        caller: Principal::named(caller),
    }
}

/// Sends a prompt. Returns the cache key in its body and the session in its header.
async fn send(
    gateway: &TestGateway,
    response: impl Future<Output = Result<ProxyResponse, AppError>>,
) -> (String, String) {
    let response = within(response).await.expect("a response");
    within(response.body.collect::<Vec<_>>()).await;
    let body = gateway.upstream.last_body();
    let key = body["prompt_cache_key"].as_str().expect("a key").to_owned();
    (key, gateway.upstream.last_header("session-id").expect("a session"))
}

async fn send_responses(gateway: &TestGateway, request: ModelRequest) -> (String, String) {
    send(gateway, gateway.app.models.create_response(request)).await
}

async fn send_chat(gateway: &TestGateway, request: ModelRequest) -> (String, String) {
    send(gateway, gateway.app.models.create_chat_completion(request)).await
}

#[tokio::test]
async fn a_client_s_key_or_session_is_sent_in_body_and_header() {
    let gateway = connected().await;
    let pair = |key: &str, session: &str| (key.to_owned(), session.to_owned());
    let (plain, keyed) = (json!({"input": "Hi"}), json!({"input": "Hi", "prompt_cache_key": "thread-1"}));
    let long = "x".repeat(100);
    for (headers, body, expected) in [
        (&[("session-id", "s-1")][..], &plain, pair("s-1", "s-1")),
        (&[("session_id", "s-2")], &plain, pair("s-2", "s-2")),
        (&[("conversation_id", "c-1")], &plain, pair("c-1", "c-1")),
        (&[], &keyed, pair("thread-1", "thread-1")),
        (&[("session_id", "s-3")], &keyed, pair("thread-1", "s-3")),
        (&[("session-id", "new"), ("session_id", "old")], &plain, pair("new", "new")),
        (&[("conversation-id", ""), ("conversation_id", "c-2")], &plain, pair("c-2", "c-2")),
        (&[("session-id", "")], &keyed, pair("thread-1", "thread-1")),
        (&[("session-id", ""), ("session_id", "s-4")], &plain, pair("s-4", "s-4")),
    ] {
        assert_eq!(send_responses(&gateway, request("token:one", headers, body)).await, expected);
    }
    // A key of more than 64 characters and a session that is not ASCII are replaced by a UUID of 36 characters.
    let (key, session) = send_responses(&gateway, request("token:one", &[("session-id", &long)], &plain)).await;
    assert!(key.len() == 36 && session == long, "{key} {session}");
    let accented = json!({"input": "Hi", "prompt_cache_key": "caf\u{e9}"});
    let (key, session) = send_responses(&gateway, request("token:one", &[], &accented)).await;
    assert!(key == "caf\u{e9}" && session.len() == 36, "{key} {session}");
}

#[tokio::test]
async fn each_conversation_has_one_key_of_its_own() {
    let gateway = connected().await;
    gateway.connect_as("work").await;
    let user = |text: &str| json!({"role": "user", "content": text});
    let system = json!({"role": "system", "content": "Be brief."});
    let answer = json!({"role": "assistant", "content": "Hello"});
    let first = json!({"messages": [system, user("My name is Ada.")]});
    let second = json!({"messages": [system, user("My name is Ada."), answer, user("My name?")]});
    let (key, session) = send_chat(&gateway, request("token:one", &[], &first)).await;
    assert!(key == session && key.len() == 36 && !key.contains("Ada"), "{key}");
    assert_eq!(send_chat(&gateway, request("token:one", &[], &second)).await.0, key, "the next turn has another key");
    let mut other_account = first.clone();
    other_account["model"] = json!("work/gpt-5.5");
    for (caller, body) in [
        ("token:two", &first),
        ("token:one", &json!({"messages": [system, user("My name is Bob.")]})),
        ("token:one", &json!({"messages": [user("My name is Ada.")]})),
        ("token:one", &other_account),
    ] {
        assert_ne!(send_chat(&gateway, request(caller, &[], body)).await.0, key, "{caller} {body}");
    }
    let input = json!({"input": [user("My name is Ada.")], "instructions": "Be brief."});
    let (first, _) = send_responses(&gateway, request("token:one", &[], &input)).await;
    let input = json!({"input": "My name?", "instructions": "Be brief.", "previous_response_id": "resp_1"});
    assert_eq!(send_responses(&gateway, request("token:one", &[], &input)).await.0, first, "the chain has another key");
}

#[tokio::test]
async fn a_forwarded_request_keeps_a_session_from_an_older_header_name() {
    let gateway = connected().await;
    let mut headers = HeaderMap::new();
    headers.insert("session_id", HeaderValue::from_static("s-1"));
    let request = ProxyRequest {
        name: name("openai-codex"),
        rights: Rights::Owner,
        method: Method::POST,
        path: "codex/responses".to_owned(),
        query: None,
        headers,
        body: RequestBody::default(),
    };
    within(gateway.app.models.forward(request)).await.expect("a response");
    assert_eq!(gateway.upstream.last_header("session-id").as_deref(), Some("s-1"));
    assert_eq!(gateway.upstream.last_header("session_id"), None);
}
