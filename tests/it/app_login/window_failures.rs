//! Tests of the callback window with a port in use, after a restart, and during a store outage.

use std::time::Duration;

use goclaw::{
    domain::login_outcome::{LoginEnd, LoginOutcome},
    ports::CallbackReply,
};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, query_of, settle};

const CONNECTED: CallbackReply = CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed));

#[tokio::test]
async fn a_port_in_use_is_reported_in_the_documented_words_and_pasting_works() {
    let gateway = TestGateway::open().await;
    gateway.listener.hold_port(true);
    let login = gateway.start_login(alice()).await;
    let error = login.callback_error.expect("the listener is not open").to_string();
    assert!(error.starts_with("failed to start OAuth flow (is port 1455 available?)"), "{error}");
    assert!(error.contains("another program listens on 127.0.0.1:1455"), "{error}");
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("the account connects");
}

#[tokio::test]
async fn the_next_start_binds_a_freed_port() {
    let gateway = TestGateway::open().await;
    gateway.listener.hold_port(true);
    let first = gateway.start_login(alice()).await;
    gateway.listener.hold_port(false);
    let second = gateway.start_login(alice()).await;
    assert!(second.login_id == first.login_id && second.callback_error.is_none());
    assert_eq!(gateway.approve(&first).shown().await, CONNECTED);
}

#[tokio::test]
async fn a_restart_reopens_the_listener_for_a_pending_login() {
    let mut gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.restart().await;
    assert!(gateway.listener.is_open());
    assert_eq!(gateway.listener.times_opened(), 2);
    assert_eq!(gateway.approve(&login).shown().await, CONNECTED);
    assert_eq!(gateway.tokens(OPENAI).await, Some(("access-1".to_owned(), Some("refresh-1".to_owned()))));
}

#[tokio::test]
async fn a_restart_without_a_pending_login_opens_no_listener() {
    let mut gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    gateway.app.shut_down().await;
    assert!(!gateway.listener.is_open());
    gateway.clock.advance(Duration::from_secs(360));
    gateway.restart().await;
    settle().await;
    assert_eq!((gateway.listener.is_open(), gateway.listener.times_opened()), (false, 1));
    assert_eq!(gateway.status(&alice()).await.last_login.expect("an end").end.outcome, LoginOutcome::Expired);
}

#[tokio::test]
async fn a_restart_with_the_port_in_use_still_accepts_a_pasted_address() {
    let mut gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.app.shut_down().await;
    gateway.listener.hold_port(true);
    gateway.restart().await;
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("the account connects");
}

#[tokio::test]
async fn a_callback_during_a_store_outage_can_be_repeated() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.store.fail_all();
    let page = gateway.listener.browser_returns(query_of(&approved));
    assert_eq!(page.shown().await, CallbackReply::Unavailable);
    settle().await;
    assert!(gateway.listener.is_open(), "the gateway cannot read whether a login is pending");

    gateway.store.repair();
    let page = gateway.listener.browser_returns(query_of(&approved));
    assert_eq!(page.shown().await, CONNECTED);
}

#[tokio::test]
async fn the_listener_closes_soon_after_a_store_outage_if_nothing_is_pending() {
    let gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    gateway.store.fail_all();
    gateway.clock.advance(Duration::from_secs(360));
    settle().await;
    assert!(gateway.listener.is_open());
    gateway.store.repair();
    gateway.clock.advance(Duration::from_secs(5));
    settle().await;
    assert!(!gateway.listener.is_open());
}

#[tokio::test]
async fn one_listener_serves_the_logins_of_all_accounts() {
    let gateway = TestGateway::open().await;
    let (of_alice, of_bob) = (gateway.start_login(alice()).await, gateway.start_login(bob()).await);
    for login in [of_bob, of_alice] {
        assert_eq!(gateway.approve(&login).shown().await, CONNECTED);
    }
    assert_eq!((gateway.provider.exchanges(), gateway.listener.times_opened()), (2, 1));
}
