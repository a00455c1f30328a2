//! Tests of login and logout with a real browser and the CLI. Gateway, provider and browser are processes.

use serde_json::json;

use crate::support::{
    browser::Browser,
    gateway::{Gateway, Home},
    provider::Provider,
};

/// Starts a login and opens the provider's consent page in a browser.
async fn open_consent_page(gateway: &Gateway) -> Browser {
    let started = gateway.start_login().await;
    assert_eq!(started["callback"], json!({"listening": true}));
    let browser = Browser::open().await;
    browser.open_page(started["auth_url"].as_str().unwrap()).await;
    browser
}

/// Asserts that neither the address bar nor the history shows the authorization response.
async fn assert_no_code_is_left(browser: &Browser, home: &Home) {
    let done = browser.address().await;
    let id = done.strip_prefix(&format!("http://localhost:{}/auth/done?id=", home.callback_port));
    assert!(id.is_some_and(|id| id.len() == 22), "{done}");
    assert_eq!(browser.evaluate("document.URL").await, done);
    let referrer = browser.evaluate("document.referrer").await;
    assert!(!referrer.as_str().unwrap().contains("code="), "{referrer}");
    browser.go_back().await;
    let before = browser.address().await;
    assert!(before.contains("/oauth/authorize"), "back leads to {before} instead of the consent page");
    assert!(!before.contains("code=") && !before.contains("/auth/callback"), "{before}");
}

#[tokio::test]
async fn a_login_in_a_browser_connects_the_account_until_a_logout() {
    let provider = Provider::start(&["--approval", "ask"]);
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = open_consent_page(&gateway).await;
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0), "nothing is stored before the approval");

    browser.click_id("approve").await;
    browser.wait_for_address("/auth/done").await;
    assert_eq!(browser.heading().await, "Connected");
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["provider_name"]), (&json!(true), &json!("openai-codex")));
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
    assert_no_code_is_left(&browser, &home).await;

    let output = home.run(&["auth", "status"]);
    let first_two: Vec<&str> = output.stdout.lines().take(2).collect();
    let expected = [
        "OpenAI OAuth: active (provider: openai-codex)",
        "Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).",
    ];
    assert_eq!((output.code, first_two.as_slice()), (Some(0), expected.as_slice()), "{}", output.stderr);

    assert_eq!(home.run(&["auth", "logout"]).code, Some(0));
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["state"]), (&json!(false), &json!("absent")));
    assert_eq!(provider.outcomes("/oauth/revoke").await, ["revoked"]);
}

#[tokio::test]
async fn a_denied_login_is_shown_and_stores_nothing() {
    let provider = Provider::start(&["--approval", "ask"]);
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = open_consent_page(&gateway).await;

    browser.click_id("deny").await;
    browser.wait_for_address("/auth/done").await;
    assert_eq!(browser.heading().await, "Not connected");
    let text = browser.text().await;
    assert!(text.contains("You denied access at the provider. Nothing was saved."), "{text}");
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["last_login"]["outcome"]), (&json!(false), &json!("denied")));
    assert_eq!(status.get("pending"), None);
}

#[tokio::test]
async fn a_failed_exchange_never_shows_connected() {
    let provider = Provider::start(&["--approval", "ask"]);
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = open_consent_page(&gateway).await;
    provider.fail_next_exchange(json!({"kind": "status", "status": 500})).await;

    browser.click_id("approve").await;
    browser.wait_for_address("/auth/done").await;
    assert_eq!(browser.heading().await, "Not connected");
    let text = browser.text().await;
    assert!(text.contains("Nothing was saved. Start again"), "{text}");
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    assert_eq!(gateway.status().await["last_login"]["outcome"], "provider_unavailable");
    assert_no_code_is_left(&browser, &home).await;
}
