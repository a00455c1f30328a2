//! Tests of pasting the redirect URL, for browsers that cannot reach the callback port.

use std::net::TcpListener;

use serde_json::json;

use super::members;
use crate::support::{
    gateway::{Gateway, Home},
    provider::Provider,
};

async fn paste(gateway: &Gateway, redirect_url: &str) -> (u16, serde_json::Value) {
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    (response.status, response.json())
}

#[tokio::test]
async fn a_callback_port_in_use_is_reported_and_pasting_works() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let _occupied = TcpListener::bind(("127.0.0.1", home.callback_port)).unwrap();
    let gateway = home.start().await;
    let started = gateway.start_login().await;
    assert_eq!(started["callback"]["listening"], false);
    let sentence = format!("failed to start OAuth flow (is port {} available?)", home.callback_port);
    let error = started["callback"]["error"].as_str().unwrap();
    assert!(error.starts_with(&sentence), "{error}");

    let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
    let (status, connected) = paste(&gateway, &format!("  {redirect_url}\n")).await;
    assert_eq!(status, 200, "{connected}");
    assert_eq!(members(&connected), ["authenticated", "provider_id", "provider_name"]);
    assert_eq!((&connected["authenticated"], &connected["provider_name"]), (&json!(true), &json!("openai-codex")));
    assert_eq!(connected["provider_id"], home.text("SELECT id FROM llm_providers"));
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["login_id"]), (&json!(true), &started["login_id"]));
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
}

#[tokio::test]
async fn a_callback_port_in_use_on_ipv6_only_is_reported() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let _occupied = TcpListener::bind(("::1", home.callback_port)).unwrap();
    let gateway = home.start().await;
    assert_eq!(gateway.start_login().await["callback"]["listening"], false);
}

#[tokio::test]
async fn a_redirect_url_completes_a_login_once() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let started = gateway.start_login().await;
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
    assert_eq!(paste(&gateway, &redirect_url).await.0, 200);
    let (status, problem) = paste(&gateway, &redirect_url).await;
    assert_eq!((status, &problem["code"]), (410, &json!("login_ended")));
    assert_eq!(provider.outcomes("/oauth/token").await, ["tokens_issued"], "the code is sent once");
    assert_eq!(gateway.status().await["authenticated"], true);
}

#[tokio::test]
async fn an_invalid_redirect_url_is_rejected_and_the_right_one_still_works() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    assert_eq!(
        paste(&gateway, "http://localhost:1455/auth/callback?code=c&state=s").await.0,
        409,
        "no login is pending"
    );
    let started = gateway.start_login().await;
    let right = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
    let callback_url = format!("http://localhost:{}/auth/callback", home.callback_port);
    let without_code = right.replace("code=", "no_code=");
    for (wrong, code) in [
        ("not an address", "invalid_redirect_url"),
        (callback_url.as_str(), "invalid_redirect_url"),
        (&format!("{callback_url}?code=only"), "invalid_redirect_url"),
        (&format!("{right}&state=twice"), "invalid_redirect_url"),
        (&format!("{callback_url}?code=c&state=not-ours"), "invalid_state"),
        (&without_code, "no_code"),
        (&format!("{right}&iss=https%3A%2F%2Fissuer.example"), "wrong_issuer"),
    ] {
        let (status, problem) = paste(&gateway, wrong).await;
        assert_eq!((status, &problem["code"]), (400, &json!(code)), "{wrong}: {problem}");
    }
    assert_eq!(provider.outcomes("/oauth/token").await, [""; 0], "no code left the gateway");
    assert_eq!(paste(&gateway, &right).await.0, 200);
}

#[tokio::test]
async fn an_error_in_the_redirect_url_ends_the_login_with_its_reason() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    for (approval, status, outcome) in [
        (json!({"mode": "deny"}), 403, "denied"),
        (json!({"mode": "missing_entitlement"}), 403, "missing_entitlement"),
        (json!({"mode": "error_param", "error": "temporarily_unavailable"}), 502, "provider_error"),
    ] {
        provider.post_control("/approval", approval).await;
        let started = gateway.start_login().await;
        let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
        let (actual, problem) = paste(&gateway, &redirect_url).await;
        assert_eq!((actual, &problem["code"]), (status, &json!(outcome)), "{problem}");
        let ended = &gateway.status().await["last_login"];
        assert_eq!((&ended["outcome"], &ended["login_id"]), (&json!(outcome), &started["login_id"]));
    }
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
}
