//! Tests that the callback port is open only while a login is pending, and for a moment after its outcome.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;

use super::{ApprovedLogin, V4, V6};
use crate::support::{
    gateway::{Gateway, Home, eventually},
    provider::Provider,
};

/// The gateway closes the port 1 s after the page was fetched, or 10 s after the callback if it was not fetched.
const SOON: Duration = Duration::from_secs(5);
const AT_THE_LATEST: Duration = Duration::from_secs(15);
/// Number of polls, 20 ms apart. Together they take longer than the one second after which the port closes.
const POLLS: usize = 100;

/// Returns whether the port is open on either loopback family.
async fn is_open(port: u16) -> bool {
    let open = [TcpStream::connect((V4, port)).await.is_ok(), TcpStream::connect((V6, port)).await.is_ok()];
    // The families may close one after the other; `wait_until_closed` detects a port that stays half open.
    open.into_iter().any(|open| open)
}

async fn wait_until_closed(port: u16, within: Duration) {
    let closed = eventually("the port to close", || async { (!is_open(port).await).then_some(()) });
    assert!(tokio::time::timeout(within, closed).await.is_ok(), "port {port} is open after {within:?}");
}

async fn start_login(gateway: &Gateway, account: &str) -> String {
    let body = json!({"provider_type": "openai-codex"});
    let started = gateway.post(&format!("/v1/auth/{account}/start"), body).await.json();
    started["auth_url"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_port_opens_with_a_login_and_closes_a_second_after_its_page() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    assert!(!is_open(home.callback_port).await, "no login is pending");
    gateway.start_login().await;
    assert!(is_open(home.callback_port).await);
    gateway.sign_in().await;
    assert!(is_open(home.callback_port).await, "a reload of the page must work");
    wait_until_closed(home.callback_port, SOON).await;
    // The next login opens the port again.
    gateway.post("/v1/auth/openai/start", json!({"force": true})).await;
    assert!(is_open(home.callback_port).await);
}

#[tokio::test]
async fn the_port_closes_even_if_the_page_is_never_fetched() {
    let login = ApprovedLogin::new().await;
    assert_eq!(login.visit(&login.redirect_target).await.status, 303);
    wait_until_closed(login.home.callback_port, AT_THE_LATEST).await;
}

#[tokio::test]
async fn the_port_closes_after_a_cancel_a_paste_or_a_logout() {
    for end in ["cancel", "callback", "logout"] {
        let login = ApprovedLogin::new().await;
        let redirect_url = format!("http://localhost:{}{}", login.home.callback_port, login.redirect_target);
        let body = if end == "callback" { json!({"redirect_url": redirect_url}) } else { json!({}) };
        assert_eq!(login.gateway.post(&format!("/v1/auth/openai/{end}"), body).await.status, 200, "{end}");
        wait_until_closed(login.home.callback_port, SOON).await;
    }
}

#[tokio::test]
async fn the_port_closes_when_the_login_expires() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_CALLBACK__TIMEOUT", "1s");
    let gateway = home.start().await;
    gateway.start_login().await;
    wait_until_closed(home.callback_port, SOON).await;
    assert_eq!(gateway.status().await["last_login"]["outcome"], "expired");
}

#[tokio::test]
async fn the_port_stays_open_for_another_pending_login() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let other_auth_url = start_login(&gateway, "openai-work").await;
    gateway.sign_in().await;
    let mut polls = 0;
    eventually("the port to have stayed open", || {
        polls += 1;
        let enough = polls == POLLS;
        let port = home.callback_port;
        async move {
            assert!(is_open(port).await, "closed while a login is pending");
            enough.then_some(())
        }
    })
    .await;
    let page =
        crate::support::gateway::redirecting_http().get(other_auth_url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<h1>Connected</h1>"), "{page}");
    assert_eq!(home.count_accounts_and_refresh_tokens(), (2, 2));
    wait_until_closed(home.callback_port, SOON).await;
}
