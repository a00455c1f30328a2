//! Tests of starting a login: one for each principal and account, only with OAuth, for a usable account only if forced.

use std::time::Duration;

use goclaw::{
    app::{AppError, StartOptions, StartOutcome, new_account},
    domain::{
        credential::AccountState,
        ids::Principal,
        provider::{AuthMethod, ProviderType},
    },
    ports::ProfileChange,
};
use secrecy::ExposeSecret;
use tokio::task::JoinSet;

use crate::support::fakes::{NOW, OPENAI, TestGateway, alice, bob, name};

/// Starts a login with the name and the type of an API request.
async fn start(
    gateway: &TestGateway,
    text: &str,
    provider_type: Option<&str>,
    options: StartOptions,
) -> Result<StartOutcome, AppError> {
    let (name, provider_type) = new_account(text, provider_type)?;
    gateway.app.logins.start(name, alice(), StartOptions { provider_type, ..options }).await
}

#[tokio::test]
async fn a_start_opens_the_listener_and_returns_the_authorize_url() {
    let gateway = TestGateway::open().await;
    assert!(!gateway.listener.is_open());
    let login = gateway.start_login(alice()).await;
    assert!(gateway.listener.is_open());
    assert!(login.auth_url.expose_secret().starts_with("https://auth.openai.com/oauth/authorize?response_type=code&"));
    assert!(login.name.as_str() == OPENAI && login.callback_error.is_none());
    assert_eq!(login.expires_at, NOW.plus(Duration::from_secs(360)));

    let status = gateway.status(&alice()).await;
    let pending = status.pending.expect("a pending login");
    assert_eq!((pending.login_id, pending.expires_at), (login.login_id, login.expires_at));
    assert_eq!((status.state, status.last_login), (AccountState::Absent, None));
}

#[tokio::test]
async fn a_second_start_returns_the_same_login_even_after_a_restart() {
    let mut gateway = TestGateway::open().await;
    let first = gateway.start_login(alice()).await;
    gateway.clock.advance(Duration::from_secs(30));
    let second = gateway.start_login(alice()).await;
    gateway.restart().await;
    let third = gateway.start_login(alice()).await;
    for again in [second, third] {
        assert_eq!(again.auth_url.expose_secret(), first.auth_url.expose_secret());
        assert_eq!((&again.login_id, again.expires_at), (&first.login_id, first.expires_at));
        assert_eq!(again.started_at, first.started_at);
    }
    // The address from before the restart still works.
    gateway.paste(&gateway.provider.approve(&first.auth_url), alice()).await.expect("the account connects");
}

/// The owner has abandoned the first login. Its options are not those of the second one.
#[tokio::test]
async fn a_login_with_other_options_is_not_resumed() {
    let gateway = TestGateway::open().await;
    let begin = async |replace, display_name: Option<&str>| {
        let display_name = display_name.map(str::to_owned);
        let options = StartOptions { replace, display_name, ..StartOptions::default() };
        match start(&gateway, OPENAI, None, options).await {
            Ok(StartOutcome::Pending(login)) => login.login_id,
            other => panic!("{other:?}"),
        }
    };
    let with_replace = begin(true, None).await;
    let plain = begin(false, None).await;
    assert_ne!(plain, with_replace, "this login replaces no account without confirmation");
    let named = begin(false, Some("Work")).await;
    assert_ne!(named, plain);
    assert_eq!(begin(false, Some("Work")).await, named);
    assert_eq!(begin(false, None).await, named, "a start without a name keeps the login");
}

#[tokio::test]
async fn twenty_concurrent_starts_share_one_login_and_one_listener() {
    let gateway = TestGateway::open().await;
    let mut starts = JoinSet::new();
    for _ in 0..20 {
        let app = gateway.app.clone();
        starts.spawn(async move { app.logins.start(name(OPENAI), alice(), StartOptions::default()).await });
    }
    let started = starts.join_all().await.into_iter().map(|outcome| match outcome.expect("the login starts") {
        StartOutcome::Pending(login) => (login.auth_url.expose_secret().to_owned(), login.callback_error.is_none()),
        StartOutcome::AlreadyAuthenticated { .. } => panic!("the account is not connected"),
    });
    let started: Vec<_> = started.collect();
    assert!(started.iter().all(|login| *login == started[0] && login.1));
    assert_eq!(gateway.listener.times_opened(), 1);
}

#[tokio::test]
async fn each_principal_has_its_own_login() {
    let gateway = TestGateway::open().await;
    let (of_alice, of_bob) = (gateway.start_login(alice()).await, gateway.start_login(bob()).await);
    assert_ne!(of_alice.login_id, of_bob.login_id);
    assert_ne!(of_alice.auth_url.expose_secret(), of_bob.auth_url.expose_secret());
    assert_eq!(gateway.status(&bob()).await.pending.expect("a pending login").login_id, of_bob.login_id);
    assert_eq!(gateway.status(&Principal::named("carol")).await.pending, None);
}

#[tokio::test]
async fn openai_is_an_alias_of_the_account() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    match start(&gateway, "openai", None, StartOptions::default()).await {
        Ok(StartOutcome::Pending(again)) => assert_eq!((again.name, again.login_id), (login.name, login.login_id)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_usable_account_starts_a_login_only_if_forced() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    for principal in [alice(), bob()] {
        let outcome = gateway.app.logins.start(name(OPENAI), principal, StartOptions::default()).await;
        assert!(matches!(&outcome, Ok(StartOutcome::AlreadyAuthenticated { name }) if name.as_str() == OPENAI));
    }
    assert_eq!(gateway.status(&alice()).await.pending, None);
    gateway.clock.advance(Duration::from_secs(1));
    gateway.start_forced_login(alice()).await;
    assert!(gateway.status(&alice()).await.pending.is_some());
}

#[tokio::test]
async fn an_expired_account_can_start_a_login() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.clock.advance(Duration::from_secs(3599));
    let outcome = start(&gateway, OPENAI, None, StartOptions::default()).await;
    assert!(matches!(outcome, Ok(StartOutcome::AlreadyAuthenticated { .. })), "{outcome:?}");
    gateway.clock.advance(Duration::from_secs(1));
    gateway.start_login(alice()).await;
}

#[tokio::test]
async fn a_login_enables_a_disabled_account() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let off = ProfileChange { enabled: Some(false), display_name: None };
    gateway.app.accounts.update(name(OPENAI), off).await.expect("the change succeeds");
    let login = gateway.start_login(alice()).await;
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("the account connects");
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn the_old_tokens_stay_in_use_during_a_forced_login() {
    let gateway = TestGateway::open().await;
    let before = gateway.connect().await;
    let old = gateway.account(OPENAI).await;
    let login = gateway.start_forced_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    assert_eq!(gateway.account(OPENAI).await, old);
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);

    let after = gateway.paste(&approved, alice()).await.expect("the account connects");
    assert_eq!(after.id, before.id, "the account is the same");
    assert_eq!(gateway.tokens(OPENAI).await, Some(("access-2".to_owned(), Some("refresh-2".to_owned()))));
    assert_eq!(gateway.status(&alice()).await.login_id, Some(login.login_id));
}

#[tokio::test]
async fn a_new_name_becomes_an_account_of_the_requested_type() {
    let gateway = TestGateway::open().await;
    let outcome = start(
        &gateway,
        "openai-work",
        Some(OPENAI),
        StartOptions { display_name: Some("Work".into()), ..StartOptions::default() },
    );
    let Ok(StartOutcome::Pending(login)) = outcome.await else { panic!("the login does not start") };
    gateway.approve(&login).shown().await;
    let account = gateway.account("openai-work").await.expect("a connected account");
    assert_eq!((account.provider_type, account.display_name.as_deref()), (ProviderType::OpenaiCodex, Some("Work")));
    assert!(gateway.account(OPENAI).await.is_none());
}

#[tokio::test]
async fn a_rejected_start_names_the_reason() {
    let gateway = TestGateway::with_variables(&[("GOCLAW_PROVIDERS__OPENAI_CODEX__ENABLED", "false")]).await;
    let error_of = async |text: &str, provider_type| {
        start(&gateway, text, provider_type, StartOptions::default()).await.map(drop).unwrap_err()
    };
    assert!(matches!(error_of("xyz", None).await, AppError::UnknownProvider(name) if name == "xyz"));
    assert!(matches!(error_of("X Y Z", None).await, AppError::UnknownProvider(_)));
    assert!(matches!(error_of("X Y Z", Some(OPENAI)).await, AppError::InvalidAccountName(_)));
    assert!(matches!(error_of("work", Some("xyz")).await, AppError::UnknownProviderType(text) if text == "xyz"));
    assert!(matches!(
        error_of("suno", Some(OPENAI)).await,
        AppError::TypeConflict { existing: ProviderType::Suno, .. }
    ));
    assert!(matches!(
        error_of("suno", None).await,
        AppError::AuthMethodMismatch { method: AuthMethod::SessionToken, .. }
    ));
    // DashScope has OAuth only with configured endpoints.
    assert!(matches!(
        error_of("dashscope", None).await,
        AppError::AuthMethodMismatch { method: AuthMethod::ApiKey, .. }
    ));
    assert!(matches!(error_of("openai", None).await, AppError::DisabledByConfiguration(_)));
    assert!(!gateway.listener.is_open());
    assert_eq!(gateway.store.contents(), (vec![], vec![]));
}

#[tokio::test]
async fn a_store_error_fails_one_start_and_the_next_one_works() {
    let gateway = TestGateway::open().await;
    gateway.store.fail_next(1);
    assert!(matches!(start(&gateway, OPENAI, None, StartOptions::default()).await, Err(AppError::Store(_))));
    assert!(!gateway.listener.is_open());
    gateway.start_login(alice()).await;
}
