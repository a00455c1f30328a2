//! Tests of what the owner and the callers learn of a refresh that was interrupted, that is delayed by the database, or
//! that fails again and again.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{AppError, Ports},
    domain::{
        history::EventKind,
        refresh::{Lease, LeaseId, TokenState},
    },
    ports::{Clock, CredentialHistory, ProfileChange, TokenStore},
};

use crate::{
    store_contract::samples::author,
    support::fakes::{FakeNotifier, OPENAI, RefreshFault, TestGateway, alice, name, settle, spawn, within},
};

async fn kinds_of_events(gateway: &TestGateway) -> Vec<EventKind> {
    let events = gateway.store.newest(100).await.expect("no store error");
    events.into_iter().map(|event| event.kind).collect()
}

/// Another gateway was killed after it had presented the token. The retry is not due for a long time.
#[tokio::test]
async fn an_interrupted_refresh_is_reported_when_its_lease_ends() {
    let notifier = Arc::new(FakeNotifier::default());
    let gateway = TestGateway::with_ports(|ports| Ports { notifier: Some(notifier.clone()), ..ports }).await;
    gateway.connect().await;
    let mut interrupted = gateway.account(OPENAI).await.expect("an account");
    let until = gateway.clock.now().plus(Duration::from_secs(60));
    interrupted.refresh.state = TokenState::Refreshing(Lease { id: LeaseId::from_bytes([7; 16]), until });
    interrupted.refresh.attempt = 1;
    interrupted.refresh.sent_at = Some(gateway.clock.now());
    gateway.store.put(interrupted);
    let change = ProfileChange { display_name: Some("Work".into()), enabled: None };
    gateway.store.change_profile(&name(OPENAI), &change, &author(gateway.clock.now())).await.expect("no store error");
    for _ in 0..5 {
        gateway.clock.advance(Duration::from_secs(15));
        settle().await;
    }
    assert_eq!(kinds_of_events(&gateway).await.first(), Some(&EventKind::InDoubt));
    let notified: Vec<_> = notifier.received().into_iter().map(|event| event.kind).collect();
    assert_eq!(notified, [EventKind::InDoubt]);
    assert!(gateway.provider.presented().is_empty(), "the retry is not due");
}

#[tokio::test]
async fn an_outage_calls_the_webhook_once_for_each_token() {
    let notifier = Arc::new(FakeNotifier::default());
    let gateway = TestGateway::with_ports(|ports| Ports { notifier: Some(notifier.clone()), ..ports }).await;
    gateway.connect().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::RequestLost; 10]);
    for _ in 0..400 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
    }
    let doubts = kinds_of_events(&gateway).await.into_iter().filter(|kind| *kind == EventKind::InDoubt).count();
    assert_eq!((doubts, notifier.received().len()), (10, 1));
}

/// The new tokens cannot be committed.
#[tokio::test]
async fn a_caller_does_not_wait_for_the_database_without_a_limit() {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway.clock.advance(Duration::from_secs(3600));
    gateway.provider.hang();
    let app = Arc::clone(&gateway.app);
    let caller = spawn(async move { app.tokens.usable(&name(OPENAI)).await.map(drop) });
    settle().await;
    gateway.store.fail_to("refresh an account");
    gateway.provider.resume();
    for _ in 0..10 {
        gateway.clock.advance(Duration::from_secs(6));
        settle().await;
    }
    let outcome = within(caller).await.expect("no panic");
    assert!(matches!(outcome, Err(AppError::RefreshUnavailable { .. })), "{outcome:?}");
    gateway.store.repair();
    for _ in 0..10 {
        gateway.clock.advance(Duration::from_secs(6));
        settle().await;
    }
    within(gateway.app.accounts.status(&name(OPENAI), &alice())).await.expect("a status");
    assert_eq!(gateway.provider.presented().len(), 1, "the tokens were committed later");
}
