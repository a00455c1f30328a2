//! Tests of API tokens' scopes. A matrix calls every operation of the contract with every kind of scope.

use std::net::SocketAddr;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    models::signed_in,
    replicas,
    support::{
        gateway::{Gateway, Home, HttpResponse, eventually, http, redirecting_http},
        postgres::Database,
        provider::Provider,
        wire::raw,
    },
};

const DOCUMENT: &str = include_str!("../../openapi/v1.json");
const MODEL: &str = "openai-codex/gpt-5.5";
/// Scopes of all kinds, for all accounts or for one.
const SCOPES: [&str; 10] = [
    "models",
    "models:suno",
    "proxy:suno",
    "proxy:openai-codex",
    "status:read",
    "status:read:suno",
    "auth:write",
    "auth:write:suno",
    "metrics:read",
    "admin",
];
/// All permissions. The last one includes the others.
const PERMISSIONS: [&str; 6] = ["models", "proxy", "status:read", "auth:write", "metrics:read", "admin"];
/// Operations on all accounts at once. A scope for one account does not permit them.
const FOR_ALL_ACCOUNTS: [&str; 1] = ["listActivity"];

async fn create_token(gateway: &Gateway, name: &str, scope: &str) -> String {
    let made = gateway.post("/v1/tokens", json!({"name": name, "scope": scope})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    made.json()["token"].as_str().expect("a token").to_owned()
}

/// Returns the status and the error code, in either error format.
fn status_and_code(response: &HttpResponse) -> (u16, String) {
    let body = response.json();
    let code = body["code"].as_str().or(body["error"]["code"].as_str()).unwrap_or_default();
    (response.status, code.to_owned())
}

fn forbidden(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

/// An operation of the contract, for an account.
struct Operation {
    id: String,
    method: Method,
    path: String,
    /// The scope that the operation requires for this account.
    needs: String,
    account: &'static str,
}

fn operations(account: &'static str) -> Vec<Operation> {
    let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            let needs = operation["x-required-scope"].as_str();
            let needs =
                needs.unwrap_or_else(|| panic!("{id} has no scope: add it to REQUIRED_PERMISSIONS in operations.rs"));
            let fill = |text: &str| text.replace("{provider}", account).replace("{path}", "x/y");
            let path = fill(path).replace("{id}", "0123456789abcdef").replace("{model}", "gpt-5.5");
            let method = method.to_uppercase().parse().expect("a method");
            operations.push(Operation { id, method, path, needs: fill(needs), account });
        }
    }
    operations
}

/// Returns whether a scope permits an operation according to docs/security.md.
fn permits(scope: &str, operation: &Operation) -> bool {
    let permission = PERMISSIONS.into_iter().find(|permission| scope.starts_with(permission));
    let permission = permission.expect("a known scope");
    let account = scope.strip_prefix(permission).expect("a prefix").strip_prefix(':');
    let included: &[&str] = match permission {
        "admin" => &PERMISSIONS,
        "auth:write" => &["auth:write", "status:read"],
        other => &[other],
    };
    let fits =
        account.is_none_or(|account| account == operation.account) || !operation.needs.ends_with(operation.account);
    let is_enough = fits && !(account.is_some() && FOR_ALL_ACCOUNTS.contains(&operation.id.as_str()));
    operation.needs == "none"
        || (is_enough && included.iter().any(|permission| operation.needs.starts_with(permission)))
}

#[tokio::test]
async fn every_operation_requires_its_scope() {
    let (_provider, _home, gateway) = signed_in().await;
    let mut tried = 0;
    for scope in SCOPES {
        let token = create_token(&gateway, scope, scope).await;
        for operation in operations("suno").iter().chain(&operations("openai-codex")) {
            let Operation { id, method, path, needs, .. } = operation;
            let request = http().request(method.clone(), format!("{}{path}", gateway.base)).bearer_auth(&token);
            let response = request.send().await.expect("a response");
            let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().expect("text"));
            let expected = format!("Bearer error=\"insufficient_scope\", scope=\"{needs}\"");
            let is_refused = response.status() == StatusCode::FORBIDDEN && challenge == Some(&*expected);
            assert_eq!(!is_refused, permits(scope, operation), "{id} with {scope}: {response:?}");
            tried += 1;
        }
    }
    assert!(tried > 2 * 30 * SCOPES.len(), "more than 30 operations for two accounts: {tried}");
}

#[tokio::test]
async fn programs_cannot_call_paths_that_manage_the_account() {
    let (provider, _home, gateway) = signed_in().await;
    let (editor, composer) =
        (create_token(&gateway, "editor", "models").await, create_token(&gateway, "composer", "proxy:suno").await);
    for (method, path) in [
        (Method::DELETE, "suno/user/me"),
        (Method::POST, "suno/billing/cancel"),
        (Method::DELETE, "dashscope/compatible-mode/v1/files/file-1"),
        (Method::DELETE, "openai/codex/tasks/1"),
        (Method::GET, "openai/wham/usage"),
    ] {
        let path = format!("/v1/proxy/{path}");
        let response = gateway.call_as(&editor, method.clone(), &path, None).await;
        assert_eq!(status_and_code(&response), forbidden("insufficient_scope"), "{path}");
        let response = gateway.call_as(&composer, method, &path, None).await;
        let expected = if path.contains("/suno/") { "path_not_allowed" } else { "insufficient_scope" };
        assert_eq!(status_and_code(&response), forbidden(expected), "{path}");
    }
    let prompt = json!({"model": MODEL, "input": "Hello"});
    assert_eq!(gateway.call_as(&editor, Method::POST, "/v1/responses", Some(prompt)).await.status, 200);
    let secret = json!({"session_token": "a-session-token", "unchecked": true});
    assert_eq!(gateway.call(Method::PUT, "/v1/auth/suno/secret", Some(secret)).await.status, 200);
    gateway.call_as(&composer, Method::POST, "/v1/proxy/suno/generate/v2/", Some(json!({}))).await;
    let journal = provider.get_control("/journal").await;
    let paths: Vec<&str> =
        journal.as_array().expect("entries").iter().filter_map(|entry| entry["path"].as_str()).collect();
    assert!(paths.contains(&"/api/generate/v2/"), "{paths:?}");
    for closed in ["user", "billing", "files", "tasks", "wham"] {
        assert!(!paths.iter().any(|path| path.contains(closed)), "{paths:?}");
    }
    // The gateway token and `admin` permit every path.
    assert_eq!(gateway.get("/v1/proxy/openai/wham/usage").await.status, 200);
    let admin = create_token(&gateway, "admin", "admin").await;
    assert_eq!(gateway.call_as(&admin, Method::GET, "/v1/proxy/openai/wham/usage", None).await.status, 200);
}

#[tokio::test]
async fn a_token_for_one_model_uses_and_lists_only_that_model() {
    let (_provider, _home, gateway) = signed_in().await;
    let bound = create_token(&gateway, "bound", &format!("models:{MODEL} status:read:suno")).await;
    let listed = gateway.call_as(&bound, Method::GET, "/v1/models", None).await.json();
    let ids: Vec<&str> =
        listed["data"].as_array().expect("models").iter().filter_map(|model| model["id"].as_str()).collect();
    assert_eq!(ids, ["gpt-5.5", MODEL]);
    for (name, status) in
        [("openai-codex%2Fgpt-5.5", 200), ("gpt-5.5-high", 200), ("gpt-5.4", 404), ("gpt-5.4-high", 404)]
    {
        let found = gateway.call_as(&bound, Method::GET, &format!("/v1/models/{name}"), None).await;
        assert_eq!(found.status, status, "{name}");
    }
    let ask = async |path: &str, model: &str| {
        let body = json!({"model": model, "input": "Hello", "messages": [{"role": "user", "content": "Hello"}]});
        gateway.call_as(&bound, Method::POST, path, Some(body)).await
    };
    for path in ["/v1/responses", "/v1/chat/completions"] {
        assert_eq!(ask(path, MODEL).await.status, 200);
        assert_eq!(ask(path, "gpt-5.5").await.status, 200, "the same model by its short name");
        assert_eq!(ask(path, "gpt-5.5-high").await.status, 200, "the same model with a suffix");
        for other in ["gpt-5.4", "gpt-5.4-high", "openai-codex/gpt-5.4", "dashscope/qwen-max"] {
            assert_eq!(status_and_code(&ask(path, other).await), forbidden("insufficient_scope"), "{path} {other}");
        }
    }
    let providers = gateway.call_as(&bound, Method::GET, "/v1/providers", None).await.json();
    let names: Vec<&str> =
        providers["providers"].as_array().expect("accounts").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["suno"]);
}

#[tokio::test]
async fn another_spelling_of_a_path_does_not_bypass_its_scope() {
    let (_provider, _home, gateway) = signed_in().await;
    let bound = create_token(&gateway, "bound", "status:read:suno models").await;
    for path in [
        "/v1/auth/openai-codex/status",
        "/v1/auth/openai%2Dcodex/status",
        "/v1/auth/open%61i-codex/status",
        "/v1/auth/suno/../openai-codex/status",
        "/v1/auth/suno%2F..%2Fopenai-codex/status",
        "/v1/%61uth/openai-codex/status",
        "/v1//auth/openai-codex/status",
        "/v1/tokens/",
        "/v1/toke%6Es",
    ] {
        let response = raw_get(&gateway, path, &bound).await;
        assert!(response.starts_with("HTTP/1.1 40") && !response.contains("authenticated"), "{path}: {response}");
    }
    for (path, status) in [
        ("/v1/auth/openai-codex/status", 403),
        ("/v1/auth/suno/status", 200),
        ("/v1/models", 200),
        ("/v1/chat/completions", 405),
    ] {
        let head = gateway.call_as(&bound, Method::HEAD, path, None).await;
        assert_eq!((head.status, head.text.as_str()), (status, ""), "HEAD needs the scope of GET: {path}");
    }
}

/// Sends a GET for `path` as it stands, because an HTTP client would normalize some of the paths.
async fn raw_get(gateway: &Gateway, path: &str, token: &str) -> String {
    let host: SocketAddr = gateway.base.trim_start_matches("http://").parse().expect("an address");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    raw(host, &request).await.1
}

#[tokio::test]
async fn a_program_cannot_complete_or_cancel_another_program_s_login() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let (one, other) =
        (create_token(&gateway, "one", "auth:write").await, create_token(&gateway, "other", "auth:write").await);
    let post = async |token: &str, path: &str, body: Value| {
        gateway.call_as(token, Method::POST, &format!("/v1/auth/openai/{path}"), Some(body)).await
    };
    let started = post(&one, "start", json!({})).await.json();
    let other_started = post(&other, "start", json!({})).await.json();
    assert_ne!(other_started["login_id"], started["login_id"], "each program has its own login");
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().expect("an address")).await;
    let stolen = post(&other, "callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!(status_and_code(&stolen), forbidden("not_your_login"), "{}", stolen.text);
    assert_eq!(post(&other, "cancel", json!({})).await.json()["status"], "cancelled");
    let pasted = post(&one, "callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((pasted.status, &pasted.json()["authenticated"]), (200, &json!(true)), "{}", pasted.text);
}

#[tokio::test]
async fn a_token_for_one_account_sees_no_name_of_another() {
    let (_provider, _home, gateway) = signed_in().await;
    let started = gateway.post("/v1/auth/work/start", json!({"provider_type": "openai-codex"})).await.json();
    let page = redirecting_http().get(started["auth_url"].as_str().expect("an address")).send().await;
    assert_eq!(page.expect("the outcome page").status(), StatusCode::OK);
    for (scope, others) in [("status:read:work", Value::Null), ("status:read", json!(["openai-codex"]))] {
        let token = create_token(&gateway, scope, scope).await;
        let status = gateway.call_as(&token, Method::GET, "/v1/auth/work/status", None).await.json();
        assert_eq!((&status["authenticated"], &status["same_account_as"]), (&json!(true), &others), "{scope}");
        let list = gateway.call_as(&token, Method::GET, "/v1/providers", None).await.json();
        let listed = list["providers"].as_array().expect("a list").iter().find(|account| account["name"] == "work");
        assert_eq!(listed.expect("the account")["same_account_as"], others, "{scope}");
    }
}

#[tokio::test]
async fn a_revoked_program_s_login_is_not_completed() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let token = create_token(&gateway, "editor", "auth:write").await;
    let started = gateway.call_as(&token, Method::POST, "/v1/auth/openai/start", Some(json!({"replace": true}))).await;
    let redirect_url = provider.redirect_for(started.json()["auth_url"].as_str().expect("an address")).await;
    let revoked = gateway.call_as(&gateway.token, Method::DELETE, "/v1/tokens/editor", None).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    // The callback may be closed already.
    let _ = http().get(redirect_url).send().await;
    assert!(provider.outcomes("/oauth/token").await.is_empty(), "the code was redeemed");
    assert_eq!(gateway.status().await["authenticated"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_a_token_ends_its_running_streams_on_all_replicas() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [replicas::home(&provider, &database), replicas::home(&provider, &database)];
    let (one, other) = tokio::join!(homes[0].start(), homes[1].start());
    one.sign_in().await;
    provider.post_control("/settings", json!({"stream_deltas": 100_000, "stream_pause": "20ms"})).await;
    let token = create_token(&one, "editor", "models status:read").await;
    let (mut streams, mut event_streams) = (Vec::new(), Vec::new());
    for gateway in [&one, &other] {
        eventually("the gateway to accept the token", || async {
            (gateway.call_as(&token, Method::GET, "/v1/models", None).await.status == 200).then_some(())
        })
        .await;
        let request = http().post(format!("{}/v1/responses", gateway.base)).bearer_auth(&token);
        let request = request.json(&json!({"model": MODEL, "input": "Hello", "stream": true}));
        let mut stream = request.send().await.expect("a response");
        stream.chunk().await.expect("a piece").expect("more to come");
        streams.push(stream);
        let events = http().get(format!("{}/v1/events", gateway.base)).bearer_auth(&token);
        event_streams.push(events.send().await.expect("a response"));
    }
    assert_eq!(provider.get_control("/streams").await["open"], 2);
    assert_eq!(one.call(Method::DELETE, "/v1/tokens/editor", None).await.status, 200);
    for mut stream in streams {
        let ending = async {
            loop {
                match stream.chunk().await {
                    Ok(Some(_)) => {}
                    ended => break ended,
                }
            }
        };
        assert!(ending.await.is_err(), "a cut-off response must not look complete");
    }
    for stream in event_streams {
        stream.bytes().await.expect("it ends");
    }
    let ended = || async { (provider.get_control("/streams").await["abandoned"] == 2).then_some(()) };
    eventually("both streams to end at the provider", ended).await;
}
