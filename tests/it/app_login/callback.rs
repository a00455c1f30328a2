//! Tests of callbacks to the listener: the browser sees the true outcome, and only the right state has an effect.

use std::time::Duration;

use goclaw::{
    domain::{
        credential::AccountState,
        login_outcome::{LoginEnd, LoginOutcome},
        time::Timestamp,
    },
    ports::CallbackReply,
};

use crate::support::fakes::{NOW, OPENAI, TestGateway, alice, name, query_of, settle};

const CONNECTED: CallbackReply = CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed));

#[tokio::test]
async fn an_approved_login_saves_both_tokens_and_registers_the_account() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    assert_eq!(gateway.approve(&login).shown().await, CONNECTED);

    assert_eq!(gateway.tokens(OPENAI).await, Some(("access-1".to_owned(), Some("refresh-1".to_owned()))));
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.reason, status.pending), (AccountState::Active, None, None));
    assert_eq!(status.login_id.as_ref(), Some(&login.login_id));
    assert_eq!(status.expires_at, Some(NOW.plus(Duration::from_secs(3600))));
    assert_eq!(status.account.email.as_deref(), Some("owner@example.org"));
    let registered = gateway.app.tokens.registry().get(&name(OPENAI)).expect("a registration");
    assert_eq!((registered.refresh.version.login_id.clone(), registered.enabled), (login.login_id, true));
}

#[tokio::test]
async fn the_browser_waits_until_the_provider_responds() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.provider.hang();
    let mut page = gateway.approve(&login);
    settle().await;
    assert!(page.is_waiting());
    assert_eq!((gateway.provider.exchanges(), gateway.account(OPENAI).await), (1, None));
    gateway.provider.resume();
    assert_eq!(page.shown().await, CONNECTED);
}

#[tokio::test]
async fn the_browser_waits_until_the_tokens_are_saved() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.store.block_saves();
    let mut page = gateway.approve(&login);
    settle().await;
    assert_eq!(gateway.provider.exchanges(), 1);
    assert!(page.is_waiting(), "the tokens are not saved yet");
    gateway.store.unblock_saves();
    assert_eq!(page.shown().await, CONNECTED);
    assert!(gateway.account(OPENAI).await.is_some());
}

#[tokio::test]
async fn a_wrong_state_never_ends_a_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    let right = query_of(&approved).rsplit_once("state=").expect("a state").1;
    let reversed: String = right.chars().rev().collect();
    for wrong in ["guess", &right[1..], &right[..right.len() - 1], &reversed, &right.to_ascii_uppercase()] {
        for verdict in ["code=ac_1", "error=access_denied", "error=server_error", "x=y"] {
            for _ in 0..10 {
                let page = gateway.listener.browser_returns(&format!("{verdict}&state={wrong}"));
                assert_eq!(page.shown().await, CallbackReply::Rejected, "{verdict}, {wrong}");
            }
        }
    }
    assert_eq!(gateway.provider.exchanges(), 0);
    assert_eq!(gateway.status(&alice()).await.pending.expect("a pending login").login_id, login.login_id);
    assert_eq!(gateway.listener.browser_returns(query_of(&approved)).shown().await, CONNECTED);
}

#[tokio::test]
async fn a_callback_without_a_code_or_from_another_issuer_leaves_the_login_pending() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    let state = query_of(&approved).rsplit_once('&').expect("several parameters").1;
    for query in [state.to_owned(), format!("{}&iss=https%3A%2F%2Fevil.example", query_of(&approved))] {
        assert_eq!(gateway.listener.browser_returns(&query).shown().await, CallbackReply::Rejected, "{query}");
    }
    assert!(gateway.status(&alice()).await.pending.is_some());
    let of_the_right_issuer = format!("{}&iss=https%3A%2F%2Fauth.openai.com", query_of(&approved));
    assert_eq!(gateway.listener.browser_returns(&of_the_right_issuer).shown().await, CONNECTED);
}

#[tokio::test]
async fn a_denial_at_the_provider_ends_the_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let declined = gateway.provider.decline(&login.auth_url);
    let page = gateway.listener.browser_returns(query_of(&declined));
    assert_eq!(page.shown().await, CallbackReply::Ended(LoginEnd::of(LoginOutcome::Denied)));

    let status = gateway.status(&alice()).await;
    let last = status.last_login.expect("the last login");
    assert_eq!((status.state, status.pending), (AccountState::Absent, None));
    assert_eq!((last.login_id, last.end.outcome, last.at), (login.login_id, LoginOutcome::Denied, NOW));
    assert_eq!(gateway.provider.exchanges(), 0);
}

#[tokio::test]
async fn a_late_callback_ends_the_login_as_expired() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    // Only the wall clock moves, so no timer has ended the login.
    gateway.clock.set_wall_clock(login.expires_at);
    assert_eq!(gateway.approve(&login).shown().await, CallbackReply::Ended(LoginEnd::of(LoginOutcome::Expired)));
    assert_eq!(gateway.provider.exchanges(), 0, "the code is not redeemed");
    assert_eq!(gateway.status(&alice()).await.last_login.expect("an end").end.outcome, LoginOutcome::Expired);
    assert_ne!(gateway.start_login(alice()).await.login_id, login.login_id, "a new start works at once");
}

#[tokio::test]
async fn a_callback_in_the_last_millisecond_is_accepted() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.clock.set_wall_clock(Timestamp::from_unix_millis(login.expires_at.unix_millis() - 1));
    assert_eq!(gateway.approve(&login).shown().await, CONNECTED);
}

#[tokio::test]
async fn a_repeated_callback_shows_the_outcome_of_the_first() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.provider.hang();
    let first = gateway.listener.browser_returns(query_of(&approved));
    settle().await;
    let second = gateway.listener.browser_returns(query_of(&approved));
    assert_eq!(second.shown().await, CallbackReply::Finishing);
    gateway.provider.resume();
    assert_eq!(first.shown().await, CONNECTED);
    let third = gateway.listener.browser_returns(query_of(&approved));
    assert_eq!(third.shown().await, CONNECTED);
    assert_eq!(gateway.provider.exchanges(), 1);
}
