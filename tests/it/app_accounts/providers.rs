//! Tests of listing accounts, and of changes to an account.

use std::time::Duration;

use goclaw::{
    app::{AppError, PastedSecret, Secret, SwitchedOffBy},
    domain::{
        credential::AccountState,
        provider::{AuthMethod, ProviderType},
    },
    ports::ProfileChange,
};

use crate::support::fakes::{OPENAI, TestGateway, alice, name};

const ACTIVE: AccountState = AccountState::Active;
const DISABLED: AccountState = AccountState::Disabled;

fn switch(enabled: bool) -> ProfileChange {
    ProfileChange { enabled: Some(enabled), display_name: None }
}

fn rename(display_name: &str) -> ProfileChange {
    ProfileChange { display_name: Some(display_name.to_owned()), enabled: None }
}

/// Connects a DashScope account.
async fn add_dashscope(gateway: &TestGateway, account: &str) {
    let pasted = PastedSecret {
        secret: Secret::ApiKey("sk-1".into()),
        display_name: None,
        provider_type: Some(ProviderType::Dashscope),
        unchecked: false,
    };
    gateway.app.accounts.register_secret(name(account), pasted).await.expect("the account connects");
}

async fn states(gateway: &TestGateway) -> Vec<(String, AccountState)> {
    let views = gateway.app.accounts.list().await.expect("a list");
    views.into_iter().map(|view| (view.name.as_str().to_owned(), view.state)).collect()
}

#[tokio::test]
async fn the_list_has_the_built_in_accounts_and_all_connected_ones() {
    let gateway = TestGateway::open().await;
    let absent = |name: &str| (name.to_owned(), AccountState::Absent);
    assert_eq!(states(&gateway).await, [absent("dashscope"), absent(OPENAI), absent("suno")]);

    gateway.connect().await;
    add_dashscope(&gateway, "a-studio").await;
    let expected = [absent("dashscope"), (OPENAI.to_owned(), ACTIVE), absent("suno"), ("a-studio".to_owned(), ACTIVE)];
    assert_eq!(states(&gateway).await, expected);
    let views = gateway.app.accounts.list().await.expect("a list");
    let openai = views.iter().find(|view| view.name.as_str() == OPENAI).expect("a listed account");
    assert_eq!((openai.provider_type, openai.enabled), (Some(ProviderType::OpenaiCodex), true));
    assert_eq!((openai.display_name.as_str(), openai.account.plan_type.as_deref()), ("ChatGPT", Some("plus")));
    assert_eq!(openai.auth_methods, [AuthMethod::OAuth]);
    assert!(openai.expires_at.is_some());

    gateway.clock.advance(Duration::from_secs(3600));
    let views = gateway.app.accounts.list().await.expect("a list");
    assert_eq!((views[1].state, views[1].authenticated), (ACTIVE, false), "the token has expired and can be refreshed");
}

#[tokio::test]
async fn disabling_and_enabling_an_account_keeps_its_tokens() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let tokens = gateway.tokens(OPENAI).await;
    let enabled_in_memory = || gateway.app.tokens.registry().get(&name(OPENAI)).expect("a registration").enabled;

    let off = gateway.app.accounts.update(name(OPENAI), switch(false)).await.expect("the change succeeds");
    assert_eq!((off.state, off.enabled, enabled_in_memory()), (DISABLED, false, false));
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, states(&gateway).await[1].1), (DISABLED, DISABLED));
    assert!(status.reason.expect("a reason").contains("switched off"));
    assert_eq!(status.switched_off_by, Some(SwitchedOffBy::Owner));

    let on = gateway.app.accounts.update(name(OPENAI), switch(true)).await.expect("the change succeeds");
    assert_eq!((on.state, on.enabled, enabled_in_memory()), (ACTIVE, true, true));
    assert_eq!(gateway.status(&alice()).await.switched_off_by, None);
    assert_eq!(gateway.tokens(OPENAI).await, tokens);
}

#[tokio::test]
async fn a_display_name_is_listed_and_survives_the_next_login() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let view = gateway.app.accounts.update(name(OPENAI), rename("Mine")).await.expect("the change succeeds");
    assert_eq!((view.display_name.as_str(), view.enabled), ("Mine", true));
    gateway.connect().await;
    let views = gateway.app.accounts.list().await.expect("a list");
    assert!(views.iter().any(|view| view.display_name == "Mine"));
}

#[tokio::test]
async fn an_account_that_is_not_connected_cannot_be_changed() {
    let gateway = TestGateway::open().await;
    let error_of = async |account: &str| gateway.app.accounts.update(name(account), rename("x")).await.unwrap_err();
    assert!(matches!(error_of("openai").await, AppError::NotConnected(account) if account.as_str() == OPENAI));
    assert!(matches!(error_of("xyz").await, AppError::UnknownProvider(_)));
    gateway.connect().await;
    gateway.store.fail_all();
    assert!(matches!(error_of(OPENAI).await, AppError::Store(_)));
}

#[tokio::test]
async fn an_account_disabled_by_configuration_cannot_be_enabled() {
    let gateway = TestGateway::with_variables(&[
        ("GOCLAW_PROVIDERS__STUDIO__TYPE", "dashscope"),
        ("GOCLAW_PROVIDERS__STUDIO__ENABLED", "false"),
    ])
    .await;
    // The account was connected before the configuration disabled it.
    let before = TestGateway::open().await;
    add_dashscope(&before, "studio").await;
    let stored = before.store.contents().0.remove(0);
    gateway.store.put(stored);

    let refused = gateway.app.accounts.update(name("studio"), switch(true)).await;
    assert!(matches!(refused, Err(AppError::DisabledByConfiguration(_))), "{refused:?}");
    let renamed = gateway.app.accounts.update(name("studio"), rename("Studio")).await.expect("a rename is allowed");
    assert_eq!((renamed.state, renamed.enabled, renamed.display_name.as_str()), (DISABLED, false, "Studio"));
    let status = gateway.app.accounts.status(&name("studio"), &alice()).await.expect("a status");
    assert_eq!((status.state, status.switched_off_by), (DISABLED, Some(SwitchedOffBy::Configuration)));
    assert!(states(&gateway).await.contains(&("studio".to_owned(), DISABLED)));
}
