//! Tests of forwarded requests: a 401 from the provider triggers one refresh and one retry of the request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::TryStreamExt;
use goclaw::{
    app::{App, AppError, ProxyRequest},
    domain::{ids::Generation, scope::Rights},
    ports::RequestBody,
};
use http_message::{HeaderMap, Method};
use tokio::task::JoinSet;

use crate::support::fakes::{OPENAI, RefreshFault, Reply, TestGateway, alice, name, within};

const HOUR: Duration = Duration::from_secs(3600);

/// Connects a gateway that refreshes only on demand, and advances the clock.
async fn connected() -> TestGateway {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway.clock.advance(HOUR / 4);
    gateway
}

async fn request_usage(gateway: &TestGateway) -> Result<(u16, String), AppError> {
    request_usage_from(&gateway.app).await
}

async fn request_usage_from(app: &App) -> Result<(u16, String), AppError> {
    let request = ProxyRequest {
        rights: Rights::Owner,
        name: name(OPENAI),
        method: Method::GET,
        path: "wham/usage".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: RequestBody::default(),
    };
    let response = within(app.models.forward(request)).await?;
    let body: Vec<Bytes> = response.body.try_collect().await.expect("a body");
    Ok((response.status.as_u16(), String::from_utf8(body.concat()).expect("text")))
}

#[tokio::test]
async fn a_hundred_concurrent_401s_cause_one_refresh() {
    let gateway = Arc::new(connected().await);
    gateway.upstream.refuse("access-1", "token_expired");
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let gateway = Arc::clone(&gateway);
        callers.spawn(async move { request_usage(&gateway).await.expect("a response").0 });
    }
    let statuses = callers.join_all().await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(gateway.provider.presented(), ["refresh-1"]);
    assert_eq!(gateway.status(&alice()).await.generation, Some(Generation(1)));
}

#[tokio::test]
async fn a_401_after_a_refresh_reaches_the_caller_unchanged() {
    let gateway = connected().await;
    gateway.upstream.refuse_all();
    for _ in 0..5 {
        let (status, body) = request_usage(&gateway).await.expect("a response");
        assert_eq!((status, body.as_str()), (401, r#"{"detail":"Unauthorized"}"#));
    }
    assert_eq!(gateway.provider.presented().len(), 1, "the new token is too recent for another refresh");
    assert_eq!(gateway.upstream.seen()[..2], ["access-1", "access-of-refreshed-1"]);
}

#[tokio::test]
async fn a_replica_with_a_refused_token_is_served_although_its_successor_has_expired() {
    let gateway = connected().await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    gateway.upstream.refuse("access-1", "token_revoked");
    gateway.provider.reply_with(Reply::Tokens { lifetime: Some(60), with_refresh_token: true });
    assert_eq!(request_usage(&gateway).await.expect("a response").0, 200);
    gateway.clock.advance(HOUR / 20);
    assert_eq!(request_usage_from(&other).await.expect("a response").0, 200);
    assert_eq!(gateway.upstream.seen(), ["access-1", "access-of-refreshed-1", "access-1", "access-of-refreshed-2"]);
}

/// Connects an account that is in doubt and whose access token the API rejects with `code`.
async fn in_doubt(code: &str) -> TestGateway {
    let gateway = connected().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::RequestLost]);
    gateway.app.accounts.refresh(&name(OPENAI), &alice(), None).await.expect("a status");
    gateway.clock.advance(HOUR / 10);
    gateway.upstream.refuse("access-1", code);
    gateway
}

#[tokio::test]
async fn a_401_in_doubt_causes_an_early_retry_only_if_the_token_is_dead() {
    for (code, presentations) in [("unknown", [1, 1, 2]), ("token_expired", [2, 2, 2])] {
        let gateway = in_doubt(code).await;
        for (number, presented) in presentations.into_iter().enumerate() {
            request_usage(&gateway).await.expect("a response");
            assert_eq!(gateway.provider.presented().len(), presented, "{code}, request {number}");
            // The second request follows at once, the third after the pause.
            gateway.clock.advance(HOUR / 60 * u32::try_from(number).expect("a small number"));
        }
        assert_eq!(gateway.status(&alice()).await.generation, Some(Generation(1)), "{code}");
    }
}

#[tokio::test]
async fn a_token_that_the_api_still_accepts_causes_no_retry_in_doubt() {
    let gateway = in_doubt("unknown").await;
    for _ in 0..5 {
        gateway.upstream.refuse("access-1", "unknown");
        assert_eq!(request_usage(&gateway).await.expect("a response").0, 401);
        gateway.upstream.accept("access-1");
        assert_eq!(request_usage(&gateway).await.expect("a response").0, 200);
        gateway.clock.advance(HOUR / 60);
    }
    assert_eq!(gateway.provider.presented().len(), 1, "no retry in doubt");
}

#[tokio::test]
async fn a_token_the_provider_revoked_is_not_authenticated() {
    let gateway = in_doubt("token_revoked").await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::OtherAccount]);
    assert_eq!(request_usage(&gateway).await.expect("a response").0, 401);
    assert_eq!(request_usage(&gateway).await.expect("a response").0, 401);
    let status = gateway.status(&alice()).await;
    assert!(!status.authenticated && status.reason.is_some_and(|reason| reason.contains("Sign in again")));
    let listed = gateway.app.accounts.list().await.expect("a list");
    assert!(listed.iter().all(|account| !account.authenticated), "the list says the same");
}

#[tokio::test]
async fn a_login_starts_without_force_if_the_provider_ended_the_access_token() {
    let gateway = connected().await;
    gateway.upstream.refuse("access-1", "token_revoked");
    gateway.provider.queue_refresh_faults(&[RefreshFault::NotReached; 5]);
    let refused = request_usage(&gateway).await;
    assert!(matches!(refused, Err(AppError::RefreshUnavailable { wait: Some(wait), .. }) if wait < HOUR / 12));
    assert!(!gateway.status(&alice()).await.authenticated);
    gateway.start_login(alice()).await;
}

#[tokio::test]
async fn missing_accounts_and_forbidden_paths_are_distinct_errors() {
    let gateway = TestGateway::open().await;
    assert!(matches!(request_usage(&gateway).await, Err(AppError::NotConnected(_))));
    gateway.connect().await;
    let request = |account: &str, path: &str| ProxyRequest {
        rights: Rights::Owner,
        name: name(account),
        method: Method::GET,
        path: path.to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: RequestBody::default(),
    };
    let refusal =
        async |account, path| gateway.app.models.forward(request(account, path)).await.err().expect("an error");
    assert!(matches!(refusal("xyz", "wham/usage").await, AppError::UnknownProvider(_)));
    assert!(matches!(refusal("openai", "wham/tasks").await, AppError::PathNotAllowed { .. }));
    assert!(matches!(refusal("openai", "codex/../wham/tasks").await, AppError::InvalidPath(_)));
    assert!(gateway.upstream.seen().is_empty());
}
