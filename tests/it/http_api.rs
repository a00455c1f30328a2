//! Tests of the HTTP API with fakes and without a socket: bodies, methods, error forms, host names, ids and limits.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use goclaw::{
    adapters::{
        http::{
            Accepted, BodyBudget, BudgetedBody, FailedAttempts, GatewayToken, Hosts, Origins, RequestIds, endpoint,
            kept_alive,
        },
        system::SystemRandom,
    },
    domain::networks::TrustedProxies,
    ports::{BodyError, Random, RandomError, RequestBody},
};
use insta::assert_snapshot;
use poem::{
    Body, Endpoint, Request, Response,
    endpoint::make_sync,
    http::{HeaderMap, HeaderValue, Uri, header},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::{fakes::TestGateway, gateway::pause};

const TOKEN: &str = "token";
/// The largest accepted body (32 MiB), and the largest forwarded body that is buffered (1 MiB), in chunks of 64 KiB.
const MAX_CHUNKS: usize = 512;
const MAX_BUFFERED_CHUNKS: usize = 16;

/// Sends a request with a JSON body to a new gateway.
async fn call(method: &str, path: &str, token: &str, body: &str) -> (u16, HeaderMap, Value) {
    let gateway = TestGateway::open().await;
    let ids = RequestIds::new(&SystemRandom).expect("random bytes");
    let (hosts, page) = (Hosts::new([127, 0, 0, 1].into(), &[]), make_sync(|_| Response::default()));
    let api = endpoint(
        &gateway.app,
        GatewayToken::new(&TOKEN.into()),
        Accepted { hosts, origins: Origins::default(), proxies: TrustedProxies::default(), public_url: None },
        ids,
        page,
        CancellationToken::new(),
    );
    let request = Request::builder().method(method.parse().unwrap()).uri_str(path).header("host", "localhost");
    let request = request.header("authorization", format!("Bearer {token}")).content_type("application/json");
    let response = api.call(request.body(body.to_owned())).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.into_body().into_string().await.unwrap();
    (status, headers, serde_json::from_str(&text).unwrap_or_default())
}

/// Returns the detail of the response to an invalid body.
async fn refusal(operation: &str, body: &str) -> String {
    let (method, path) = operation.split_once(' ').unwrap();
    let (status, _, problem) = call(method, path, TOKEN, body).await;
    assert_eq!(status, 400, "{problem}");
    problem["detail"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn errors_name_the_member_but_not_its_value() {
    let (update, refresh, create) = ("PATCH /v1/providers/suno", "POST /v1/auth/openai/refresh", "POST /v1/tokens");
    assert_snapshot!(refusal(update, r#"{"display_name": null}"#).await, @"the body is invalid: `display_name` must be a string");
    assert_snapshot!(refusal(update, r#"{"enabled": "canary, expected canary"}"#).await, @"the body is invalid: `enabled` must be a boolean");
    assert_snapshot!(refusal(update, r#"{"rights": "canary"}"#).await, @"the body is invalid: unknown member `rights`, expected `display_name` or `enabled`");
    assert_snapshot!(refusal(refresh, r#"{"generation": -1}"#).await, @"the body is invalid: `generation` must be a whole number");
    assert_snapshot!(refusal(create, "{}").await, @"the body is invalid: `name` is missing");
    assert_snapshot!(refusal(create, r#"{"name": "x", "scope": "canary"}"#).await, @"scope 1 is not known; expected models, proxy:<account>, status:read, auth:write, metrics:read or admin, separated by spaces; models, status:read and auth:write may name an account (models:<account>), and models a model (models:<account>/<model>)");
    assert_snapshot!(refusal(create, r#"["x"]"#).await, @"the body is invalid: an object is expected");
    assert_snapshot!(refusal(create, r#"{"name": "x", "name": "y"}"#).await, @"the body has two members with the same name in one object (line 1, column 20)");
}

#[tokio::test]
async fn a_405_lists_the_methods_of_the_document() {
    for (method, path, allow) in [
        ("PUT", "/v1/tokens", "GET, HEAD, POST"),
        ("PATCH", "/v1/session", "DELETE, POST"),
        ("GET", "/v1/tokens/1", "DELETE"),
        ("GET", "/v1/auth/openai/secret", "PUT"),
        ("HEAD", "/v1/auth/openai/start", "POST"),
        ("POST", "/docs", "GET, HEAD"),
    ] {
        let (status, headers, _) = call(method, path, TOKEN, "").await;
        assert_eq!((status, headers[header::ALLOW].to_str().unwrap()), (405, allow), "{method} {path}");
    }
    for path in ["/v1/tokens/", "/v1", "/nothing"] {
        let (status, headers, problem) = call("GET", path, TOKEN, "").await;
        assert_eq!((status, headers.get(header::ALLOW)), (404, None), "{path}: {problem}");
    }
}

#[tokio::test]
async fn only_the_control_api_returns_problem_documents() {
    for (paths, is_openai) in [
        (["/v1/responses", "/v1/models", "/v1/models/a", "/v1/proxy/openai/x", "/v1/responses/x", "/v1/tokensx"], true),
        (["/v1/auth/openai/status", "/v1/tokens", "/v1/sessions/x", "/v1", "/v1/", "/nothing"], false),
    ] {
        for path in paths {
            let (status, _, problem) = call("GET", path, "wrong", "").await;
            assert_eq!((status, problem["error"].is_object()), (401, is_openai), "{path}: {problem}");
        }
    }
    let document: Value = serde_json::from_str(&goclaw::adapters::http::openapi_document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "head") {
            let path = path.replace(['{', '}'], "");
            let is_openai = ["Models", "Proxy"].contains(&operation["tags"][0].as_str().unwrap());
            let (_, _, problem) = call(&method.to_uppercase(), &path, "wrong", "").await;
            assert_eq!(problem["error"].is_object(), is_openai, "{method} {path}: {problem}");
        }
    }
}

#[tokio::test]
async fn unsupported_openai_routes_return_a_permanent_error_that_lists_the_supported_ones() {
    for (method, path, token, expected) in [
        ("POST", "/v1/moderations", TOKEN, (404, "not_found")),
        ("POST", "/v1/audio/speech", TOKEN, (404, "not_found")),
        ("GET", "/v1/files", TOKEN, (404, "not_found")),
        ("GET", "/v1/threads/thread_1", TOKEN, (404, "not_found")),
        ("PUT", "/v1/chat/completions", TOKEN, (405, "method_not_allowed")),
        ("DELETE", "/v1/models/gpt-5.5", TOKEN, (405, "method_not_allowed")),
        ("POST", "/v1/moderations", "wrong", (401, "unauthorized")),
        ("POST", "/v1/chat/completions", "wrong", (401, "unauthorized")),
    ] {
        let (status, headers, body) = call(method, path, token, "{}").await;
        let error = &body["error"];
        let code = error["code"].as_str().unwrap_or_default();
        assert_eq!((status, code), expected, "{method} {path}: {body}");
        assert_eq!(headers["x-should-retry"], "false", "{method} {path}");
        let names_others = error["message"].as_str().unwrap_or_default().contains("POST /v1/responses");
        assert_eq!(names_others, token == TOKEN, "{method} {path}: {body}");
    }
    let (status, headers, body) = call("GET", "/v1/responses/resp_1", TOKEN, "").await;
    assert_eq!((status, &body["error"]["code"]), (404, &Value::from("response_not_found")));
    assert_eq!(headers["x-should-retry"], "false");
}

fn host_headers(hosts: &[&str]) -> HeaderMap {
    hosts.iter().map(|host| (header::HOST, HeaderValue::from_str(host).unwrap())).collect()
}

#[test]
fn loopback_names_the_listen_address_and_listed_names_are_accepted() {
    let hosts = Hosts::new("192.0.2.7".parse().unwrap(), &["gateway.example".to_owned()]);
    for host in ["localhost", "LOCALHOST:3577", "127.0.0.1:8080", "[::1]:3577", "192.0.2.7", "Gateway.Example:443"] {
        assert!(hosts.accept(&Uri::default(), &host_headers(&[host])), "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:3577",
        "192.0.2.8",
        "localhost@evil.example",
        "evil@localhost",
        "localhost:80.evil.example",
        "localhost:x",
        "[::2]",
        "127.0.0.2",
        "0.0.0.0",
        "",
        "a b",
    ] {
        assert!(!hosts.accept(&Uri::default(), &host_headers(&[host])), "{host}");
    }
    assert!(
        !hosts.accept(&Uri::default(), &host_headers(&[]))
            && !hosts.accept(&Uri::default(), &host_headers(&["localhost", "localhost"]))
    );
    for (target, is_accepted) in [
        ("http://localhost/v1", true),
        ("http://gateway.example:443/", true),
        ("http://evil.example/page/app.js", false),
        ("http://localhost@evil.example/", false),
    ] {
        let target: Uri = target.parse().unwrap();
        assert_eq!(hosts.accept(&target, &host_headers(&["localhost"])), is_accepted, "{target}");
    }
    let anywhere = Hosts::new("0.0.0.0".parse().unwrap(), &[]);
    assert!(
        !anywhere.accept(&Uri::default(), &host_headers(&["0.0.0.0"]))
            && anywhere.accept(&Uri::default(), &host_headers(&["localhost"]))
    );
}

/// A source of random bytes that are all the same.
struct Constant(u8);

impl Random for Constant {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.0);
        Ok(())
    }
}

#[test]
fn request_ids_come_from_the_random_port_and_do_not_repeat() {
    let ids = |byte: u8| -> Vec<String> {
        let ids = RequestIds::new(&Constant(byte)).unwrap();
        (0..1000).map(|_| ids.next()).collect()
    };
    assert_eq!(ids(1), ids(1));
    let all: BTreeSet<String> = ids(1).into_iter().chain(ids(2)).collect();
    assert_eq!(all.len(), 2000);
    assert!(all.iter().all(|id| id.len() == 16));
}

fn caller(ip: [u8; 4]) -> IpAddr {
    ip.into()
}

#[test]
fn failed_attempts_are_limited_for_each_address() {
    let attempts = FailedAttempts::default();
    let allowed = (0..100).filter(|_| attempts.count(caller([10, 0, 0, 1])).is_ok()).count();
    assert!((20..30).contains(&allowed), "a burst of 20, then one a second: {allowed}");
    assert!(attempts.count(caller([10, 0, 0, 1])).unwrap_err() <= Duration::from_secs(1));
    assert!(attempts.count(caller([10, 0, 0, 2])).is_ok());
}

#[test]
fn failed_attempts_from_one_ipv6_network_share_a_limit() {
    let attempts = FailedAttempts::default();
    let host = |network: u16, host: u16| IpAddr::from([0x2001, 0xdb8, 0, network, 0, 0, 0, host]);
    let allowed = (0..100).filter(|number| attempts.count(host(1, *number)).is_ok()).count();
    assert!((20..30).contains(&allowed), "{allowed}");
    assert!(attempts.count(host(2, 0)).is_ok());
}

#[test]
fn failed_attempts_of_many_addresses_share_a_limit() {
    let attempts = FailedAttempts::default();
    let callers = (0..=255).flat_map(|a| (0..4).map(move |b| caller([10, 0, b, a])));
    let refused = callers.filter(|caller| attempts.count(*caller).is_err()).count();
    assert!(refused > 700, "of 1,024 attempts, a burst of 200 and 20 a second are allowed: {refused}");
}

/// A body of 64 KiB chunks without a declared length.
fn body(chunks: usize) -> Body {
    let chunk = || Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 64 * 1024]));
    Body::from_bytes_stream(stream::iter((0..chunks).map(move |_| chunk())))
}

/// Returns the headers of a body of this many chunks of 64 KiB and `rest` bytes.
fn declared_length(chunks: usize, rest: usize) -> HeaderMap {
    [(header::CONTENT_LENGTH, (chunks * 64 * 1024 + rest).into())].into_iter().collect()
}

async fn error<T>(read: impl Future<Output = Result<BudgetedBody<T>, BodyError>>) -> Option<BodyError> {
    read.await.err()
}

// The next two tests have a budget of 2,000 KiB. One caller may use 750 KiB. A body costs three times its length.

#[tokio::test]
async fn memory_stays_reserved_until_the_body_is_dropped() {
    let (bodies, undeclared) = (BodyBudget::with_budget(2000), HeaderMap::new());
    let first = bodies.read("a", body(2), &undeclared).await.unwrap();
    assert_eq!(first.body.len(), 128 * 1024);
    assert_eq!(error(bodies.read("a", body(2), &undeclared)).await, Some(BodyError::OverBudget));
    assert_eq!(error(bodies.buffer_or_stream("a", body(2), &undeclared)).await, Some(BodyError::OverBudget));
    assert_eq!(error(bodies.read("a", Body::empty(), &undeclared)).await, None);
    drop(first);
    let mut first = bodies.read("a", body(2), &undeclared).await.unwrap();
    first.reservation.shrink_to(64 * 1024);
    assert_eq!(error(bodies.read("a", body(2), &undeclared)).await, None);
}

#[tokio::test]
async fn the_bodies_of_one_caller_leave_room_for_others() {
    let (bodies, undeclared) = (BodyBudget::with_budget(2000), HeaderMap::new());
    let mut held = Vec::new();
    while let Ok(more) = bodies.read("greedy", body(1), &undeclared).await {
        held.push(more);
    }
    assert_eq!(held.len(), 3, "bodies that cost 192 KiB each");
    assert_eq!(error(bodies.read("a", body(3), &undeclared)).await, None);
    drop(held);
    assert_eq!(error(bodies.read("greedy", body(3), &undeclared)).await, None);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_rejected_with_or_without_a_declared_length() {
    let bodies = BodyBudget::default();
    let too_large = Some(BodyError::TooLarge { limit: MAX_CHUNKS * 64 * 1024 });
    assert_eq!(error(bodies.read("a", body(MAX_CHUNKS + 1), &HeaderMap::new())).await, too_large);
    // A declared length is rejected before anything is read.
    let endless = || Body::from_bytes_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let declared = declared_length(MAX_CHUNKS, 1);
    assert_eq!(error(bodies.read("a", endless(), &declared)).await, too_large);
    assert_eq!(error(bodies.buffer_or_stream("a", endless(), &declared)).await, too_large);
    let largest = bodies.read("a", body(MAX_CHUNKS), &HeaderMap::new()).await.unwrap();
    assert_eq!(largest.body.len(), MAX_CHUNKS * 64 * 1024);
}

#[tokio::test]
async fn a_small_body_is_buffered_and_a_large_one_is_streamed() {
    let bodies = BodyBudget::default();
    let small = bodies.buffer_or_stream("a", body(MAX_BUFFERED_CHUNKS), &HeaderMap::new()).await.unwrap();
    assert!(matches!(small.body, RequestBody::Buffered(bytes) if bytes.len() == MAX_BUFFERED_CHUNKS * 64 * 1024));
    for (headers, buffered, declared) in
        [(HeaderMap::new(), MAX_BUFFERED_CHUNKS + 1, None), (declared_length(40, 0), 1, Some(40 * 64 * 1024))]
    {
        let large = bodies.buffer_or_stream("a", body(40), &headers).await.unwrap();
        assert_eq!(large.reservation.kib(), buffered * 3 * 64);
        let RequestBody::Streamed { length, stream } = large.body else { panic!("the body is buffered") };
        assert_eq!(length, declared);
        let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
        assert_eq!(chunks.concat().len(), 40 * 64 * 1024);
    }
    let large = bodies.buffer_or_stream("a", body(600), &HeaderMap::new()).await.unwrap();
    let RequestBody::Streamed { stream, .. } = large.body else { panic!("the body is buffered") };
    let broken: Result<Vec<Bytes>, BodyError> = stream.try_collect().await;
    assert_eq!(broken, Err(BodyError::TooLarge { limit: MAX_CHUNKS * 64 * 1024 }));
}

#[tokio::test]
async fn a_silent_event_stream_gets_comments_between_events_only() {
    const SILENCE: Duration = Duration::from_millis(50);
    let parts = ["", "data: 1\n\n", "data: ", "2\n", "\n", "data: 3\r\n\r\n"];
    let body = stream::iter(parts).then(|part| async move {
        // Long enough for a comment on a busy machine.
        pause(8 * SILENCE).await;
        Ok(Bytes::from_static(part.as_bytes()))
    });
    let mut kept = Box::pin(kept_alive(Box::pin(body), SILENCE));
    let sent: Vec<Bytes> = kept.as_mut().try_collect().await.expect("no error");
    assert!(kept.next().await.is_none(), "the stream is fused");
    let sent: String = sent.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    let events: Vec<&str> = sent.split("\n\n").filter(|event| *event != ":").collect();
    assert_eq!(events, ["data: 1", "data: 2", "data: 3\r\n\r\n"], "{sent:?}");
    assert!(sent.starts_with(":\n\n") && sent.contains("data: 1\n\n:\n\n"), "{sent:?}");
    assert!(sent.contains("data: 2\n\n:\n\n"), "{sent:?}");
}
