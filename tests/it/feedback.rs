//! Tests that provider feedback reaches the caller, the status, the command line and the events.

use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        gateway::{Gateway, HttpResponse, eventually},
        provider::Provider,
    },
};

async fn prompt(gateway: &Gateway) -> HttpResponse {
    gateway.post("/v1/responses", json!({"model": "openai-codex/gpt-5.5", "input": "Hello"})).await
}

async fn prompt_with_fault(provider: &Provider, gateway: &Gateway, fault: &str) -> HttpResponse {
    provider.post_control("/faults", json!({"endpoint": "responses", "fault": fault})).await;
    prompt(gateway).await
}

#[tokio::test]
async fn a_plan_limit_is_reported_and_the_account_stays_active() {
    let (provider, home, gateway) = signed_in().await;
    let response = prompt_with_fault(&provider, &gateway, "usage_limit_reached").await;
    assert_eq!((response.status, response.header("x-should-retry")), (429, "false"), "{}", response.text);
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["authenticated"]), (&json!("active"), &json!(true)), "{status}");
    assert_eq!((&status["limited"]["window"], &status["reason"]), (&json!("primary"), &Value::Null));
    // The simulator's access tokens are valid for seven days.
    let signed_in_at = status["expires_at"].as_i64().map(|at| at - 7 * 24 * 3600);
    assert!(status["limited"]["until"].as_i64() > signed_in_at, "{status}");
    let printed = home.run(&["auth", "status"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stdout);
    assert!(printed.stdout.contains("limit is reached until "), "{}", printed.stdout);
    assert_eq!(prompt(&gateway).await.status, 200);
    assert_eq!(gateway.status().await["limited"], Value::Null);
}

#[tokio::test]
async fn a_refresh_by_command_succeeds_only_if_there_are_new_tokens() {
    let (provider, home, _gateway) = signed_in().await;
    assert_eq!(home.run(&["auth", "refresh"]).code, Some(0));
    let limit = json!({"kind": "status", "status": 429, "body": "{}"});
    provider.post_control("/faults", json!({"endpoint": "refresh", "fault": limit})).await;
    let refused = home.run(&["auth", "refresh"]);
    assert!(refused.code == Some(1) && refused.stdout.contains("rate-limits"), "{refused:?}");
}

#[tokio::test]
async fn a_refusal_reaches_the_caller_the_status_the_cli_and_the_events() {
    for (fault, code) in [
        ("deactivated_workspace", "deactivated_workspace"),
        ("empty_payment_required", "payment_required"),
        ("account_deactivated", "account_deactivated"),
        ("missing_scope", "missing_scope"),
    ] {
        let (provider, home, gateway) = signed_in().await;
        let response = prompt_with_fault(&provider, &gateway, fault).await;
        assert_eq!((response.status, response.header("x-should-retry")), (400, "false"), "{}", response.text);
        let error = response.json()["error"].clone();
        assert_eq!(error["code"], code);
        assert!(error["message"].as_str().is_some_and(|message| message.len() >= 20), "{error}");
        let status = gateway.status().await;
        assert_eq!((&status["state"], &status["authenticated"]), (&json!("refused"), &json!(false)), "{status}");
        assert!(status["reason"].as_str().is_some_and(|reason| reason.contains(code)), "{status}");
        let printed = home.run(&["auth", "status"]);
        assert_eq!(printed.code, Some(1), "{}", printed.stdout);
        assert!(printed.stdout.starts_with("OpenAI OAuth: refused (provider: openai-codex)\n"), "{}", printed.stdout);
        assert!(printed.stdout.contains(code), "{}", printed.stdout);
        let refusal_event = async || {
            let events = gateway.get("/v1/auth/openai/events").await.json();
            (events["events"][0]["event"] == "refused").then(|| events["events"][0].clone())
        };
        assert_eq!(eventually("the event", refusal_event).await["code"], code);
        assert_eq!(prompt(&gateway).await.status, 200);
        let status = gateway.status().await;
        assert_eq!((&status["state"], &status["reason"]), (&json!("active"), &Value::Null), "{status}");
        assert_eq!(home.run(&["auth", "status"]).code, Some(0));
    }
}

#[tokio::test]
async fn the_status_by_command_contains_what_its_request_for_the_usage_found_out() {
    let (provider, home, _gateway) = signed_in().await;
    provider.post_control("/faults", json!({"endpoint": "usage", "fault": "account_deactivated"})).await;
    let printed = home.run(&["auth", "status"]);
    assert_eq!(printed.code, Some(1), "{printed:?}");
    assert!(!printed.stdout.contains("active (provider"), "{printed:?}");
}
