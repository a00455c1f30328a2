//! Tests of CORS: requests that browsers send for web applications on other origins.

use reqwest::{Method, header::HeaderMap};
use serde_json::json;

use crate::support::{
    gateway::{Gateway, Home, HttpResponse, http},
    provider::Provider,
};

const ORIGIN: &str = "http://localhost:8080";
const CHAT: &str = "/v1/chat/completions";

/// Sends a preflight request, which has no token.
async fn preflight(gateway: &Gateway, path: &str, origin: &str) -> HttpResponse {
    let request = http().request(Method::OPTIONS, format!("{}{path}", gateway.base)).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    let request = request.header("access-control-request-headers", "authorization,content-type,x-stainless-lang");
    HttpResponse::of(request.send().await.expect("a response")).await
}

fn cors(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn a_listed_origin_may_call_the_model_routes_and_nothing_else() {
    let provider = Provider::approving();
    let origins = "HTTPS://App.example:443/, http://localhost:8080, app://obsidian.md/, vscode-webview://1a2b-3c";
    let home = Home::new(&provider).with("GOCLAW_SERVER__ALLOWED_ORIGINS", origins);
    let gateway = home.start().await;
    gateway.sign_in().await;
    for (path, methods) in [(CHAT, "POST"), ("/v1/responses", "POST"), ("/v1/models/openai-codex/gpt-5.5", "GET, HEAD")]
    {
        let allowed = preflight(&gateway, path, ORIGIN).await;
        assert_eq!((allowed.status, allowed.text.as_str()), (204, ""), "{path}");
        for (name, value) in [
            ("access-control-allow-origin", ORIGIN),
            ("access-control-allow-methods", methods),
            ("access-control-allow-headers", "authorization,content-type,x-stainless-lang"),
            ("vary", "Origin"),
            ("access-control-allow-credentials", ""),
        ] {
            assert_eq!(allowed.header(name), value, "{path}: {name}");
        }
    }
    for listed in ["https://app.example", "app://obsidian.md", "vscode-webview://1a2b-3c"] {
        let allowed = preflight(&gateway, CHAT, listed).await;
        assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, listed));
    }
    for other in ["http://localhost:8081", "https://localhost:8080", "http://localhost:8080.evil.example", "null", "*"]
    {
        let refused = preflight(&gateway, CHAT, other).await;
        assert_eq!((refused.status, cors(&refused.headers)), (401, Vec::new()), "{other}");
        assert_eq!(refused.header("vary"), "Origin", "a cache must not mix origins up");
    }
    for path in [
        "/v1/auth/openai/start",
        "/v1/%61uth/openai/start",
        "/v1/tokens",
        "/v1/proxy/openai/codex/models",
        "/openapi.json",
        "/",
        "/healthz",
    ] {
        let refused = preflight(&gateway, path, ORIGIN).await;
        assert!(
            cors(&refused.headers).is_empty() && refused.header("vary") != "Origin",
            "{path}: {:?}",
            refused.headers
        );
    }
    let other_host = http().request(Method::OPTIONS, format!("{}{CHAT}", gateway.base)).header("origin", ORIGIN);
    let other_host = other_host.header("access-control-request-method", "POST").header("host", "evil.example");
    assert_eq!(other_host.send().await.expect("a response").status(), 421, "the host is checked first");
}

#[tokio::test]
async fn every_response_to_a_listed_origin_can_be_read() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_SERVER__ALLOWED_ORIGINS", ORIGIN);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let ask = async |token: &str, origin: &str, model: &str| {
        let body =
            json!({"model": model, "messages": [{"role": "user", "content": "Hello"}], "seed": 1, "stream": true});
        let request = http().post(format!("{}{CHAT}", gateway.base)).bearer_auth(token).header("origin", origin);
        HttpResponse::of(request.json(&body).send().await.expect("a response")).await
    };
    for (token, model, status) in
        [(gateway.token.as_str(), "gpt-5.5", 200), (&gateway.token, "no-such", 404), ("wrong", "gpt-5.5", 401)]
    {
        let response = ask(token, ORIGIN, model).await;
        let seen = (response.status, response.header("access-control-allow-origin"), response.header("vary"));
        assert_eq!(seen, (status, ORIGIN, "Origin"), "{}", response.text);
        assert!(response.header("access-control-expose-headers").contains("goclaw-ignored-parameters"));
        let other = ask(token, "http://localhost:8081", model).await;
        assert_eq!((other.status, cors(&other.headers)), (status, Vec::new()));
    }
}

#[tokio::test]
async fn a_listed_origin_can_read_the_error_of_a_path_that_does_not_exist() {
    let home = Home::without_provider().with("GOCLAW_SERVER__ALLOWED_ORIGINS", ORIGIN);
    let gateway = home.start().await;
    for path in ["/v1/moderations", "/v1/audio/speech", "/v1/chat/completions/"] {
        let allowed = preflight(&gateway, path, ORIGIN).await;
        assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, ORIGIN), "{path}");
        let request = http().post(format!("{}{path}", gateway.base)).bearer_auth(&gateway.token);
        let response = request.header("origin", ORIGIN).json(&json!({"input": "Hello"})).send().await;
        let response = HttpResponse::of(response.expect("a response")).await;
        assert_eq!((response.status, response.header("access-control-allow-origin")), (404, ORIGIN), "{path}");
        assert!(response.text.contains("/v1/chat/completions"), "{}", response.text);
    }
}

#[tokio::test]
async fn without_the_setting_no_origin_is_allowed() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let refused = preflight(&gateway, CHAT, ORIGIN).await;
    assert_eq!((refused.status, cors(&refused.headers)), (401, Vec::new()));
    assert_eq!(refused.header("vary"), "");
}
