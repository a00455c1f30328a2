//! A gateway wakes up: it finds its accounts, refuses a key that is not theirs, and sweeps from then on.

use std::time::Duration;

use goclaw::{
    app::{AppError, VaultError},
    domain::{credential::AccountState, login_outcome::LoginOutcome},
    ports::OpenError,
};

use crate::support::fakes::{OPENAI, Stage, alice, name, settle};

#[tokio::test]
async fn a_restart_finds_the_accounts_again() {
    let mut stage = Stage::open().await;
    stage.connect().await;
    let registered = stage.app.tokens.registry().get(&name(OPENAI)).expect("it is registered");
    stage.restart().await;
    let again = stage.app.tokens.registry().get(&name(OPENAI)).expect("it is found again");
    assert_eq!((&again.refresh, again.revision), (&registered.refresh, registered.revision));
    assert_eq!(stage.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn a_wrong_key_stops_the_start_before_anything_is_changed() {
    let stage = Stage::open().await;
    stage.connect().await;
    let overdue = stage.start_anew(alice()).await;
    // A sweep would end it.
    stage.clock.step_wall_to(overdue.expires_at);
    let before = stage.store.contents();
    let opened = stage.listener.times_opened();

    let error = stage.another_gateway(2).start().await.unwrap_err();
    let AppError::Vault(VaultError::Open { source, .. }) = &error else { panic!("{error:?}") };
    assert!(matches!(source, OpenError::UnknownKey { .. }), "{source}");
    assert_eq!(stage.store.contents(), before);
    assert_eq!(stage.listener.times_opened(), opened);
    stage.another_gateway(1).start().await.expect("the right key opens everything");
    assert_ne!(stage.store.contents(), before, "the overdue login was swept");
}

#[tokio::test]
async fn a_refresh_token_that_was_moved_here_from_another_login_stops_the_start() {
    let stage = Stage::open().await;
    stage.connect().await;
    let mut old = stage.account(OPENAI).await.expect("it is connected");
    stage.connect().await;
    let new = stage.account(OPENAI).await.expect("it is connected");
    (old.refresh, old.access_token) = (new.refresh, new.access_token);
    stage.store.put(old);
    let error = stage.another_gateway(1).start().await.unwrap_err();
    assert!(
        matches!(&error, AppError::Vault(VaultError::Open { what: "refresh token", source: OpenError::Tampered })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_store_that_is_down_stops_the_start() {
    let stage = Stage::open().await;
    stage.store.break_down();
    assert!(matches!(stage.another_gateway(1).start().await, Err(AppError::Store(_))));
}

#[tokio::test]
async fn a_gateway_that_wakes_ends_what_is_overdue() {
    let mut stage = Stage::open().await;
    stage.start(alice()).await;
    stage.app.shut_down().await;
    stage.clock.advance(Duration::from_secs(1000));
    stage.restart().await;
    let last = stage.status(&alice()).await.last_login.expect("an end");
    assert_eq!((last.outcome, stage.store.contents().1.len()), (LoginOutcome::Expired, 1));
}

#[tokio::test]
async fn a_login_that_ended_a_week_ago_is_forgotten() {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    stage.paste(&stage.provider.decline(&login.auth_url), alice()).await.expect_err("it was declined");
    stage.clock.advance(WEEK);
    settle().await;
    assert!(stage.status(&alice()).await.last_login.is_some());
    stage.clock.advance(Duration::from_secs(60));
    settle().await;
    assert_eq!(stage.status(&alice()).await.last_login, None);
    assert!(stage.store.contents().1.is_empty());
}

#[tokio::test]
async fn the_sweeper_outlives_a_store_that_is_down() {
    let stage = Stage::open().await;
    stage.start(alice()).await;
    stage.store.break_down();
    stage.clock.advance(Duration::from_secs(400));
    settle().await;
    stage.store.repair();
    stage.clock.advance(Duration::from_secs(60));
    settle().await;
    let (_, logins) = stage.store.contents();
    assert_eq!(logins[0].progress.as_str(), "expired");
}
