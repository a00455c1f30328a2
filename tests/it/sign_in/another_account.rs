//! Tests of a login as another user or workspace under a connected name: the confirmation over HTTP, on the page and in
//! the CLI.

use serde_json::{Value, json};

use crate::support::{
    gateway::{Gateway, Home, redirecting_http},
    provider::Provider,
};

/// Starts a provider with three accounts: one user in "ws-blue" and in "ws-green", and another user in "ws-blue".
fn provider() -> Provider {
    let account = |user: &str, workspace: &str| json!({"user_id": user, "account_id": workspace, "name": "A", "email": "user-a@example.test", "plan": "plus"});
    let accounts = [account("user-0007", "ws-blue"), account("user-0007", "ws-green"), account("user-0008", "ws-blue")];
    let settings = json!({"accounts": accounts, "revocation_ends_grant": true}).to_string();
    Provider::start(&["--approval", "auto", "--settings", &settings])
}

/// Signs in again as the provider's account `number` (from 0) and returns the final page.
async fn sign_in_as(gateway: &Gateway, provider: &Provider, number: usize) -> String {
    provider.post_control("/settings", json!({"signed_in": number})).await;
    gateway.sign_in_again().await.text
}

async fn confirm(gateway: &Gateway, status: &Value, replace: bool) -> Value {
    let login_id = &status["confirmation"]["login_id"];
    let response = gateway.post("/v1/auth/openai/confirm", json!({"login_id": login_id, "replace": replace})).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

async fn prompt(gateway: &Gateway) -> u16 {
    let request = json!({"model": "openai-codex/gpt-5.5", "input": "Hello"});
    gateway.post("/v1/responses", request).await.status
}

#[tokio::test]
async fn page_status_and_cli_name_both_workspaces_and_ask_for_confirmation() {
    let provider = provider();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    assert!(home.run(&["auth", "status"]).stdout.contains("ws-blue"));
    let page = sign_in_as(&gateway, &provider, 1).await;
    let status = gateway.status().await;
    let shown = home.run(&["auth", "status"]).stdout;
    let reason = status["last_login"]["reason"].as_str().expect("a reason");
    for text in [page.as_str(), reason, &shown] {
        assert!(
            text.contains("ws-blue") && text.contains("ws-green") && text.contains("user-a@example.test"),
            "{text}"
        );
    }
    assert_eq!((&status["account"]["account_id"], &status["authenticated"]), (&json!("ws-blue"), &json!(true)));
    assert_eq!(status["last_login"]["outcome"], "confirmation_needed");
    assert_eq!(prompt(&gateway).await, 200);

    let replaced = confirm(&gateway, &status, true).await;
    assert_eq!((&replaced["account"]["account_id"], replaced.get("confirmation")), (&json!("ws-green"), None));
    assert_eq!((prompt(&gateway).await, provider.outcomes("/oauth/revoke").await.len()), (200, 0));
    let again = gateway
        .post("/v1/auth/openai/confirm", json!({"login_id": status["confirmation"]["login_id"], "replace": true}))
        .await;
    assert_eq!((again.status, &again.json()["code"]), (410, &json!("login_ended")), "{}", again.text);
}

#[tokio::test]
async fn pasting_the_redirect_of_another_user_returns_409_confirmation_needed() {
    let provider = provider();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    provider.post_control("/settings", json!({"signed_in": 2})).await;
    let started = gateway.post("/v1/auth/openai/start", json!({"force": true})).await.json();
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().expect("an address")).await;
    let pasted = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((pasted.status, &pasted.json()["code"]), (409, &json!("confirmation_needed")), "{}", pasted.text);
    assert!(pasted.text.contains("user-0007") && pasted.text.contains("user-0008"), "{}", pasted.text);
    let status = gateway.status().await;
    assert_eq!(status["account"]["user_id"], "user-0007");
    let stale_consent = json!({"login_id": started["login_id"], "replaces": started["login_id"], "replace": true});
    let refused = gateway.post("/v1/auth/openai/confirm", stale_consent).await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("stale_consent")), "{}", refused.text);

    let kept = home.run(&["auth", "confirm", "--keep"]);
    assert!(kept.stdout.contains("ws-blue"), "{} {}", kept.stdout, kept.stderr);
    assert_eq!(prompt(&gateway).await, 200);
    assert_eq!(gateway.status().await["last_login"]["outcome"], "cancelled");
}

#[tokio::test]
async fn a_logout_leaves_another_account_of_the_same_user_working() {
    let provider = provider();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    provider.post_control("/settings", json!({"signed_in": 1})).await;
    let started = gateway.post("/v1/auth/studio/start", json!({"provider_type": "openai-codex"})).await.json();
    redirecting_http().get(started["auth_url"].as_str().expect("an address")).send().await.expect("a page");
    let output = home.run(&["auth", "logout", "studio"]);
    assert!(output.stdout.contains("another account of the same user"), "{} {}", output.stdout, output.stderr);
    assert_eq!((prompt(&gateway).await, gateway.status().await["state"].as_str()), (200, Some("active")));
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.json()["state"], "active");
    assert_eq!(provider.outcomes("/oauth/revoke").await, [""; 0]);
}
