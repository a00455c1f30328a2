//! Tests of a code exchange that fails or has an unusual response. A failed login stores nothing, and a new one can
//! start.

use serde_json::{Value, json};

use crate::support::{
    gateway::{Gateway, Home},
    provider::Provider,
};

/// Starts a login, which the provider approves. Returns its id and the redirect URL.
async fn approve_login(gateway: &Gateway, provider: &Provider) -> (Value, String) {
    let started = gateway.start_login().await;
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
    (started["login_id"].clone(), redirect_url)
}

/// Returns faults of the code exchange with the expected status and outcome.
fn faults(provider: &Provider) -> Vec<(Value, u16, &'static str)> {
    let status_fault = |status: u16, body: &str| json!({"kind": "status", "status": status, "body": body});
    let html = |status: u16| json!({"kind": "status", "status": status, "body": "<html>not JSON</html>", "content_type": "text/html"});
    let refusal = r#"{"error": {"code": "invalid_grant", "message": "no"}}"#;
    let elsewhere = format!("{}/stolen", provider.issuer);
    vec![
        (status_fault(400, refusal), 502, "code_refused"),
        (status_fault(401, refusal), 502, "code_refused"),
        (status_fault(400, r#"{"error": "invalid_client"}"#), 502, "provider_error"),
        (status_fault(400, "no"), 502, "provider_error"),
        (status_fault(403, r#"{"error": {"code": "unsupported_country_region_territory"}}"#), 502, "provider_error"),
        (html(403), 502, "provider_error"),
        (status_fault(429, "{}"), 502, "provider_unavailable"),
        (status_fault(500, "{}"), 502, "provider_unavailable"),
        (html(502), 502, "provider_unavailable"),
        (html(200), 502, "bad_answer"),
        (status_fault(200, "{}"), 502, "bad_answer"),
        (json!({"kind": "redirect", "status": 307, "location": elsewhere}), 502, "bad_answer"),
        (json!({"kind": "reset_before"}), 502, "provider_unavailable"),
        (json!({"kind": "lose_answer"}), 502, "provider_unavailable"),
        (json!({"kind": "half_json"}), 502, "provider_unavailable"),
        (json!({"kind": "huge_body"}), 502, "bad_answer"),
    ]
}

#[tokio::test]
async fn a_failed_exchange_stores_nothing_and_allows_a_new_login() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let mut previous = Value::Null;
    for (fault, status, outcome) in faults(&provider) {
        let (login_id, redirect_url) = approve_login(&gateway, &provider).await;
        assert_ne!(login_id, previous, "a failed login is not pending any more: {fault}");
        provider.fail_next_exchange(fault.clone()).await;
        let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
        assert_eq!(
            (response.status, &response.json()["code"]),
            (status, &json!(outcome)),
            "{fault}: {}",
            response.text
        );
        assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0), "{fault}");
        let seen = gateway.status().await;
        assert_eq!((&seen["authenticated"], &seen["state"]), (&json!(false), &json!("absent")), "{fault}");
        assert_eq!(seen["last_login"]["outcome"], outcome, "{fault}");
        previous = login_id;
    }
    assert_eq!(provider.outcomes("/stolen").await, [""; 0], "a redirect is not followed with the code");
    assert_eq!(gateway.sign_in().await.status, 200);
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
}

#[tokio::test]
async fn the_page_of_a_failed_exchange_never_says_connected() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    for (fault, ..) in faults(&provider) {
        provider.fail_next_exchange(fault.clone()).await;
        let page = gateway.sign_in().await;
        assert!(page.text.contains("<h1>Not connected</h1>") && !page.text.contains("<h1>Connected</h1>"), "{fault}");
        assert!(page.url.contains("/auth/done?id="), "{}", page.url);
        assert_eq!(gateway.status().await["authenticated"], false, "{fault}");
    }
}

#[tokio::test]
async fn a_forged_code_is_rejected() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let (_, redirect_url) = approve_login(&gateway, &provider).await;
    // The simulator's codes begin with `ac_CANARY`.
    let forged = redirect_url.replace("code=ac_CANARY", "code=ac_FORGED");
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": forged})).await;
    assert_eq!((response.status, &response.json()["code"]), (502, &json!("code_refused")), "{}", response.text);
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
}

#[tokio::test]
async fn a_token_response_without_a_refresh_token_is_not_stored() {
    let provider = Provider::start(&["--approval", "auto", "--settings", r#"{"omit_refresh_token": true}"#]);
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let (_, redirect_url) = approve_login(&gateway, &provider).await;
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((response.status, &response.json()["code"]), (502, &json!("bad_answer")), "{}", response.text);
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
}

/// Takes 20 s, the gateway's timeout for a code exchange.
#[tokio::test]
async fn an_exchange_without_a_response_times_out() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let (_, redirect_url) = approve_login(&gateway, &provider).await;
    provider.fail_next_exchange(json!({"kind": "hang"})).await;
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((response.status, &response.json()["code"]), (504, &json!("provider_timeout")), "{}", response.text);
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    assert_eq!(gateway.sign_in().await.status, 200);
}

#[tokio::test]
async fn the_status_shows_the_granted_scopes_and_not_the_requested_ones() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let narrowed = json!({"kind": "members", "members": {"scope": "openid offline_access"}});
    provider.fail_next_exchange(narrowed).await;
    gateway.sign_in().await;
    assert_eq!(gateway.status().await["scopes"], json!(["openid", "offline_access"]));
    // A response without `scope` means "unchanged" (RFC 6749 section 5.1).
    let without_scope = json!({"kind": "members", "members": {"scope": null}});
    provider.post_control("/faults", json!({"endpoint": "refresh", "fault": without_scope})).await;
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.json()["generation"], 1);
    assert_eq!(gateway.status().await["scopes"], json!(["openid", "offline_access"]));
}
