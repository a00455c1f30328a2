//! The provider's own endpoints, when they misbehave or somebody stands in between: nothing goes anywhere else, nothing
//! is waited for without end, and a logout is a logout.

use std::{io::ErrorKind, net::TcpListener};

use goclaw::adapters::settings::{Environment, Settings};
use serde_json::{Value, json};

use super::approved;
use crate::support::{gateway::Home, provider::Provider};

/// An answer that comes byte by byte is cut off at 20 s in all, which is also how long this takes.
#[tokio::test]
async fn an_answer_that_drips_is_given_up_in_time() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let redirect_url = approved(&gateway, &provider).await;
    provider.fail_next_exchange(json!({"kind": "slow_drip", "every": "1s"})).await;
    // The client of the test gives up at 40 s.
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((response.status, &response.json()["code"]), (504, &json!("provider_timeout")), "{}", response.text);
    assert_eq!(home.stored(), (0, 0));
}

#[tokio::test]
async fn a_proxy_in_the_environment_gets_to_see_nothing() {
    let provider = Provider::approving();
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    let home = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .fold(Home::new(&provider), |home, name| home.with(name, &proxy));
    let gateway = home.start().await;
    gateway.sign_in().await;
    assert_eq!(home.stored(), (1, 1));
    assert_eq!(gateway.post("/v1/auth/openai/logout", json!({})).await.json()["revocation"], "revoked");
    gateway.stop().await;
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "a proxy nobody configured was called");
}

#[test]
fn no_endpoint_is_taken_that_is_neither_https_nor_this_machine() {
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
async fn a_logout_removes_everything_here_and_says_truly_what_the_provider_did() {
    let response = |status: u16| json!({"kind": "status", "status": status, "body": "CANARY"});
    for (fault, revocation) in [
        (None, "revoked"),
        (Some(answer(400)), "failed"),
        (Some(answer(503)), "pending"),
        (Some(json!({"kind": "reset_before"})), "pending"),
        (Some(json!({"kind": "lose_answer"})), "pending"),
        (Some(json!({"kind": "redirect", "status": 307, "location": "http://127.0.0.1:1/"})), "pending"),
        // Ten seconds, then it is left for later.
        (Some(json!({"kind": "hang"})), "pending"),
    ] {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let gateway = home.start().await;
        gateway.sign_in().await;
        assert_eq!(home.stored(), (1, 1));
        if let Some(fault) = &fault {
            provider.post_control("/faults", json!({"endpoint": "revoke", "fault": fault})).await;
        }
        let logged_out = gateway.post("/v1/auth/openai/logout", json!({})).await;
        let expected = json!({"status": "logged out", "removed": true, "revocation": revocation});
        assert_eq!((logged_out.status, logged_out.json()), (200, expected), "{fault:?}");
        assert_eq!(home.stored(), (0, 0), "{fault:?}");
        let status: Value = gateway.status().await;
        assert_eq!((&status["authenticated"], &status["state"]), (&json!(false), &json!("absent")), "{fault:?}");
    }
}
