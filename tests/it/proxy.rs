//! Tests of `/v1/proxy`: a gateway process forwards JSON and streams to a simulated backend that validates requests.

use std::{io::Write, net::SocketAddr};

use flate2::{Compression, write::GzEncoder};
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        gateway::{Gateway, Home, HttpResponse, eventually, http},
        provider::Provider,
        wire::{raw, raw_server},
    },
};

const RESPONSES: &str = "/v1/proxy/openai/codex/responses";
const USAGE: &str = "/v1/proxy/openai-codex/wham/usage";

fn prompt() -> Value {
    json!({"model": "gpt-5.5", "input": [], "store": false, "stream": true})
}

/// Returns the requests that reached the backend.
async fn backend_requests(provider: &Provider) -> Vec<Value> {
    let journal = provider.get_control("/journal").await;
    journal.as_array().expect("a journal").iter().filter(|entry| entry["site"] == "backend").cloned().collect()
}

/// Sends a GET for `path` as it stands, without normalization. Returns the status and the body.
async fn get_raw(gateway: &Gateway, path: &str) -> (u16, Value) {
    let address: SocketAddr = gateway.base.strip_prefix("http://").and_then(|at| at.parse().ok()).expect("an address");
    let token = &gateway.token;
    let lines = [
        &format!("GET {path} HTTP/1.1"),
        "host: localhost",
        &format!("authorization: Bearer {token}"),
        "connection: close",
    ];
    let (status, text) = raw(address, &format!("{}\r\n\r\n", lines.join("\r\n"))).await;
    let body = text.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn json_and_streams_are_forwarded_without_the_caller_s_own_headers() {
    let (provider, _home, gateway) = signed_in().await;
    let usage = gateway.get(&format!("{USAGE}?window=5h")).await;
    assert_eq!((usage.status, &usage.json()["plan_type"]), (200, &json!("plus")), "{}", usage.text);

    let request = http().post(format!("{}{RESPONSES}", gateway.base)).bearer_auth(&gateway.token);
    let request = request
        .header("cookie", "caller=1")
        .header("x-forwarded-for", "10.0.0.1")
        .header("user-agent", "somebody")
        .header("x-codex-turn-state", "turn-7")
        .json(&prompt());
    let response = HttpResponse::of(request.send().await.expect("a response")).await;
    assert_eq!((response.status, response.header("content-type")), (200, "text/event-stream"));
    assert!(response.text.contains("word1 ") && response.text.contains("response.completed"), "{}", response.text);
    assert!(
        response.headers.contains_key("x-codex-primary-used-percent") && response.headers.contains_key("openai-model")
    );

    let entries = backend_requests(&provider).await;
    assert_eq!(entries[0]["query"], "window=5h");
    let headers = &entries[1]["headers"];
    assert_eq!((&headers["originator"], &headers["x-codex-turn-state"]), (&json!("goclaw"), &json!("turn-7")));
    assert!(headers["user-agent"].as_str().expect("an agent").starts_with("goclaw/"));
    for name in ["cookie", "x-forwarded-for"] {
        assert!(headers.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_401_from_the_backend_refreshes_the_token_and_repeats_the_request() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
    let gateway = home.start().await;
    gateway.sign_in().await;
    let fault = json!({"kind": "answer", "status": 401, "headers": [["content-type", "application/json"]],
        "body": r#"{"error":{"code":"token_expired"},"status":401}"#});
    provider.post_control("/faults", json!({"endpoint": "backend", "fault": fault})).await;
    assert_eq!(gateway.get(USAGE).await.status, 200);
    assert_eq!(gateway.status().await["generation"], 1);
    let totals = provider.get_control("/presentations/totals").await;
    assert_eq!((&totals["presentations"], &totals["rotated"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_large_body_is_not_replayed_after_a_refresh() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
    let gateway = home.start().await;
    gateway.sign_in().await;
    // Longer than the 1 MiB that the gateway buffers for a second attempt.
    let large =
        json!({"model": "gpt-5.5", "input": [], "store": false, "stream": true, "instructions": "x".repeat(2 << 20)});
    let refused = json!({"kind": "answer", "status": 401, "headers": [["content-type", "application/json"]],
        "body": r#"{"error":{"code":"token_expired"},"status":401}"#});
    provider.post_control("/faults", json!({"endpoint": "backend", "fault": refused})).await;
    let response = gateway.call(Method::POST, RESPONSES, Some(large.clone())).await;
    assert_eq!(
        (response.status, &response.json()["error"]["code"]),
        (503, &json!("retry_request")),
        "{}",
        response.text
    );
    assert!(response.headers.contains_key("retry-after"));
    assert_eq!(gateway.status().await["generation"], 1);
    let response = gateway.call(Method::POST, RESPONSES, Some(large)).await;
    assert_eq!(response.status, 200, "{}", response.text);
}

#[tokio::test]
async fn an_oversized_body_is_rejected_before_it_is_read_completely() {
    let (provider, _home, gateway) = signed_in().await;
    let address: SocketAddr = gateway.base.strip_prefix("http://").and_then(|at| at.parse().ok()).expect("an address");
    for path in [RESPONSES, "/v1/responses"] {
        // Only the head is sent. Its length is above the maximum of 32 MiB.
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: 40000000\r\n\r\n",
            gateway.token
        );
        let (status, text) = raw(address, &head).await;
        assert_eq!((status, text.contains("body_too_large")), (413, true), "{path}: {text}");
        // 64 MiB without a content length.
        let oversized = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1 << 20])).take(64);
        let request = http().post(format!("{}{path}", gateway.base)).bearer_auth(&gateway.token);
        // The server may close before the whole body is sent, and the client then loses the response.
        if let Ok(response) = request.body(reqwest::Body::wrap_stream(oversized)).send().await {
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        }
    }
    let has_four_refusals = || async {
        let page = gateway.get("/v1/requests").await.json();
        let records = page["requests"].as_array().expect("records").iter();
        (records.filter(|record| record["status"] == 413).count() == 4).then_some(())
    };
    eventually("the records of the four refusals", has_four_refusals).await;
    assert_eq!(gateway.get(USAGE).await.status, 200);
    assert!(backend_requests(&provider).await.len() <= 2);
}

#[tokio::test]
async fn the_proxy_forwards_compressed_bodies_and_the_model_apis_decompress_them() {
    let (provider, _home, gateway) = signed_in().await;
    let zstd = |body: &Value| compress_to_vec(body.to_string().as_bytes(), CompressionLevel::Fastest);
    let empty_zstd = b"\x28\xb5\x2f\xfd\0\0\x01\0\0";
    let empty_gzip = GzEncoder::new(Vec::new(), Compression::fast()).finish().expect("a member");
    let chat = json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "Hi"}]});
    let large = json!({"model": "gpt-5.5", "input": "x".repeat(33 << 20)});
    for (path, coding, body, status) in [
        (RESPONSES, "zstd", zstd(&prompt()), 200),
        ("/v1/responses", "zstd", zstd(&prompt()), 200),
        ("/v1/responses", "gzip", gzip(&prompt()), 200),
        ("/v1/responses", "identity", prompt().to_string().into(), 200),
        ("/v1/chat/completions", "gzip", gzip(&chat), 200),
        ("/v1/responses", "zstd", zstd(&large), 413),
        ("/v1/responses", "gzip", gzip(&large), 413),
        ("/v1/responses", "zstd", zstd_frames(&prompt()), 200),
        ("/v1/responses", "zstd", [zstd(&prompt()), vec![0; 5]].concat(), 400),
        ("/v1/responses", "gzip", [empty_gzip.repeat(3), gzip(&prompt())].concat(), 200),
        // Too many empty frames or members before the body.
        ("/v1/responses", "zstd", [empty_zstd.repeat(2_000), zstd(&prompt())].concat(), 400),
        ("/v1/responses", "gzip", [empty_gzip.repeat(2_000), gzip(&prompt())].concat(), 400),
        ("/v1/responses", "zstd", gzip(&prompt()), 400),
        ("/v1/responses", "gzip", gzip(&prompt())[..40].to_vec(), 400),
        ("/v1/responses", "br", prompt().to_string().into(), 415),
    ] {
        let request = http().post(format!("{}{path}", gateway.base)).bearer_auth(&gateway.token);
        let request = request.header("content-type", "application/json").header("content-encoding", coding);
        let response = HttpResponse::of(request.body(body).send().await.expect("a response")).await;
        assert_eq!(response.status, status, "{path} {coding}: {}", response.text);
        assert!(status == 200 || response.json()["error"]["message"].is_string(), "{}", response.text);
    }
    let twice = http().post(format!("{}/v1/responses", gateway.base)).bearer_auth(&gateway.token);
    let twice = twice.header("content-encoding", "gzip").header("content-encoding", "gzip").body(gzip(&prompt()));
    let twice = twice.header("content-type", "application/json").send().await.expect("a response");
    assert_eq!(twice.status(), 415, "two content codings");
    let wide = http().post(format!("{}/v1/responses", gateway.base)).bearer_auth(&gateway.token);
    let wide = wide.header("content-encoding", "zstd").header("content-type", "application/json");
    // An empty frame with a window of 128 MiB.
    let wide = wide.body(&b"\x28\xb5\x2f\xfd\0\x88\x01\0\0"[..]).send().await.expect("a response");
    let wide = HttpResponse::of(wide).await;
    assert!(wide.status == 400 && wide.text.contains("the zstd window is larger than 8 MiB"), "{}", wide.text);
    // The first chat also reads the list of models.
    let sent = backend_requests(&provider).await.into_iter().filter(|entry| entry["method"] == "POST");
    assert_eq!(sent.count(), 7);
}

fn gzip(body: &Value) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.to_string().as_bytes()).expect("a body");
    encoder.finish().expect("a body")
}

/// Compresses a body as two frames, with a skippable frame of four bytes between them.
fn zstd_frames(body: &Value) -> Vec<u8> {
    let text = body.to_string();
    let (first, second) = text.split_at(text.len() / 2);
    let [first, second] = [first, second].map(|half| compress_to_vec(half.as_bytes(), CompressionLevel::Fastest));
    [&first[..], b"\x50\x2a\x4d\x18\x04\0\0\0skip", &second].concat()
}

#[tokio::test]
async fn a_forbidden_path_is_rejected_in_openai_s_format_and_not_forwarded() {
    let (provider, _home, gateway) = signed_in().await;
    for (path, status, code) in [
        ("/v1/proxy/openai/wham/tasks", 403, "path_not_allowed"),
        ("/v1/proxy/openai/codex", 403, "path_not_allowed"),
        ("/v1/proxy/openai/codex/%2e%2e/wham/tasks", 400, "invalid_path"),
        ("/v1/proxy/openai/codex%2fresponses", 400, "invalid_path"),
        ("/v1/proxy/openai/codex//responses", 400, "invalid_path"),
        ("/v1/proxy/openai/https://elsewhere.example/", 400, "invalid_path"),
        ("/v1/proxy/openai/", 400, "invalid_path"),
        ("/v1/proxy/xyz/codex/responses", 404, "unknown_provider"),
        ("/v1/proxy/suno/feed/v2", 400, "not_connected"),
    ] {
        let (actual, body) = get_raw(&gateway, path).await;
        let error = &body["error"];
        assert_eq!((actual, &error["code"]), (status, &json!(code)), "{path}: {body}");
        assert!(error["message"].is_string() && error["type"].is_string() && error.get("param").is_some(), "{path}");
    }
    let upgrade = http().get(format!("{}{RESPONSES}", gateway.base)).bearer_auth(&gateway.token);
    let upgrade =
        upgrade.header("connection", "upgrade").header("upgrade", "websocket").send().await.expect("a response");
    assert_eq!(upgrade.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(gateway.call(Method::TRACE, USAGE, None).await.status, 405);
    let without_token = http().get(format!("{}{USAGE}", gateway.base)).send().await.expect("a response");
    let without_token = HttpResponse::of(without_token).await;
    assert_eq!((without_token.status, without_token.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(without_token.json()["error"]["type"], "authentication_error");
    assert_eq!(backend_requests(&provider).await.len(), 0);
}

#[tokio::test]
async fn a_used_up_plan_s_429_is_forwarded_with_retry_headers() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"used_percent": 100})).await;
    let response = gateway.call(Method::POST, RESPONSES, Some(prompt())).await;
    let error = &response.json()["error"];
    assert_eq!((response.status, &error["type"]), (429, &json!("usage_limit_reached")), "{}", response.text);
    let (reset, wait) = (error["resets_in_seconds"].as_u64(), response.header("retry-after").parse::<u64>().ok());
    assert!(wait.zip(reset).is_some_and(|(wait, reset)| reset.abs_diff(wait) <= 2), "{wait:?} {reset:?}");
    assert_eq!(response.header("x-should-retry"), "false");

    provider.post_control("/settings", json!({"used_percent": 1})).await;
    provider.post_control("/faults", json!({"endpoint": "backend", "fault": "too_many_requests"})).await;
    let response = gateway.get(USAGE).await;
    assert_eq!((response.status, response.headers.get("x-should-retry")), (429, None), "{}", response.text);
}

#[tokio::test]
async fn unsafe_response_headers_are_removed_and_redirects_are_not_followed() {
    let (provider, _home, gateway) = signed_in().await;
    let hostile = [
        ["set-cookie", "a=b"],
        ["www-authenticate", "Bearer"],
        ["location", "https://elsewhere.example/"],
        ["expires", "Thu, 01 Jan 2099 00:00:00 GMT"],
        ["cache-control", "public, max-age=604800"],
    ];
    provider
        .post_control("/faults", json!({"endpoint": "backend", "fault": {"kind": "headers", "headers": hostile}}))
        .await;
    let response = gateway.get(USAGE).await;
    assert_eq!(response.status, 200);
    for [name, value] in hostile {
        assert!(response.headers.get_all(name).iter().all(|header| header != value), "{name}");
        assert_eq!(response.headers.contains_key(name), name == "cache-control", "{name}");
    }
    assert_eq!(response.header("cache-control"), "no-store");
    let redirect = json!({"kind": "redirect", "status": 307, "location": "https://elsewhere.example/"});
    provider.post_control("/faults", json!({"endpoint": "backend", "fault": redirect})).await;
    let response = gateway.get(USAGE).await;
    assert_eq!((response.status, &response.json()["error"]["code"]), (502, &json!("upstream_redirect")));
}

/// Signs in to a simulated provider. Its API is a server that gives every request this response.
async fn signed_in_with_api(response: impl Into<Vec<u8>>) -> (impl Sized, Gateway) {
    let (api, server) = raw_server(response).await;
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE", &api);
    let gateway = home.start().await;
    gateway.sign_in().await;
    ((home, provider, server), gateway)
}

#[tokio::test]
async fn a_compressed_429_has_retry_headers_and_its_own_body() {
    let body = gzip(&json!({"error": {"type": "usage_limit_reached", "message": "no", "resets_in_seconds": 600}}));
    let head = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n";
    let head = format!("{head}content-length: {}\r\n\r\n", body.len());
    let (_running, gateway) = signed_in_with_api([head.into_bytes(), body.clone()].concat()).await;
    let request = http().get(format!("{}{USAGE}", gateway.base)).bearer_auth(&gateway.token);
    let response = request.header("accept-encoding", "gzip").send().await.expect("a response");
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!((response.status().as_u16(), header("content-encoding")), (429, "gzip"));
    assert_eq!((header("retry-after"), header("x-should-retry")), ("600", "false"));
    assert_eq!(response.bytes().await.expect("a body"), body);
}

#[tokio::test]
async fn the_last_event_before_a_break_is_forwarded() {
    // The broken chunk arrives together with the event.
    let (_running, gateway) = signed_in_with_api(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
         9\r\ndata: 1\n\n\r\nxyz\r\n",
    )
    .await;
    let response = gateway.get(USAGE).await;
    assert_eq!((response.text.as_str(), response.is_broken), ("data: 1\n\n", true));
}

#[tokio::test]
async fn an_event_stream_that_may_get_comments_has_no_content_length() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n";
    for (coding, keeps_length) in [("", false), ("content-encoding: br\r\n", true)] {
        let (_running, gateway) = signed_in_with_api(format!("{head}{coding}\r\ndata: 1\n\n")).await;
        let response = gateway.get(USAGE).await;
        assert_eq!((response.text.as_str(), response.is_broken), ("data: 1\n\n", false));
        assert_eq!(response.headers.contains_key("content-length"), keeps_length, "{:?}", response.headers);
    }
}

#[tokio::test]
async fn a_disconnected_caller_ends_the_upstream_stream() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"stream_deltas": 10_000, "stream_pause": "20ms"})).await;
    let request = http().post(format!("{}{RESPONSES}", gateway.base)).bearer_auth(&gateway.token).json(&prompt());
    let mut response = request.send().await.expect("a response");
    response.chunk().await.expect("a piece").expect("more to come");
    assert_eq!(provider.get_control("/streams").await["open"], 1);
    drop(response);
    let is_abandoned = || async { (provider.get_control("/streams").await["abandoned"] == 1).then_some(()) };
    eventually("the stream to end at the provider", is_abandoned).await;
}

#[tokio::test]
async fn an_unreachable_provider_is_a_502() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/outages", json!({"site": "backend", "down": true})).await;
    let response = gateway.get(USAGE).await;
    assert_eq!((response.status, &response.json()["error"]["code"]), (502, &json!("upstream_unavailable")));
    provider.post_control("/outages", json!({"site": "backend", "down": false})).await;
    assert_eq!(gateway.get(USAGE).await.status, 200);
}

#[tokio::test]
async fn a_session_token_is_refreshed_with_its_cookie_through_the_proxy() {
    let provider = Provider::start(&["--approval", "auto"]);
    provider.post_control("/settings", json!({"session_lifetime": "4s"})).await;
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = provider.sign_in_browser().await;
    let body = json!({"session_token": browser["session_token"], "client_cookie": browser["client_cookie"]});
    let connected = gateway.call(Method::PUT, "/v1/auth/suno/secret", Some(body)).await;
    assert_eq!(connected.status, 200, "{}", connected.text);
    let has_refreshed_twice = || async {
        let status = gateway.get("/v1/auth/suno/status").await.json();
        (status["generation"].as_u64() >= Some(2)).then_some(())
    };
    eventually("two refreshes", has_refreshed_twice).await;
    let credits = gateway.get("/v1/proxy/suno/billing/info/").await;
    assert_eq!((credits.status, &credits.json()["is_active"]), (200, &json!(true)), "{}", credits.text);

    provider.post_control("/browsers/revoke", json!({"session_id": browser["session_id"]})).await;
    let needs_login = || async {
        let status = gateway.get("/v1/auth/suno/status").await.json();
        (status["state"] == "needs_reauth").then_some(())
    };
    eventually("the account to need a new login", needs_login).await;
}
