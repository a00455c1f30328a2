//! Tests of connecting with a pasted secret: a session token for Suno, an API key for DashScope.

use std::time::Duration;

use goclaw::{
    app::{AppError, Connected, PastedSecret, Secret, new_account},
    domain::{
        credential::AccountState,
        provider::{AuthMethod, ProviderType},
        secret::{InvalidSecret, MAX_PASTED_SECRET_BYTES},
        token_response::AlreadyExpired,
    },
};
use serde_json::json;

use crate::support::fakes::{NOW, OPENAI, TestGateway, alice, jwt, name};

fn session(secret: &str) -> PastedSecret {
    PastedSecret {
        secret: Secret::SessionToken(secret.into()),
        display_name: None,
        provider_type: None,
        unchecked: false,
    }
}

fn api_key(secret: &str) -> PastedSecret {
    PastedSecret { secret: Secret::ApiKey(secret.into()), ..session(secret) }
}

async fn register(gateway: &TestGateway, account: &str, pasted: PastedSecret) -> Result<Connected, AppError> {
    gateway.app.accounts.register_secret(name(account), pasted).await
}

#[tokio::test]
async fn a_session_token_with_an_expiry_is_usable_until_then() {
    let gateway = TestGateway::open().await;
    let end = NOW.plus(Duration::from_secs(600));
    let token = jwt(&json!({"exp": end.unix_seconds(), "email": "me@example.org"}));
    let connected = register(&gateway, "suno", session(&format!(" {token}\n"))).await.expect("the account connects");
    assert_eq!(gateway.tokens("suno").await, Some((token, None)));

    let status = async || gateway.app.accounts.status(&name("suno"), &alice()).await.expect("a status");
    let now = status().await;
    assert_eq!((now.state, now.expires_at), (AccountState::Active, Some(end)));
    assert_eq!(now.account.email.as_deref(), Some("me@example.org"));
    let registered = gateway.app.tokens.registry().get(&connected.name).expect("a registration");
    assert_eq!(
        (registered.definition.provider_type, Some(registered.refresh.version.login_id.clone())),
        (ProviderType::Suno, now.login_id)
    );

    gateway.clock.advance(Duration::from_secs(600));
    assert_eq!(status().await.state, AccountState::NeedsReauth);
}

#[tokio::test]
async fn an_opaque_session_token_and_an_api_key_do_not_expire() {
    let gateway = TestGateway::open().await;
    register(&gateway, "suno", session("opaque")).await.expect("the account connects");
    // An `exp` claim in an API key is ignored.
    let key = jwt(&json!({"exp": NOW.unix_seconds() - 5}));
    register(&gateway, "dashscope", api_key(&key)).await.expect("the account connects");
    gateway.clock.advance(Duration::from_secs(365 * 24 * 3600));
    for account in ["suno", "dashscope"] {
        let status = gateway.app.accounts.status(&name(account), &alice()).await.expect("a status");
        assert_eq!((status.state, status.expires_at), (AccountState::Active, None), "{account}");
    }
}

#[tokio::test]
async fn a_second_secret_replaces_the_first_in_the_same_account() {
    let gateway = TestGateway::open().await;
    let first = register(&gateway, "suno", session("first")).await.expect("the account connects");
    let before = gateway.account("suno").await.expect("an account");
    let second = register(&gateway, "suno", session("second")).await.expect("the account connects");
    let after = gateway.account("suno").await.expect("an account");
    assert_eq!(first.id, second.id);
    assert_ne!(before.login_id(), after.login_id());
    assert_eq!(gateway.tokens("suno").await, Some(("second".to_owned(), None)));
}

#[tokio::test]
async fn a_new_name_becomes_an_account_of_the_requested_type() {
    let gateway = TestGateway::open().await;
    let pasted = PastedSecret {
        provider_type: Some(ProviderType::Dashscope),
        display_name: Some("Studio".into()),
        ..api_key("sk-1")
    };
    let connected = register(&gateway, "studio", pasted.clone()).await.expect("the account connects");
    let account = gateway.account("studio").await.expect("an account");
    assert_eq!((account.provider_type, account.display_name.as_deref()), (ProviderType::Dashscope, Some("Studio")));
    assert_eq!((connected.id, account.api_base.as_str()), (account.id, "https://dashscope.aliyuncs.com"));
    assert_eq!(gateway.account("dashscope").await, None);

    register(&gateway, "studio", api_key("sk-2")).await.expect("the account connects");
    let other = PastedSecret { provider_type: Some(ProviderType::Suno), ..session("token") };
    let conflict = register(&gateway, "studio", other).await;
    assert!(
        matches!(&conflict, Err(AppError::TypeConflict { name, existing: ProviderType::Dashscope }) if name.as_str() == "studio")
    );
    assert_eq!(gateway.tokens("studio").await, Some(("sk-2".to_owned(), None)));
}

#[tokio::test]
async fn a_rejected_secret_names_the_reason_and_changes_nothing() {
    let gateway = TestGateway::with_variables(&[("GOCLAW_PROVIDERS__DASHSCOPE__ENABLED", "false")]).await;
    let error_of = async |account: &str, pasted| register(&gateway, account, pasted).await.map(drop).unwrap_err();
    let error_of_new =
        async |account: &str, provider_type: &str, pasted| match new_account(account, Some(provider_type)) {
            Ok((_, provider_type)) => error_of(account, PastedSecret { provider_type, ..pasted }).await,
            Err(error) => error,
        };

    let expired = jwt(&json!({"exp": NOW.unix_seconds()}));
    assert!(matches!(error_of("suno", session(&expired)).await, AppError::ExpiredSecret(AlreadyExpired)));
    for (error, text) in [
        (InvalidSecret::Empty, " \n".to_owned()),
        (InvalidSecret::NotHeaderSafe, "two words".to_owned()),
        (InvalidSecret::NotHeaderSafe, "a\r\nHost: evil.example".to_owned()),
        (InvalidSecret::TooLong, "k".repeat(MAX_PASTED_SECRET_BYTES + 1)),
    ] {
        assert!(
            matches!(error_of("suno", session(&text)).await, AppError::InvalidSecret(why) if why == error),
            "{error}"
        );
    }
    for (account, pasted, method) in [
        ("suno", api_key("sk-1"), AuthMethod::SessionToken),
        ("openai", api_key("sk-1"), AuthMethod::OAuth),
        (OPENAI, session("token"), AuthMethod::OAuth),
    ] {
        let error = error_of(account, pasted).await;
        assert!(matches!(error, AppError::AuthMethodMismatch { method: known, .. } if known == method), "{error}");
    }
    assert!(matches!(error_of("dashscope", api_key("sk-1")).await, AppError::DisabledByConfiguration(_)));
    assert!(matches!(error_of("studio", api_key("sk-1")).await, AppError::UnknownProvider(_)));
    assert!(matches!(error_of_new("studio", "xyz", api_key("sk-1")).await, AppError::UnknownProviderType(_)));
    assert!(matches!(error_of_new("Studio!", "suno", session("token")).await, AppError::InvalidAccountName(_)));
    assert!(matches!(error_of_new("suno", "dashscope", api_key("sk-1")).await, AppError::TypeConflict { .. }));

    assert_eq!(gateway.store.contents(), (vec![], vec![]));
    assert!(gateway.app.tokens.registry().get(&name("suno")).is_none());
}

#[tokio::test]
async fn an_unsaved_secret_is_not_registered() {
    let gateway = TestGateway::open().await;
    gateway.store.fail_to("save a login");
    assert!(matches!(register(&gateway, "suno", session("token")).await, Err(AppError::Store(_))));
    assert!(gateway.app.tokens.registry().get(&name("suno")).is_none());
}
