//! Tests of accounts with an API key or a session token, and of renaming and disabling an account.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    gateway::{Gateway, Home},
    provider::Provider,
};

async fn put(gateway: &Gateway, provider: &str, body: serde_json::Value) -> (u16, serde_json::Value) {
    let response = gateway.call(Method::PUT, &format!("/v1/auth/{provider}/secret"), Some(body)).await;
    (response.status, response.json())
}

#[tokio::test]
async fn suno_connects_with_a_session_token_and_dashscope_with_an_api_key() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    for (name, body) in [
        ("suno", json!({"session_token": "session-1", "unchecked": true})),
        ("dashscope", json!({"api_key": "sk-1", "unchecked": true})),
    ] {
        let (status, connected) = put(&gateway, name, body).await;
        assert_eq!(status, 200, "{connected}");
        assert_eq!((&connected["authenticated"], &connected["provider_name"]), (&json!(true), &json!(name)));
        let id = home.text(&format!("SELECT id FROM llm_providers WHERE name = '{name}'"));
        assert_eq!(connected["provider_id"], id);
        let status = gateway.get(&format!("/v1/auth/{name}/status")).await.json();
        assert_eq!((&status["authenticated"], &status["state"]), (&json!(true), &json!("active")));
    }
    assert_eq!(home.count_accounts_and_refresh_tokens(), (2, 0), "neither account has a refresh token");
    let types = home.text("SELECT group_concat(provider_type) FROM (SELECT * FROM llm_providers ORDER BY name)");
    assert_eq!(types, "dashscope,suno");
    let response = gateway.post("/v1/auth/suno/logout", json!({})).await.json();
    assert_eq!(response, json!({"status": "logged out", "removed": true, "revocation": "not_applicable"}));
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 0));
}

#[tokio::test]
async fn a_secret_is_saved_only_if_the_provider_accepts_it() {
    let provider = Provider::start(&[]);
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = provider.sign_in_browser().await;
    let session = &browser["session_token"];
    for (name, body, status, code) in [
        ("dashscope", json!({"api_key": "sk-wrong"}), 400, "secret_refused"),
        ("suno", json!({"session_token": "nonsense"}), 400, "secret_refused"),
        ("suno", json!({"session_token": session, "client_cookie": "nonsense"}), 400, "secret_refused"),
        ("dashscope", json!({"api_key": "sk-simulated-CANARY-0001"}), 200, ""),
        ("suno", json!({"session_token": session, "client_cookie": browser["client_cookie"]}), 200, ""),
    ] {
        let before = home.count_accounts_and_refresh_tokens();
        let (actual, problem) = put(&gateway, name, body).await;
        assert_eq!((actual, problem["code"].as_str().unwrap_or_default()), (status, code), "{name}: {problem}");
        assert_eq!(home.count_accounts_and_refresh_tokens() == before, status != 200, "{name}");
        let detail = problem["detail"].as_str().unwrap_or_default();
        let has_hint =
            detail.contains(&format!("api_base is {}", provider.dashscope_url)) && detail.contains("Singapore");
        assert_eq!(has_hint, name == "dashscope" && status == 400, "{detail}");
    }
    // A secret that cannot be checked is refused.
    provider.post_control("/outages", json!({"site": "dashscope", "down": true})).await;
    let (status, problem) = put(&gateway, "dashscope", json!({"api_key": "sk-other"})).await;
    assert_eq!((status, &problem["code"]), (502, &json!("upstream_unavailable")), "{problem}");
    let (status, _) = put(&gateway, "dashscope", json!({"api_key": "sk-other", "unchecked": true})).await;
    assert_eq!(status, 200, "`unchecked` skips the check");
}

#[tokio::test]
async fn an_invalid_secret_is_rejected_and_not_echoed() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    for (name, body, status) in [
        ("suno", json!({"api_key": "canary"}), 409),
        ("dashscope", json!({"session_token": "canary"}), 409),
        ("openai", json!({"api_key": "canary"}), 409),
        ("xyz", json!({"api_key": "canary"}), 404),
        ("suno", json!({"session_token": "can ary"}), 400),
        ("suno", json!({"session_token": " "}), 400),
        ("suno", json!({}), 400),
        ("suno", json!({"session_token": "canary", "api_key": "canary"}), 400),
        ("suno", json!({"sesion_token": "canary"}), 400),
        ("suno", json!({"session_token": ["canary"]}), 400),
    ] {
        let (actual, problem) = put(&gateway, name, body.clone()).await;
        assert_eq!(actual, status, "{name} {body}: {problem}");
        let text = problem.to_string();
        assert!(!text.contains("canary") && !text.contains("can ary"), "{text}");
    }
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
}

#[tokio::test]
async fn starting_a_login_without_oauth_explains_the_provider_s_auth_method() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let response = gateway.post("/v1/auth/suno/start", json!({})).await;
    let problem = response.json();
    assert_eq!((response.status, &problem["code"]), (409, &json!("auth_method_mismatch")));
    let how = problem["error"].as_str().unwrap();
    assert!(how.contains("PUT /v1/auth/suno/secret") && how.contains("goclaw providers set-secret suno"), "{how}");
}

#[tokio::test]
async fn an_unknown_provider_is_a_404_with_the_documented_text() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    for (method, path) in [
        (Method::POST, "/v1/auth/xyz/logout"),
        (Method::POST, "/v1/auth/xyz/start"),
        (Method::POST, "/v1/auth/xyz/cancel"),
        (Method::GET, "/v1/auth/xyz/status"),
        (Method::PATCH, "/v1/providers/xyz"),
    ] {
        let body = (method != Method::GET).then(|| json!({}));
        let response = gateway.call(method, path, body).await;
        let problem = response.json();
        assert_eq!((response.status, &problem["error"]), (404, &json!("unknown provider: xyz")), "{path}");
        assert_eq!(response.header("content-type"), "application/problem+json", "{path}");
    }
}

#[tokio::test]
async fn renaming_and_disabling_an_account_keeps_its_tokens() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let patch = async |body| gateway.call(Method::PATCH, "/v1/providers/suno", Some(body)).await;
    assert_eq!(patch(json!({"enabled": false})).await.status, 409, "the account is not connected");
    put(&gateway, "suno", json!({"session_token": "session-1", "unchecked": true})).await;
    let sealed_token = home.text("SELECT api_key FROM llm_providers");

    let changed = patch(json!({"display_name": "My band", "enabled": false})).await.json();
    assert_eq!((&changed["display_name"], &changed["enabled"]), (&json!("My band"), &json!(false)));
    let status = gateway.get("/v1/auth/suno/status").await.json();
    assert_eq!((&status["authenticated"], &status["state"]), (&json!(false), &json!("disabled")));
    let changed = patch(json!({"enabled": true})).await.json();
    assert_eq!((&changed["display_name"], &changed["state"]), (&json!("My band"), &json!("active")));
    assert_eq!(home.text("SELECT api_key FROM llm_providers"), sealed_token, "the token is unchanged");

    for wrong in [json!({"api_base": "http://evil.example"}), json!({"enabled": "yes"}), json!({"display_name": ""})] {
        assert_eq!(patch(wrong.clone()).await.status, 400, "{wrong}");
    }
    let list = gateway.get("/v1/providers").await.json();
    let names: Vec<_> = list["providers"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["dashscope", "openai-codex", "suno"]);
}
