//! Tests of concurrent callers, callers that disconnect, and a shutdown during a login.

use std::time::Duration;

use goclaw::{
    app::{AppError, Callback},
    domain::{
        authorization_response::AuthorizationResponse,
        credential::AccountState,
        login_outcome::{LoginEnd, LoginOutcome},
    },
    ports::CallbackReply,
};
use tokio::task::JoinSet;

use crate::support::fakes::{OPENAI, TestGateway, alice, name, query_of, settle, within};

const ACTIVE: AccountState = AccountState::Active;

fn received(redirect_url: &str) -> Callback {
    Callback::Received(AuthorizationResponse::from_query(query_of(redirect_url)).expect("a callback"))
}

#[tokio::test]
async fn fifty_parallel_completions_redeem_the_code_once() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.provider.hang();
    let mut completions = JoinSet::new();
    for number in 0..50 {
        let app = gateway.app.clone();
        let pasted =
            || Callback::Pasted { name: name(OPENAI), redirect_url: approved.as_str().into(), principal: alice() };
        let callback = if number % 2 == 0 { received(&approved) } else { pasted() };
        completions.spawn(async move { app.logins.complete(callback).await });
    }
    settle().await;
    assert_eq!(gateway.provider.exchanges(), 1);
    gateway.provider.resume();

    let (connected, others): (Vec<_>, Vec<_>) =
        within(completions.join_all()).await.into_iter().partition(Result::is_ok);
    assert_eq!(connected.len(), 1);
    assert!(others.iter().all(|other| matches!(other, Err(AppError::LoginInProgress))), "{others:?}");
    assert_eq!(gateway.provider.exchanges(), 1);
    assert_eq!(gateway.tokens(OPENAI).await, Some(("access-1".to_owned(), Some("refresh-1".to_owned()))));
}

#[tokio::test]
async fn two_gateways_on_one_store_redeem_a_code_once() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    let other = gateway.another_gateway(1);
    let results =
        tokio::join!(gateway.app.logins.complete(received(&approved)), other.logins.complete(received(&approved)),);
    let results = [results.0, results.1];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert_eq!(gateway.provider.exchanges(), 1);
}

#[tokio::test]
async fn a_disconnected_caller_does_not_stop_the_exchange() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.provider.hang();
    {
        let completion = gateway.app.logins.complete(received(&approved));
        tokio::select! {
            result = completion => panic!("the provider has not responded: {result:?}"),
            () = settle() => {}
        }
    }
    assert_eq!((gateway.provider.exchanges(), gateway.account(OPENAI).await), (1, None));
    gateway.provider.resume();
    settle().await;
    assert_eq!(gateway.status(&alice()).await.state, ACTIVE);
}

#[tokio::test]
async fn a_disconnected_browser_does_not_stop_the_exchange() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.provider.hang();
    let page = gateway.approve(&login);
    settle().await;
    drop(page);
    gateway.provider.resume();
    settle().await;
    assert_eq!(gateway.status(&alice()).await.state, ACTIVE);
}

#[tokio::test]
async fn a_shutdown_waits_for_the_exchange_and_shows_its_outcome() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.provider.hang();
    let mut page = gateway.approve(&login);
    settle().await;
    let finish = gateway.app.shut_down();
    tokio::pin!(finish);
    tokio::select! {
        () = &mut finish => panic!("the gateway stopped during the exchange"),
        () = settle() => {}
    }
    assert!(page.is_waiting());
    gateway.provider.resume();
    within(finish).await;
    assert!(gateway.account(OPENAI).await.is_some(), "the tokens are saved before the stop");
    assert_eq!(page.shown().await, CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)));
    assert!(!gateway.listener.is_open());
}

#[tokio::test]
async fn a_stuck_exchange_ends_as_interrupted() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.provider.hang();
    let _page = gateway.approve(&login);
    settle().await;
    // Without a response, the exchange looks like that of a crashed gateway.
    gateway.clock.advance(Duration::from_secs(120));
    settle().await;
    assert_eq!(gateway.status(&alice()).await.last_login, None, "the exchange may still succeed");
    gateway.clock.advance(Duration::from_secs(60));
    settle().await;
    let last = gateway.status(&alice()).await.last_login.expect("the sweeper ends the login");
    assert_eq!((last.login_id, last.end.outcome), (login.login_id, LoginOutcome::Interrupted));
}
