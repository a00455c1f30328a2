//! Tests of how prompts reach ChatGPT's backend, and of what it sends that OpenAI's API does not: event streams without
//! a media type, and private events.

use futures_util::StreamExt;
use goclaw::{
    app::{AppError, ModelRequest, ProxyRequest, ProxyResponse},
    domain::{ids::Principal, scope::Rights},
    ports::RequestBody,
};
use http_message::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Value, json};

use crate::support::fakes::{OPENAI, ScriptedResponse, TestGateway, name, within};

const EVENTS: &str = "data: {\"type\":\"codex.rate_limits\"}\n\n\
    data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n\
    data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[]}}\n\n";

/// Connects a gateway whose provider sends [`EVENTS`] without a media type.
async fn connected() -> TestGateway {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.upstream.play(ScriptedResponse::whole(StatusCode::OK, EVENTS));
    gateway
}

fn request(headers: &[(&'static str, &'static str)], members: Value) -> ModelRequest {
    let mut body = json!({"model": "openai-codex/gpt-5.5"});
    body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    let header = |&(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    ModelRequest {
        headers: headers.iter().map(header).collect(),
        body: body.to_string().into(),
        rights: Rights::Owner,
        caller: Principal::named("token:one"),
    }
}

async fn text_of(response: Result<ProxyResponse, AppError>) -> String {
    let pieces: Vec<_> = within(response.expect("a response").body.collect()).await;
    pieces.into_iter().map(|piece| String::from_utf8(piece.expect("no break").into()).expect("text")).collect()
}

#[tokio::test]
async fn an_event_stream_without_a_media_type_is_read() {
    let gateway = connected().await;
    let models = &gateway.app.models;
    for stream in [false, true] {
        let members = json!({"input": "Hi", "stream": stream});
        let response = text_of(within(models.create_response(request(&[], members))).await).await;
        assert!(response.contains("\"status\":\"completed\""), "{response}");
        let members = json!({"messages": [{"role": "user", "content": "Hi"}], "stream": stream});
        let chat = text_of(within(models.create_chat_completion(request(&[], members))).await).await;
        assert!(chat.contains("\"finish_reason\":\"stop\""), "{chat}");
    }
    for (accept, expected) in [("text/event-stream", Some("text/event-stream")), ("*/*", None)] {
        let forwarded = ProxyRequest {
            rights: Rights::Owner,
            name: name(OPENAI),
            method: Method::POST,
            path: "codex/responses".to_owned(),
            query: None,
            headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]),
            body: RequestBody::default(),
        };
        let response = within(models.forward(forwarded)).await.expect("a response");
        let declared = response.headers.get(CONTENT_TYPE).map(|value| value.to_str().expect("text"));
        assert_eq!(declared, expected);
    }
}

#[tokio::test]
async fn the_version_of_the_model_list_is_sent_unless_the_caller_sends_its_own() {
    let gateway = connected().await;
    let none: &[(&'static str, &'static str)] = &[];
    for (headers, version) in [(none, "0.169.0"), (&[("version", "0.153.0")], "0.153.0")] {
        let request = request(headers, json!({"input": "Hi"}));
        within(gateway.app.models.create_response(request)).await.expect("a response");
        assert_eq!(gateway.upstream.last_header("version").as_deref(), Some(version));
    }
}

#[tokio::test]
async fn only_codex_clients_get_private_events() {
    let gateway = connected().await;
    let none: &[(&'static str, &'static str)] = &[];
    for (headers, first) in [
        (none, "response.created"),
        (&[("originator", "codex_exec")], "codex.rate_limits"),
        (&[("x-codex-window-id", "1")], "codex.rate_limits"),
    ] {
        let request = request(headers, json!({"input": "Hi", "stream": true}));
        let events = text_of(within(gateway.app.models.create_response(request)).await).await;
        let data = events.lines().find_map(|line| line.strip_prefix("data: ")).expect("an event");
        let event: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(event["type"], first, "{events}");
    }
}
