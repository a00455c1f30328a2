//! Tests of refreshes: schedule, concurrency, and the account's state after each fault.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{AccountStatus, AppError},
    domain::{credential::AccountState, history::EventKind, ids::Generation, refresh::TokenVersion},
};
use secrecy::ExposeSecret;
use tokio::task::JoinSet;

use crate::support::{
    fakes::{OPENAI, RefreshFault, TestGateway, alice, name, settle, spawn, within},
    log::CapturedLog,
};

const HOUR: Duration = Duration::from_secs(3600);
/// The limit of steps while a test waits for refreshes. In seconds, it is twice the life of an access token.
const MAX_STEPS: u32 = 7_200;
const IN_DOUBT: AccountState = AccountState::InDoubt;
const NEEDS_REAUTH: AccountState = AccountState::NeedsReauth;

/// Connects a gateway that refreshes only on demand.
async fn connected() -> TestGateway {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway
}

async fn refresh(gateway: &TestGateway, consent: Option<TokenVersion>) -> Result<AccountStatus, AppError> {
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), consent)).await
}

async fn bearer(gateway: &TestGateway) -> Result<String, AppError> {
    let account = within(gateway.app.tokens.usable(&name(OPENAI))).await?;
    Ok(account.access_token.expose_secret().to_owned())
}

fn version(status: &AccountStatus) -> TokenVersion {
    let (login_id, generation) = (status.login_id.clone().expect("a login"), status.generation.expect("a generation"));
    TokenVersion { login_id, generation }
}

#[tokio::test]
async fn a_refresh_replaces_both_tokens_and_is_recorded() {
    let gateway = connected().await;
    gateway.clock.advance(Duration::from_secs(60));
    let status = refresh(&gateway, None).await.expect("the refresh succeeds");
    assert_eq!((status.generation, status.authenticated), (Some(Generation(1)), true));
    assert!(status.last_refresh_at.is_some() && status.next_refresh_at > status.last_refresh_at);
    let tokens = gateway.tokens(OPENAI).await.expect("tokens");
    assert_eq!(tokens, ("access-of-refreshed-1".to_owned(), Some("refreshed-1".to_owned())));
    assert_eq!(bearer(&gateway).await.expect("a token"), "access-of-refreshed-1");
    let events = gateway.app.accounts.events(&name(OPENAI), 200).await.expect("events");
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Refreshed, EventKind::RefreshStarted, EventKind::SignedIn]);
    assert!(gateway.journal.unsaved().is_empty());
}

#[tokio::test]
async fn tokens_are_refreshed_before_they_are_needed() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.clock.advance(HOUR / 2);
    settle().await;
    assert!(gateway.provider.presented().is_empty(), "no refresh is due yet");
    for _ in 0..120 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
    }
    assert_eq!(gateway.provider.presented(), ["refresh-1"]);
    assert_eq!(gateway.status(&alice()).await.generation, Some(Generation(1)));
}

#[tokio::test]
async fn fifty_callers_at_expiry_share_one_refresh() {
    let gateway = Arc::new(connected().await);
    gateway.clock.advance(HOUR);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let gateway = Arc::clone(&gateway);
        callers.spawn(async move { bearer(&gateway).await.expect("a token") });
    }
    let tokens = callers.join_all().await;
    assert!(tokens.iter().all(|token| token == "access-of-refreshed-1"), "{tokens:?}");
    assert_eq!((gateway.provider.presented().len(), gateway.provider.reused()), (1, 0));
}

#[tokio::test]
async fn two_replicas_share_one_refresh() {
    let gateway = connected().await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    gateway.clock.advance(HOUR);
    gateway.provider.hang();
    let (openai, app) = (name(OPENAI), Arc::clone(&gateway.app));
    let first =
        spawn(async move { app.tokens.usable(&name(OPENAI)).await.map(|account| account.refresh.version.clone()) });
    settle().await;
    let app = Arc::clone(&other);
    let second = spawn(async move { app.tokens.usable(&openai).await.map(|account| account.refresh.version.clone()) });
    settle().await;
    gateway.provider.resume();
    settle().await;
    // The other replica polls the store again.
    gateway.clock.advance(Duration::from_millis(200));
    let (first, second) = (within(first).await.unwrap().unwrap(), within(second).await.unwrap().unwrap());
    assert_eq!((first.generation, second.generation), (Generation(1), Generation(1)));
    assert_eq!((gateway.provider.presented().len(), gateway.provider.reused()), (1, 0));
}

#[tokio::test]
async fn a_lost_response_leaves_the_account_in_doubt_and_the_token_usable() {
    let gateway = connected().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::ResponseLost]);
    let status = refresh(&gateway, None).await.expect("a status");
    assert_eq!((status.state, status.authenticated), (IN_DOUBT, true));
    assert!(status.reason.as_ref().expect("a reason").contains("is unconfirmed"));
    let too_soon = refresh(&gateway, Some(version(&status))).await;
    assert!(matches!(too_soon, Err(AppError::RefreshNotYet { .. })), "{too_soon:?}");
    gateway.clock.advance(HOUR / 2);
    let again = refresh(&gateway, None).await.expect("a status");
    assert_eq!((again.state, gateway.provider.presented().len()), (IN_DOUBT, 1), "no retry without consent");
    assert_eq!(bearer(&gateway).await.expect("a token"), "access-1");

    // Consent allows one retry, for this token version only. Here the provider had consumed the token.
    let stale = TokenVersion { generation: Generation(7), ..version(&status) };
    assert!(matches!(refresh(&gateway, Some(stale)).await, Err(AppError::StaleConsent(_))));
    let consented = refresh(&gateway, Some(version(&status))).await.expect("a status");
    assert_eq!((consented.state, gateway.provider.presented().len()), (NEEDS_REAUTH, 2));
    assert_eq!(bearer(&gateway).await.expect("a token until its expiry"), "access-1");
    gateway.clock.advance(HOUR / 2);
    assert!(matches!(bearer(&gateway).await, Err(AppError::NeedsReauth(_))));
}

#[tokio::test]
async fn an_outage_beyond_the_token_lifetime_loses_no_login() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::RequestLost; 20]);
    for _ in 0..400 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
    }
    let status = gateway.status(&alice()).await;
    assert!(status.authenticated, "{status:?}");
    assert_eq!(gateway.provider.reused(), 0);
    assert!(status.generation > Some(Generation::FIRST));
}

#[tokio::test]
async fn an_unconsumed_token_is_retried_after_a_pause() {
    let gateway = connected().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::RateLimited]);
    let status = refresh(&gateway, None).await.expect("a status");
    assert_eq!((status.state, status.authenticated), (AccountState::Active, true));
    gateway.clock.advance(Duration::from_secs(29));
    refresh(&gateway, None).await.expect("a status");
    assert_eq!(gateway.provider.presented().len(), 1, "one request in thirty seconds");
    gateway.clock.advance(Duration::from_secs(31));
    assert_eq!(refresh(&gateway, None).await.expect("a status").generation, Some(Generation(1)));
}

#[tokio::test]
async fn a_token_that_was_not_sent_is_retried_at_once_on_request() {
    let gateway = connected().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::NotReached]);
    let status = refresh(&gateway, None).await.expect("a status");
    assert_eq!((status.state, status.authenticated), (AccountState::Active, true));
    assert_eq!(refresh(&gateway, None).await.expect("a status").generation, Some(Generation(1)));
}

#[tokio::test]
async fn a_response_for_another_account_is_discarded() {
    let gateway = connected().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::OtherAccount]);
    let status = refresh(&gateway, None).await.expect("a status");
    assert_eq!((status.state, status.generation), (NEEDS_REAUTH, Some(Generation::FIRST)));
    let reason = status.reason.expect("a reason");
    assert!(reason.contains("workspace workspace-1") && reason.contains("workspace workspace-2"), "{reason}");
    assert_eq!(gateway.tokens(OPENAI).await.expect("tokens").0, "access-1");
}

#[tokio::test]
async fn without_rotation_the_old_refresh_token_remains_valid() {
    let gateway = connected().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::NotRotated]);
    refresh(&gateway, None).await.expect("a status");
    assert_eq!(refresh(&gateway, None).await.expect("a status").generation, Some(Generation(2)));
    assert_eq!(
        (gateway.provider.presented(), gateway.provider.reused()),
        (vec!["refresh-1".into(), "refresh-1".into()], 0)
    );
}

#[tokio::test]
async fn a_response_without_an_access_token_keeps_the_old_one() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::NoAccessToken]);
    let status = refresh(&gateway, None).await.expect("a status");
    assert_eq!((status.generation, status.authenticated), (Some(Generation(1)), true));
    assert_eq!(gateway.tokens(OPENAI).await.expect("tokens"), ("access-1".to_owned(), Some("refreshed-1".to_owned())));
    for _ in 0..120 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
    }
    assert_eq!(gateway.provider.presented(), ["refresh-1", "refreshed-1"], "the second refresh waits until it is due");
    assert_eq!(gateway.provider.reused(), 0);
}

#[tokio::test]
async fn tokens_received_during_a_store_outage_are_stored_afterwards() {
    let gateway = connected().await;
    gateway.provider.hang();
    let app = Arc::clone(&gateway.app);
    let refreshing = spawn(async move { app.accounts.refresh(&name(OPENAI), &alice(), None).await });
    settle().await;
    gateway.store.fail_all();
    gateway.provider.resume();
    settle().await;
    assert_eq!(gateway.journal.unsaved().len(), 1, "the journal is written before the database");
    assert_eq!(bearer(&gateway).await.expect("the cached token"), "access-1");
    gateway.store.repair();
    gateway.clock.advance(Duration::from_secs(2));
    assert_eq!(within(refreshing).await.unwrap().expect("a status").generation, Some(Generation(1)));
    assert!(gateway.journal.unsaved().is_empty());
}

#[tokio::test]
async fn journal_records_of_a_crash_are_stored_at_the_next_start() {
    let mut gateway = connected().await;
    gateway.provider.hang();
    let app = Arc::clone(&gateway.app);
    let refreshing = spawn(async move { app.accounts.refresh(&name(OPENAI), &alice(), None).await });
    settle().await;
    gateway.store.fail_to("refresh an account");
    gateway.provider.resume();
    settle().await;
    // A shutdown does not wait for the database, because the journal has the tokens.
    let stopping = spawn({
        let app = Arc::clone(&gateway.app);
        async move { app.shut_down().await }
    });
    settle().await;
    gateway.clock.advance(Duration::from_secs(2));
    within(stopping).await.unwrap();
    refreshing.abort();
    assert_eq!(gateway.journal.unsaved().len(), 1);
    gateway.store.repair();
    gateway.app = gateway.another_gateway(1);
    gateway.app.start().await.expect("the gateway starts");
    assert_eq!(gateway.status(&alice()).await.generation, Some(Generation(1)));
    assert_eq!(
        (bearer(&gateway).await.expect("a token"), gateway.provider.reused()),
        ("access-of-refreshed-1".into(), 0)
    );
    assert!(gateway.journal.unsaved().is_empty());
}

#[tokio::test]
async fn a_refresh_that_ends_after_a_logout_is_revoked() {
    let gateway = connected().await;
    gateway.provider.hang();
    let app = Arc::clone(&gateway.app);
    let refreshing = spawn(async move { app.accounts.refresh(&name(OPENAI), &alice(), None).await });
    settle().await;
    gateway.app.accounts.logout(name(OPENAI)).await.expect("the logout succeeds");
    gateway.provider.resume();
    within(refreshing).await.unwrap().expect("a status");
    assert!(gateway.account(OPENAI).await.is_none());
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_none());
    assert_eq!(gateway.provider.revoked(), ["refresh-1", "refreshed-1"]);
}

#[tokio::test]
async fn a_mass_invalidation_ends_each_affected_account_once_and_no_other() {
    let gateway = TestGateway::open().await;
    for number in 0..12 {
        gateway.connect_as(&format!("work-{number}")).await;
    }
    gateway.provider.invalidate_all();
    gateway.connect().await;
    for _ in 0..150 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
        assert!(bearer(&gateway).await.is_ok(), "the healthy account stays usable");
    }
    let mut presented = gateway.provider.presented();
    // The healthy account connected after twelve others.
    let healthy = presented.iter().filter(|token| token.starts_with("refreshed-") || *token == "refresh-13").count();
    assert!(healthy > 0, "{presented:?}");
    presented.sort();
    presented.dedup();
    assert_eq!(presented.len(), gateway.provider.presented().len(), "each token is presented once");
    assert_eq!(presented.len() - healthy, 12);
}

#[tokio::test]
async fn refreshes_pause_for_an_unreachable_provider_and_then_one_probes() {
    let gateway = TestGateway::open().await;
    for number in 0..12 {
        gateway.connect_as(&format!("work-{number}")).await;
    }
    gateway.provider.queue_refresh_faults(&[RefreshFault::NotReached; 50]);
    let mut steps = 0..MAX_STEPS;
    while gateway.provider.presented().len() < 5 {
        steps.next().expect("five refreshes in time");
        gateway.clock.advance(Duration::from_secs(1));
        settle().await;
    }
    let before = gateway.provider.presented().len();
    assert!(before < 12, "{before} before the pause");
    gateway.clock.advance(Duration::from_secs(240));
    settle().await;
    assert_eq!(gateway.provider.presented().len(), before, "the pause is not over");
    gateway.clock.advance(Duration::from_secs(90));
    settle().await;
    assert_eq!(gateway.provider.presented().len(), before + 1, "one probe");
}

#[tokio::test]
async fn an_error_has_the_time_until_the_next_possible_refresh() {
    let gateway = connected().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::NotReached; 50]);
    gateway.clock.advance(HOUR);
    let wait = async || match bearer(&gateway).await {
        Err(AppError::RefreshUnavailable { wait: Some(wait), .. }) => wait,
        other => panic!("{other:?}"),
    };
    let first = wait().await;
    assert!(first >= Duration::from_secs(20), "{first:?}");
    gateway.clock.advance(Duration::from_secs(10));
    assert_eq!(wait().await, first - Duration::from_secs(10));
    // The breaker opens after five faults in a row, because this is the only account.
    let mut steps = 0..MAX_STEPS;
    while gateway.provider.presented().len() < 5 {
        steps.next().expect("five refreshes in time");
        gateway.clock.advance(Duration::from_secs(10));
        let _ = bearer(&gateway).await;
    }
    let paused = wait().await;
    assert!(paused > Duration::from_secs(280), "{paused:?}");
}

#[tokio::test]
async fn the_only_account_of_a_server_opens_its_breaker_although_another_server_has_an_account_too() {
    let gateway = TestGateway::with_variables(&[
        ("GOCLAW_REFRESH__PROACTIVE", "false"),
        ("GOCLAW_PROVIDERS__WORK__TYPE", "openai-codex"),
        ("GOCLAW_PROVIDERS__WORK__TOKEN_URL", "https://other.example/token"),
    ])
    .await;
    gateway.connect().await;
    gateway.connect_as("work").await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::NotReached; 50]);
    gateway.clock.advance(HOUR);
    let log = CapturedLog::start();
    let mut steps = 0..MAX_STEPS;
    while gateway.provider.presented().len() < 5 {
        steps.next().expect("five refreshes in time");
        let _ = bearer(&gateway).await;
        gateway.clock.advance(Duration::from_secs(10));
    }
    assert!(log.text().contains("the server does not respond or fails; refreshes are paused"), "{}", log.text());
}

#[tokio::test]
async fn the_log_lines_of_a_refresh_carry_the_fields_of_its_use_case() {
    let gateway = connected().await;
    let log = CapturedLog::start();
    refresh(&gateway, None).await.expect("the refresh succeeds");
    let text = log.text();
    let spans: Vec<_> = text.lines().filter_map(|line| line.split_once("INFO ")?.1.split_once(": ")).collect();
    let spans: Vec<_> = spans.iter().map(|(span, line)| (*span, line.contains("refresh"))).collect();
    let span = "accounts.refresh{provider.name=openai-codex}:tokens.refresh{provider.name=openai-codex}";
    assert_eq!(spans, [(span, true); 2], "{text}");
    assert!(!text.contains("refreshed-1"), "a token is in the log: {text}");
}
