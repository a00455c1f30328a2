//! Tests of the gateway's start: it registers the stored accounts, rejects a wrong key and starts the sweeper.

use std::time::Duration;

use goclaw::{
    app::{AppError, KeyError, ProviderCatalog, Revocation, StartOptions},
    domain::{
        credential::AccountState,
        login_outcome::LoginOutcome,
        provider::{ProviderDefinition, ProviderType},
    },
    ports::ProfileChange,
};

use crate::support::fakes::{OPENAI, TestGateway, alice, name, settle, within};

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
async fn an_account_whose_configured_type_has_changed_is_not_used_and_can_be_logged_out() {
    let mut gateway = TestGateway::open().await;
    gateway.connect_as("studio").await;
    let catalog = &gateway.settings.catalog;
    let suno = catalog.get(&name("suno")).expect("a built-in provider").clone();
    let configured = ProviderDefinition { name: name("studio"), ..suno };
    gateway.settings.catalog = ProviderCatalog::new(catalog.iter().cloned().chain([configured]));
    gateway.restart().await;
    // The access token expires, so that a refresh is due.
    gateway.clock.advance(Duration::from_secs(2 * 3600));
    settle().await;
    let accounts = &gateway.app.accounts;

    let refused = within(gateway.app.tokens.usable(&name("studio"))).await;
    assert!(matches!(refused, Err(AppError::DisabledByConfiguration(_))), "{refused:?}");
    assert!(matches!(accounts.refresh(&name("studio"), &alice(), None).await, Err(AppError::TypeConflict { .. })));
    let start = gateway.app.logins.start(name("studio"), alice(), StartOptions::default()).await;
    assert!(matches!(start, Err(AppError::TypeConflict { existing: ProviderType::OpenaiCodex, .. })), "{start:?}");
    let status = accounts.status(&name("studio"), &alice()).await.expect("a status");
    let reason = status.reason.expect("a reason");
    assert!(reason.contains("of the type openai-codex") && reason.contains("names the type suno"), "{reason}");
    assert_eq!((status.state, status.authenticated), (AccountState::Disabled, false));
    let listed = accounts.list().await.expect("a list");
    let view = listed.iter().find(|view| view.name == name("studio")).expect("the account");
    assert_eq!((view.provider_type, view.enabled), (Some(ProviderType::OpenaiCodex), false));
    assert!(!gateway.app.logins.cancel(name("studio"), alice()).await.expect("an answer"));
    let renamed = ProfileChange { display_name: Some("Studio".to_owned()), enabled: None };
    accounts.update(name("studio"), renamed).await.expect("it is renamed");

    let out = accounts.logout(name("studio")).await.expect("the logout succeeds");
    assert_eq!((out.removed, out.revocation), (true, Revocation::Revoked));
    assert_eq!(gateway.provider.revoked(), ["refresh-1"]);
    assert_eq!(gateway.provider.presented(), Vec::<String>::new(), "no refresh was sent");
    assert_eq!(gateway.provider.cookies_presented(), Vec::<String>::new());
    assert!(gateway.upstream.hosts_and_tokens_sent().is_empty());
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
