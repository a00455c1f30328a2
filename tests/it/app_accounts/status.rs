//! Tests of an account's status: its state, and the last login of the principal that asks.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{AppError, Readiness, StartOptions, StartOutcome, account_name},
    domain::{credential::AccountState, ids::Generation, login_outcome::LoginOutcome, provider::ProviderType},
};

use crate::support::fakes::{NOW, OPENAI, Reply, TestGateway, alice, bob, name, query_of, settle, spawn, within};

#[tokio::test]
async fn an_account_never_connected_is_absent() {
    let gateway = TestGateway::open().await;
    let status = gateway.app.accounts.status(&name(OPENAI), &alice()).await.expect("a status");
    assert_eq!((status.name.as_str(), status.state, status.reason), (OPENAI, AccountState::Absent, None));
    assert_eq!((status.login_id, status.generation, status.expires_at), (None, None, None));
    assert_eq!((status.pending, status.last_login), (None, None));
    assert!(!status.authenticated);
}

#[tokio::test]
async fn a_connected_account_reports_its_login_and_expiry() {
    let gateway = TestGateway::open().await;
    gateway.clock.advance(Duration::from_secs(10));
    let login = gateway.start_login(alice()).await;
    gateway.approve(&login).shown().await;
    let status = gateway.status(&alice()).await;
    let last = status.last_login.expect("the last login");
    assert_eq!((status.state, status.generation), (AccountState::Active, Some(Generation::FIRST)));
    assert_eq!((status.login_id.as_ref(), &last.login_id), (Some(&login.login_id), &login.login_id));
    assert_eq!((last.end.outcome, last.at), (LoginOutcome::Completed, NOW.plus(Duration::from_secs(10))));
    assert_eq!(status.expires_at, Some(NOW.plus(Duration::from_secs(3610))));
    assert_eq!(status.account.plan_type.as_deref(), Some("plus"));
    assert!(status.authenticated);

    // Another principal sees the account but not the login.
    let of_bob = gateway.status(&bob()).await;
    assert_eq!((of_bob.state, of_bob.last_login), (AccountState::Active, None));
}

#[tokio::test]
async fn an_expired_token_is_unusable_and_the_account_is_kept() {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway.clock.advance(Duration::from_millis(3_599_999));
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
    gateway.clock.advance(Duration::from_millis(1));
    let status = gateway.status(&alice()).await;
    assert!(!status.authenticated);
    assert_eq!(status.state, AccountState::Active, "the token can be refreshed");
    assert!(status.reason.expect("a reason").contains("has expired"));
    assert!(gateway.account(OPENAI).await.is_some());
}

#[tokio::test]
async fn the_last_login_is_the_newest_with_its_outcome() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.clock.advance(Duration::from_secs(1));
    let declined = gateway.start_forced_login(alice()).await;
    gateway.listener.browser_returns(query_of(&gateway.provider.decline(&declined.auth_url))).shown().await;
    let last = async || gateway.status(&alice()).await.last_login.map(|last| (last.login_id, last.end.outcome));
    assert_eq!(last().await, Some((declined.login_id, LoginOutcome::Denied)));

    gateway.clock.advance(Duration::from_secs(1));
    gateway.provider.reply_with(Reply::Refused);
    let refused = gateway.start_forced_login(alice()).await;
    assert_eq!(last().await, None, "the newest login is still pending");
    gateway.approve(&refused).shown().await;
    assert_eq!(last().await, Some((refused.login_id, LoginOutcome::CodeRefused)));
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active, "the account is unchanged");
}

#[tokio::test]
async fn an_overdue_login_reads_as_expired_before_the_sweep() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.clock.set_wall_clock(login.expires_at);
    let status = gateway.status(&alice()).await;
    let last = status.last_login.expect("an end");
    assert_eq!((status.pending, last.end.outcome, last.at), (None, LoginOutcome::Expired, login.expires_at));
}

#[tokio::test]
async fn a_saved_login_whose_end_was_not_stored_reads_as_completed() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.store.fail_to("end a login");
    gateway.approve(&login).shown().await;
    gateway.store.repair();
    let status = gateway.status(&alice()).await;
    let last = status.last_login.expect("an ended login");
    assert_eq!((last.login_id, last.end.outcome), (login.login_id, LoginOutcome::Completed));
    assert_eq!(status.state, AccountState::Active);
}

#[tokio::test]
async fn a_new_name_has_a_status_as_soon_as_its_login_starts() {
    let gateway = TestGateway::open().await;
    let options = StartOptions { provider_type: Some(ProviderType::OpenaiCodex), ..StartOptions::default() };
    let started = gateway.app.logins.start(name("work"), alice(), options).await;
    let Ok(StartOutcome::Pending(login)) = started else { panic!("the login does not start") };
    let status = async |principal| gateway.app.accounts.status(&name("work"), &principal).await;
    let pending = status(alice()).await.expect("a status").pending.expect("a pending login");
    assert_eq!(pending.login_id, login.login_id);
    assert!(matches!(status(bob()).await, Err(AppError::UnknownProvider(_))));

    // The outcome is reported even though no account was stored.
    gateway.listener.browser_returns(query_of(&gateway.provider.decline(&login.auth_url))).shown().await;
    let after = status(alice()).await.expect("a status");
    assert_eq!(
        (after.state, after.last_login.expect("an end").end.outcome),
        (AccountState::Absent, LoginOutcome::Denied)
    );
}

#[tokio::test]
async fn a_running_exchange_is_neither_pending_nor_ended() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.provider.hang();
    let _page = gateway.approve(&login);
    settle().await;
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.pending, status.last_login), (AccountState::Absent, None, None));
}

#[tokio::test]
async fn a_status_with_an_unknown_name_or_a_failing_store_is_an_error() {
    let gateway = TestGateway::open().await;
    for unknown in ["xyz", "", "../etc", "OPENAI"] {
        let refused = async { gateway.app.accounts.status(&account_name(unknown)?, &alice()).await };
        let refused = refused.await;
        assert!(matches!(refused, Err(AppError::UnknownProvider(name)) if name == unknown));
    }
    gateway.store.fail_all();
    assert!(matches!(gateway.app.accounts.status(&name(OPENAI), &alice()).await, Err(AppError::Store(_))));
    assert!(matches!(gateway.app.accounts.list().await, Err(AppError::Store(_))));
}

/// The schedule repeats a failed refresh, but nobody repeats one that its owner requested.
#[tokio::test]
async fn a_database_failure_that_no_refresh_repeats_leaves_the_status_within_a_minute() {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway.store.fail_to("refresh an account");
    let app = Arc::clone(&gateway.app);
    let refreshing = spawn(async move { app.accounts.refresh(&name(OPENAI), &alice(), None).await });
    while !refreshing.is_finished() {
        settle().await;
        gateway.clock.advance(Duration::from_secs(6));
    }
    let refreshed = within(refreshing).await.expect("no panic");
    assert!(matches!(refreshed, Err(AppError::StoreDown(_))), "{refreshed:?}");
    gateway.store.repair();
    let reason = gateway.status(&alice()).await.reason.unwrap_or_default();
    assert!(reason.contains("Tokens cannot be refreshed"), "{reason}");
    assert!(matches!(gateway.app.readiness(), Readiness::Degraded(_)));
    gateway.clock.advance(Duration::from_secs(60));
    assert_eq!(gateway.status(&alice()).await.reason, None);
    assert_eq!(gateway.app.readiness(), Readiness::Ready);
}
