//! Tests that error responses reveal no table, statement, path or secret, even if the database is broken.

use reqwest::Method;
use serde_json::{Value, json};

use super::{fetch_contract, start_and_approve_login};
use crate::support::{
    gateway::{Gateway, Home, HttpResponse, http},
    leaks::MARKERS,
    provider::Provider,
};

/// Returns every operation under `/v1` except the proxy, with a valid body if it needs one.
async fn operations(gateway: &Gateway, redirect_url: &str) -> Vec<(Method, String, Option<Value>)> {
    let contract = fetch_contract(gateway).await;
    let mut operations = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        let is_included = path.starts_with("/v1/") && !path.starts_with("/v1/proxy/");
        for method in item.as_object().unwrap().keys().filter(|_| is_included) {
            let body = match path.rsplit('/').next().unwrap() {
                "start" => Some(json!({"force": true})),
                "callback" => Some(json!({"redirect_url": redirect_url})),
                "confirm" => Some(json!({"login_id": "0".repeat(32), "replace": true})),
                "secret" => Some(json!({"session_token": "canary-session-token", "unchecked": true})),
                "{provider}" => Some(json!({"display_name": "Name"})),
                "rotate" => Some(json!({"overlap": 60})),
                "tokens" => Some(json!({"name": "Name"})),
                "responses" => Some(json!({"model": "gpt-5.5", "input": "Hello"})),
                "completions" => Some(json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "Hello"}]})),
                _ => None,
            };
            let name = if path.ends_with("/secret") { "suno" } else { "openai" };
            let path = path.replace("{provider}", name);
            let path = path.replace("{id}", &"0".repeat(32)).replace("{model}", "gpt-5.5");
            operations.push((method.to_uppercase().parse().unwrap(), path, body));
        }
    }
    assert!(operations.len() >= 8, "the contract lists only {operations:?}");
    operations
}

/// Asserts that a response contains no internals and no secret.
fn assert_reveals_nothing(home: &Home, secrets: &[String], response: &HttpResponse, context: &str) {
    let text = format!("{:?}{}", response.headers, response.text);
    let folder = home.path().display().to_string();
    let inner =
        ["llm_providers", "config_secrets", "login_sessions", "SELECT", "sqlite", "no such", "src/", "panicked"];
    for never in inner.into_iter().chain([folder.as_str()]).chain(secrets.iter().map(String::as_str)) {
        assert!(!text.contains(never), "{context} reveals {never}: {text}");
    }
}

#[tokio::test]
async fn with_a_broken_database_every_operation_returns_an_opaque_problem() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.post("/v1/auth/openai/start", json!({"force": true})).await;
    let started = gateway.post("/v1/auth/openai/start", json!({"force": true})).await.json();
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
    let mut secrets = provider.issued().await;
    secrets.extend(MARKERS.map(str::to_owned));
    secrets.extend([gateway.token.clone(), "canary-session-token".to_owned()]);
    let operations = operations(&gateway, &redirect_url).await;
    for table in ["llm_providers", "config_secrets", "login_sessions", "credential_events", "api_tokens", "audit_log"] {
        home.change_database(&format!("ALTER TABLE {table} RENAME TO gone_{table}"));
    }
    // Model requests, usage, records of requests, metrics, the status and the change stream work without the database.
    let unaffected = [
        "/v1/auth/openai/status",
        "/v1/responses",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/images/generations",
        "/v1/models",
        "/v1/models/gpt-5.5",
        "/v1/auth/openai/usage",
        "/v1/events",
        "/v1/requests",
        "/v1/usage",
        "/metrics",
    ];
    // The gateway token is not a session, so it cannot be ended.
    let ends_nothing = |method: &Method, path: &str| (method, path) == (&Method::DELETE, "/v1/session");
    for (method, path, body) in operations {
        // Stored responses are in another file, which is not broken.
        if unaffected.contains(&path.as_str()) || ends_nothing(&method, &path) || path.starts_with("/v1/responses/") {
            continue;
        }
        let context = format!("{method} {path}");
        let response = gateway.call(method, &path, body).await;
        let problem = response.json();
        assert_eq!(
            (response.status, &problem["code"]),
            (503, &json!("store_unavailable")),
            "{context}: {}",
            response.text
        );
        assert_eq!(response.header("content-type"), "application/problem+json", "{context}");
        for member in ["type", "title", "status", "detail", "instance"] {
            assert!(!problem[member].is_null(), "{context}: RFC 9457 section 3.1 has {member}");
        }
        let instance = problem["instance"].as_str().unwrap().rsplit(':').next().unwrap();
        assert_eq!(response.header("x-request-id"), instance, "{context}");
        assert_reveals_nothing(&home, &secrets, &response, &context);
    }
    // The callback page reveals nothing either.
    let page = HttpResponse::of(http().get(&redirect_url).send().await.unwrap()).await;
    assert_eq!(page.status, 503, "{}", page.text);
    assert_reveals_nothing(&home, &secrets, &page, "the page");

    for table in ["llm_providers", "config_secrets", "login_sessions", "credential_events", "api_tokens", "audit_log"] {
        home.change_database(&format!("ALTER TABLE gone_{table} RENAME TO {table}"));
    }
    let pasted = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!(pasted.status, 200, "the code was not spent meanwhile: {}", pasted.text);
}

#[tokio::test]
async fn with_a_broken_responses_file_model_requests_still_work() {
    let (_provider, home, gateway) = crate::models::signed_in().await;
    let prompt = json!({"model": "gpt-5.5", "input": "Hello"});
    let stored = gateway.post("/v1/responses", prompt.clone()).await.json();
    home.change_responses("ALTER TABLE responses RENAME TO gone");
    let path = format!("/v1/responses/{}", stored["id"].as_str().unwrap());
    let items = format!("{path}/input_items");
    for (method, path) in [(Method::GET, &path), (Method::DELETE, &path), (Method::GET, &items)] {
        let response = gateway.call(method, path, None).await;
        let error = &response.json()["error"];
        assert_eq!((response.status, &error["code"]), (503, &json!("store_unavailable")), "{}", response.text);
        assert_reveals_nothing(&home, &[], &response, path);
    }
    assert_eq!(gateway.post("/v1/responses", prompt).await.status, 200);
}

#[tokio::test]
async fn no_operation_returns_a_provider_token_a_code_or_a_verifier() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let redirect_url = {
        let started = gateway.post("/v1/auth/openai/start", json!({"force": true})).await.json();
        provider.redirect_for(started["auth_url"].as_str().unwrap()).await
    };
    let mut operations = operations(&gateway, &redirect_url).await;
    // The change stream never ends and contains no account data.
    operations.retain(|(_, path, _)| path != "/v1/events");
    // The operations that end the login come last.
    operations.sort_by_key(|(_, path, _)| (path.ends_with("/logout"), path.ends_with("/cancel")));
    let mut statuses = Vec::new();
    for (method, path, body) in operations {
        let response = gateway.call(method.clone(), &path, body).await;
        statuses.push(response.status);
        let mut secrets = provider.issued().await;
        secrets.extend(MARKERS.map(str::to_owned));
        secrets.extend([gateway.token.clone(), "canary-session-token".to_owned()]);
        secrets.push(home.text("SELECT coalesce(max(api_key), 'none') FROM llm_providers"));
        assert!(secrets.len() > 6, "there are secrets to search for");
        assert_reveals_nothing(&home, &secrets, &response, &format!("{method} {path}"));
    }
    assert!(statuses.iter().filter(|status| **status == 200).count() >= 7, "{statuses:?}");
}

#[tokio::test]
async fn the_provider_s_error_text_is_not_returned() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let redirect_url = start_and_approve_login(&gateway, &provider).await;
    let body = r#"{"error":{"code":"invalid_grant","message":"SELECT canary-session-token src/"}}"#;
    provider.fail_next_exchange(json!({"kind": "status", "status": 400, "body": body})).await;
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((response.status, &response.json()["code"]), (502, &json!("code_refused")));
    assert_reveals_nothing(&home, &["canary-session-token".to_owned()], &response, "the refusal");
}
