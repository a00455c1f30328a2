//! Tests of login and logout over the HTTP API. The simulated provider approves at once, so the test's HTTP client
//! plays the browser.

mod another_account;
mod cookies;
mod faults;
mod guarded;
mod interruptions;
mod pasting;
mod secrets;

use serde_json::{Value, json};

use crate::support::{
    gateway::{Home, redirecting_http},
    provider::Provider,
};

/// Returns the sorted member names of an object.
fn members(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        object.as_object().into_iter().flat_map(|object| object.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_documented_routes_return_the_documented_bodies() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    assert_eq!(gateway.status().await, json!({"authenticated": false, "state": "absent"}));

    let started = gateway.start_login().await;
    assert_eq!(
        members(&started),
        ["auth_url", "callback", "expires_at", "login_id", "provider_name", "started_at", "status"]
    );
    assert_eq!(
        (&started["provider_name"], &started["callback"]),
        (&json!("openai-codex"), &json!({"listening": true}))
    );
    let pending = json!({"login_id": started["login_id"], "expires_at": started["expires_at"]});
    assert_eq!(gateway.status().await, json!({"authenticated": false, "state": "absent", "pending": pending}));

    let page = gateway.sign_in().await;
    assert_eq!((page.status, page.text.contains("<h1>Connected</h1>")), (200, true), "{}", page.text);
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["provider_name"]), (&json!(true), &json!("openai-codex")));
    assert_eq!((&status["state"], &status["login_id"]), (&json!("active"), &started["login_id"]));
    assert_eq!(status["account"]["email"], "person1@example.com");
    assert_eq!(
        gateway.start_login().await,
        json!({"status": "already_authenticated", "provider_name": "openai-codex"})
    );

    let response = gateway.post("/v1/auth/openai/logout", json!({})).await;
    assert_eq!(response.json(), json!({"status": "logged out", "removed": true, "revocation": "revoked"}));
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    let response = gateway.post("/v1/auth/openai/logout", json!({})).await;
    assert_eq!(response.json(), json!({"status": "logged out", "removed": false, "revocation": "not_applicable"}));
}

#[tokio::test]
async fn the_authorize_url_has_the_documented_parameters() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let started = gateway.start_login().await;
    let url = url::Url::parse(started["auth_url"].as_str().unwrap()).unwrap();
    assert_eq!(url.origin().ascii_serialization(), "https://auth.openai.com");
    assert_eq!(url.path(), "/oauth/authorize");
    let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let scopes = "openid profile email offline_access api.connectors.read api.connectors.invoke";
    assert_eq!(parameter("scope").as_deref(), Some(scopes));
    assert_eq!(parameter("response_type").as_deref(), Some("code"));
    assert_eq!(parameter("code_challenge_method").as_deref(), Some("S256"));
    let redirect_uri = format!("http://localhost:{}/auth/callback", home.callback_port);
    assert_eq!(parameter("redirect_uri"), Some(redirect_uri));
}

#[tokio::test]
async fn openai_is_an_alias_of_openai_codex() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let first = gateway.start_login().await;
    let second = gateway.post("/v1/auth/openai-codex/start", json!({})).await.json();
    assert_eq!(first, second);
    gateway.sign_in().await;
    let by_alias = gateway.status().await;
    assert_eq!(gateway.get("/v1/auth/openai-codex/status").await.json(), by_alias);
    assert_eq!(gateway.post("/v1/auth/openai-codex/logout", json!({})).await.json()["removed"], true);
    assert_eq!(gateway.status().await["authenticated"], false);
}

#[tokio::test]
async fn a_second_start_returns_the_pending_login_even_after_a_crash() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let first = gateway.start_login().await;
    assert_eq!(gateway.start_login().await, first);
    drop(gateway);

    let gateway = home.start().await;
    assert_eq!(home.number("SELECT count(*) FROM login_sessions"), 1);
    // The restarted gateway opens the callback port at once, because the user may be approving.
    let page = redirecting_http().get(first["auth_url"].as_str().unwrap()).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("<h1>Connected</h1>"));
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["login_id"]), (&json!(true), &first["login_id"]));
    drop(gateway);

    let gateway = home.start().await;
    assert_eq!(gateway.status().await["authenticated"], true, "a saved login survives a restart");
}

#[tokio::test]
async fn a_forced_login_keeps_the_old_tokens_until_the_new_ones_are_saved() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let old = gateway.status().await["login_id"].clone();
    let sealed_token = || home.text("SELECT api_key FROM llm_providers");
    let old_token = sealed_token();

    let forced = gateway.post("/v1/auth/openai/start", json!({"force": true})).await.json();
    assert_ne!(forced["login_id"], old);
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["login_id"]), (&json!(true), &old));
    assert_eq!(sealed_token(), old_token);
    // If a forced login is denied, the old login stays.
    provider.post_control("/approval", json!({"mode": "deny"})).await;
    let page = redirecting_http().get(forced["auth_url"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<h1>Not connected</h1>"), "{page}");
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["login_id"]), (&json!(true), &old));
    assert_eq!(status["last_login"]["outcome"], "denied");

    provider.post_control("/approval", json!({"mode": "auto_approve"})).await;
    let forced = gateway.post("/v1/auth/openai/start", json!({"force": true})).await.json();
    redirecting_http().get(forced["auth_url"].as_str().unwrap()).send().await.unwrap();
    let status = gateway.status().await;
    assert_eq!((&status["authenticated"], &status["login_id"]), (&json!(true), &forced["login_id"]));
    assert_ne!(sealed_token(), old_token);
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
}

#[tokio::test]
async fn a_cancelled_login_rejects_its_callback() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let cancel = async || gateway.post("/v1/auth/openai/cancel", json!({})).await.json();
    assert_eq!(cancel().await, json!({"status": "no_pending_login"}));
    let started = gateway.start_login().await;
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
    assert_eq!(cancel().await, json!({"status": "cancelled"}));
    assert_eq!(cancel().await, json!({"status": "no_pending_login"}));

    let pasted = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((pasted.status, &pasted.json()["code"]), (410, &json!("login_ended")), "{}", pasted.text);
    assert_eq!(provider.outcomes("/oauth/token").await, [""; 0], "the code was not sent");
    assert_eq!(gateway.status().await["last_login"]["outcome"], "cancelled");
    assert_ne!(gateway.start_login().await["login_id"], started["login_id"]);
}

#[tokio::test]
async fn the_activity_lists_removed_accounts_and_failed_logins() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let start = json!({"provider_type": "openai-codex"});
    let started = gateway.post("/v1/auth/first/start", start.clone()).await.json();
    redirecting_http().get(started["auth_url"].as_str().expect("an address")).send().await.expect("a page");
    assert_eq!(gateway.post("/v1/auth/first/logout", json!({})).await.status, 200);
    gateway.post("/v1/auth/second/start", start).await;
    gateway.post("/v1/auth/second/cancel", json!({})).await;

    let activity = gateway.get("/v1/activity").await.json();
    let events: Vec<(&str, &str, &str)> = activity["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| {
            let text = |member: &str| event[member].as_str().unwrap_or_default();
            (text("provider"), text("event"), text("outcome"))
        })
        .collect();
    let expected = [("second", "sign_in_ended", "cancelled"), ("first", "signed_out", ""), ("first", "signed_in", "")];
    assert_eq!(events, expected, "{activity}");
    assert!(!gateway.get("/v1/providers").await.text.contains("first"), "the account is removed");
}
