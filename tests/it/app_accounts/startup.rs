//! Tests of the gateway's start: it registers the stored accounts, rejects a wrong key and starts the sweeper.

use std::time::Duration;

use goclaw::{
    app::{AppError, KeyError},
    domain::{credential::AccountState, login_outcome::LoginOutcome},
};

use crate::support::fakes::{OPENAI, TestGateway, alice, name, settle};

/// Longer than a login waits for its callback.
const AFTER_EXPIRY: Duration = Duration::from_secs(400);

#[tokio::test]
async fn a_restart_registers_the_stored_accounts() {
    let mut gateway = TestGateway::open().await;
    gateway.connect().await;
    let registered = gateway.app.tokens.registry().get(&name(OPENAI)).expect("a registration");
    gateway.restart().await;
    let again = gateway.app.tokens.registry().get(&name(OPENAI)).expect("a registration");
    assert_eq!((&again.refresh, again.revision), (&registered.refresh, registered.revision));
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn a_wrong_key_stops_the_start_and_changes_nothing() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let overdue = gateway.start_forced_login(alice()).await;
    // A sweep would end this login.
    gateway.clock.set_wall_clock(overdue.expires_at);
    let before = gateway.store.contents();
    let opened = gateway.listener.times_opened();

    let error = gateway.another_gateway(2).start().await.unwrap_err();
    assert!(matches!(&error, AppError::Key(KeyError::Wrong { .. })), "{error:?}");
    assert_eq!(gateway.store.contents(), before);
    assert_eq!(gateway.listener.times_opened(), opened);
    gateway.another_gateway(1).start().await.expect("the right key opens everything");
    assert_ne!(gateway.store.contents(), before, "the overdue login was swept");
}

#[tokio::test]
async fn a_failing_store_stops_the_start() {
    let gateway = TestGateway::open().await;
    gateway.store.fail_all();
    assert!(matches!(gateway.another_gateway(1).start().await, Err(AppError::Store(_))));
}

#[tokio::test]
async fn a_start_expires_overdue_logins() {
    let mut gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    gateway.app.shut_down().await;
    gateway.clock.advance(AFTER_EXPIRY);
    gateway.restart().await;
    let last = gateway.status(&alice()).await.last_login.expect("an end");
    assert_eq!((last.end.outcome, gateway.store.contents().1.len()), (LoginOutcome::Expired, 1));
}

#[tokio::test]
async fn an_ended_login_is_deleted_after_a_week() {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.paste(&gateway.provider.decline(&login.auth_url), alice()).await.expect_err("the login was declined");
    gateway.clock.advance(WEEK);
    settle().await;
    assert!(gateway.status(&alice()).await.last_login.is_some());
    gateway.clock.advance(Duration::from_secs(60));
    settle().await;
    assert_eq!(gateway.status(&alice()).await.last_login, None);
    assert!(gateway.store.contents().1.is_empty());
}

#[tokio::test]
async fn the_sweeper_survives_a_store_outage() {
    let gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    gateway.store.fail_all();
    gateway.clock.advance(AFTER_EXPIRY);
    settle().await;
    gateway.store.repair();
    gateway.clock.advance(Duration::from_secs(60));
    settle().await;
    let (_, logins) = gateway.store.contents();
    assert_eq!(logins[0].progress.as_str(), "expired");
}
