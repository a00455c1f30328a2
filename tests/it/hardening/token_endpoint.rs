//! Tests of misbehaving OAuth endpoints: no request goes elsewhere, every wait ends, and a logout removes the account.

use std::{io::ErrorKind, net::TcpListener};

use goclaw::adapters::settings::{Environment, Settings};
use serde_json::{Value, json};

use super::start_and_approve_login;
use crate::support::{gateway::Home, provider::Provider};

/// A response that arrives byte by byte is aborted after 20 s, which is the duration of this test.
#[tokio::test]
async fn a_slow_token_response_times_out() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let redirect_url = start_and_approve_login(&gateway, &provider).await;
    provider.fail_next_exchange(json!({"kind": "slow_drip", "every": "1s"})).await;
    // The test's client times out after 40 s.
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((response.status, &response.json()["code"]), (504, &json!("provider_timeout")), "{}", response.text);
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
}

#[tokio::test]
async fn loopback_addresses_are_never_called_through_a_proxy() {
    let provider = Provider::approving();
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    let home = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .fold(Home::new(&provider), |home, name| home.with(name, &proxy));
    let gateway = home.start().await;
    gateway.sign_in().await;
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
    assert_eq!(gateway.post("/v1/auth/openai/logout", json!({})).await.json()["revocation"], "revoked");
    gateway.stop().await;
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "the gateway called the proxy");
}

#[test]
fn an_endpoint_must_be_https_or_loopback() {
    for key in ["ISSUER", "AUTHORIZE_URL", "TOKEN_URL", "REVOKE_URL"] {
        let name = format!("GOCLAW_PROVIDERS__OPENAI_CODEX__{key}");
        let load = |url: &str| {
            let variables = [("HOME", "/"), (name.as_str(), url)];
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Settings::load(None, &Environment::from_pairs(variables))
        };
        for url in [
            "http://auth.example/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "ftp://localhost/",
            "https://user:pw@auth.example/",
            "https://auth.example/#x",
        ] {
            assert!(load(url).is_err(), "{key} = {url}");
        }
        for url in ["https://auth.example/x", "http://localhost:1/x", "http://127.0.0.1:1/x", "http://[::1]:1/x"] {
            assert!(load(url).is_ok(), "{key} = {url}");
        }
    }
}

#[tokio::test]
async fn a_logout_always_removes_the_account_and_reports_the_revocation() {
    let status_fault = |status: u16| json!({"kind": "status", "status": status, "body": "CANARY"});
    for (fault, revocation) in [
        (None, "revoked"),
        (Some(json!({"kind": "status", "status": 400, "body": r#"{"error": "invalid_client"}"#})), "failed"),
        // An intermediary may have sent these.
        (Some(status_fault(400)), "pending"),
        (Some(status_fault(404)), "pending"),
        (Some(status_fault(503)), "pending"),
        (Some(json!({"kind": "reset_before"})), "pending"),
        (Some(json!({"kind": "lose_answer"})), "pending"),
        (Some(json!({"kind": "redirect", "status": 307, "location": "http://127.0.0.1:1/"})), "pending"),
        // Times out after ten seconds and is retried later.
        (Some(json!({"kind": "hang"})), "pending"),
    ] {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let gateway = home.start().await;
        gateway.sign_in().await;
        assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
        if let Some(fault) = &fault {
            provider.post_control("/faults", json!({"endpoint": "revoke", "fault": fault})).await;
        }
        let logged_out = gateway.post("/v1/auth/openai/logout", json!({})).await;
        let expected = json!({"status": "logged out", "removed": true, "revocation": revocation});
        assert_eq!((logged_out.status, logged_out.json()), (200, expected), "{fault:?}");
        assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0), "{fault:?}");
        let status: Value = gateway.status().await;
        assert_eq!((&status["authenticated"], &status["state"]), (&json!(false), &json!("absent")), "{fault:?}");
    }
}
