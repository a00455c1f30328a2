//! The callback listener when the world is against it: a port that is taken, a restart, a store that is down.

use std::time::Duration;

use goclaw::{domain::login_outcome::LoginOutcome, ports::CallbackReply};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, query_of, settle};

const CONNECTED: CallbackReply = CallbackReply::Ended(LoginOutcome::Completed);

#[tokio::test]
async fn a_port_that_is_taken_is_told_in_the_seed_s_words_and_pasting_works() {
    let gateway = TestGateway::open().await;
    gateway.listener.hold_port(true);
    let login = gateway.start(alice()).await;
    let error = login.callback_error.expect("the browser cannot come back").to_string();
    assert!(error.starts_with("failed to start OAuth flow (is port 1455 available?)"), "{error}");
    assert!(error.contains("another program holds 127.0.0.1:1455"), "{error}");
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("it connects");
}

#[tokio::test]
async fn a_port_that_is_free_again_is_taken_by_the_next_start() {
    let gateway = TestGateway::open().await;
    gateway.listener.hold_port(true);
    let first = gateway.start(alice()).await;
    gateway.listener.hold_port(false);
    let second = gateway.start(alice()).await;
    assert!(second.login_id == first.login_id && second.callback_error.is_none());
    assert_eq!(gateway.approve(&first).shown().await, CONNECTED);
}

#[tokio::test]
async fn a_restart_listens_again_for_a_login_that_is_pending() {
    let mut gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    gateway.restart().await;
    assert!(gateway.listener.is_open());
    assert_eq!(gateway.listener.times_opened(), 2);
    assert_eq!(gateway.approve(&login).shown().await, CONNECTED);
    assert_eq!(gateway.tokens(OPENAI).await, Some(("access-1".to_owned(), Some("refresh-1".to_owned()))));
}

#[tokio::test]
async fn a_restart_listens_for_nothing_if_no_login_is_pending() {
    let mut gateway = TestGateway::open().await;
    gateway.start(alice()).await;
    gateway.app.shut_down().await;
    assert!(!gateway.listener.is_open(), "a gateway that has stopped holds no port");
    gateway.clock.advance(Duration::from_secs(360));
    gateway.restart().await;
    settle().await;
    assert_eq!((gateway.listener.is_open(), gateway.listener.times_opened()), (false, 1));
    assert_eq!(gateway.status(&alice()).await.last_login.expect("an end").outcome, LoginOutcome::Expired);
}

#[tokio::test]
async fn a_restart_with_the_port_taken_still_takes_a_pasted_address() {
    let mut gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    gateway.app.shut_down().await;
    gateway.listener.hold_port(true);
    gateway.restart().await;
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("it connects");
}

#[tokio::test]
async fn a_browser_that_meets_a_store_that_is_down_may_come_again() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.store.fail_all();
    let page = gateway.listener.browser_returns(query_of(&approved));
    assert_eq!(page.shown().await, CallbackReply::Unavailable);
    settle().await;
    assert!(gateway.listener.is_open(), "nobody knows whether a login is pending");

    gateway.store.repair();
    let page = gateway.listener.browser_returns(query_of(&approved));
    assert_eq!(page.shown().await, CONNECTED);
}

#[tokio::test]
async fn it_closes_soon_after_a_store_that_was_down_says_that_nothing_is_pending() {
    let gateway = TestGateway::open().await;
    gateway.start(alice()).await;
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
    let (of_alice, of_bob) = (gateway.start(alice()).await, gateway.start(bob()).await);
    for login in [of_bob, of_alice] {
        assert_eq!(gateway.approve(&login).shown().await, CONNECTED);
    }
    assert_eq!((gateway.provider.exchanges(), gateway.listener.times_opened()), (2, 1));
}
