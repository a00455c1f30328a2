//! Tests of token responses that arrive after their call has timed out: the account is in doubt until they are stored.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{AccountStatus, AppError},
    domain::{credential::AccountState, ids::Generation, refresh::TokenVersion},
};

use crate::support::fakes::{OPENAI, TestGateway, alice, name, settle, spawn, within};

const HTTP_TIMEOUT: Duration = Duration::from_secs(20);
/// Extra time to read a response after the timeout.
const EXTRA_WAIT: Duration = Duration::from_millis(500);
/// Time for a cancelled call to close its connection.
const CLOSING: Duration = Duration::from_millis(100);
/// Longer than the longest pause before another presentation.
const AFTER_PAUSE: Duration = Duration::from_secs(600);
/// How much longer than the timeout a shutdown waits for a late response.
const GRACE_AT_STOP: Duration = Duration::from_secs(5);

/// Connects a gateway whose first refresh has timed out, although the provider has rotated the token. Returns the
/// status that the refresh reported.
async fn in_doubt() -> (TestGateway, AccountStatus) {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway.provider.hang();
    let refreshing = spawn(refresh(&gateway, None));
    for wait in [HTTP_TIMEOUT, EXTRA_WAIT] {
        settle().await;
        gateway.clock.advance(wait);
    }
    let status = within(refreshing).await.unwrap().expect("a status");
    assert_eq!((status.state, status.authenticated), (AccountState::InDoubt, true));
    (gateway, status)
}

fn refresh(
    gateway: &TestGateway,
    consent: Option<TokenVersion>,
) -> impl Future<Output = Result<AccountStatus, AppError>> + Send + use<> {
    let app = Arc::clone(&gateway.app);
    async move { app.accounts.refresh(&name(OPENAI), &alice(), consent).await }
}

#[tokio::test]
async fn a_late_response_is_stored() {
    let (gateway, _) = in_doubt().await;
    gateway.clock.advance(Duration::from_secs(9 * 60));
    gateway.provider.resume();
    settle().await;
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.generation), (AccountState::Active, Some(Generation(1))));
    assert_eq!((gateway.provider.presented().len(), gateway.provider.reused()), (1, 0));
    let tokens = gateway.tokens(OPENAI).await.expect("tokens");
    assert_eq!(tokens, ("access-of-refreshed-1".to_owned(), Some("refreshed-1".to_owned())));
    assert!(gateway.journal.unsaved().is_empty());
}

#[tokio::test]
async fn the_next_presentation_cancels_the_late_call() {
    let (gateway, status) = in_doubt().await;
    let seen = TokenVersion { login_id: status.login_id.unwrap(), generation: status.generation.unwrap() };
    gateway.clock.advance(AFTER_PAUSE);
    assert_eq!(gateway.provider.calls_under_way(), 1);
    let consented = spawn(refresh(&gateway, Some(seen)));
    settle().await;
    assert_eq!((gateway.provider.presented().len(), gateway.provider.calls_under_way()), (1, 0));
    gateway.clock.advance(CLOSING);
    settle().await;
    assert_eq!((gateway.provider.presented().len(), gateway.provider.calls_under_way()), (2, 1));
    gateway.provider.resume();
    let status = within(consented).await.unwrap().expect("a status");
    assert_eq!(status.state, AccountState::NeedsReauth);
}

#[tokio::test]
async fn a_presentation_by_another_replica_cancels_the_late_call() {
    let (gateway, status) = in_doubt().await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    let seen = TokenVersion { login_id: status.login_id.unwrap(), generation: status.generation.unwrap() };
    gateway.clock.advance(AFTER_PAUSE);
    settle().await;
    let consented = spawn(async move { other.accounts.refresh(&name(OPENAI), &alice(), Some(seen)).await });
    settle().await;
    assert_eq!((gateway.provider.presented().len(), gateway.provider.calls_under_way()), (2, 2));
    // The first replica reads the other replica's changes.
    gateway.clock.advance(Duration::from_millis(500));
    settle().await;
    assert_eq!(gateway.provider.calls_under_way(), 1);
    gateway.provider.resume();
    assert_eq!(within(consented).await.unwrap().expect("a status").state, AccountState::NeedsReauth);
}

#[tokio::test]
async fn a_shutdown_waits_a_limited_time_for_a_late_response() {
    for arrives in [true, false] {
        let (gateway, _) = in_doubt().await;
        let app = Arc::clone(&gateway.app);
        let stopping = spawn(async move { app.shut_down().await });
        settle().await;
        gateway.clock.advance(HTTP_TIMEOUT);
        settle().await;
        assert!(!stopping.is_finished(), "the call is still under way");
        if arrives {
            gateway.provider.resume();
        } else {
            gateway.clock.advance(GRACE_AT_STOP);
        }
        within(stopping).await.unwrap();
        let generation = gateway.account(OPENAI).await.expect("an account").generation();
        assert_eq!(generation, Generation(u64::from(arrives)));
    }
}
