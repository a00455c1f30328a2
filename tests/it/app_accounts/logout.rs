//! Logging out: both tokens go, whatever the provider says, and nothing that was under way brings them back.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{AppError, PastedSecret, Revocation},
    domain::{login_outcome::LoginOutcome, provider::AuthMethod},
};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, name, settle, spawn, within};

async fn log_out(gateway: &TestGateway, account: &str) -> (bool, Revocation) {
    let out = gateway.app.accounts.logout(name(account)).await.expect("it logs out");
    (out.removed, out.revocation)
}

#[tokio::test]
async fn a_logout_forgets_both_tokens_and_has_the_provider_revoke_them() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    assert_eq!(log_out(&gateway, "openai").await, (true, Revocation::Revoked));
    assert_eq!(gateway.account(OPENAI).await, None);
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_none());
    assert_eq!(gateway.provider.revoked(), ["refresh-1"]);
}

#[tokio::test]
async fn a_second_logout_finds_nothing_and_asks_nobody() {
    let gateway = TestGateway::open().await;
    assert_eq!(log_out(&gateway, OPENAI).await, (false, Revocation::NotApplicable));
    gateway.connect().await;
    log_out(&gateway, OPENAI).await;
    assert_eq!(log_out(&gateway, OPENAI).await, (false, Revocation::NotApplicable));
    assert_eq!(gateway.provider.revoked().len(), 1);
}

#[tokio::test]
async fn a_provider_that_does_not_confirm_changes_nothing_about_the_removal_and_is_asked_again() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.revocation_fails(true);
    assert_eq!(log_out(&gateway, OPENAI).await, (true, Revocation::Pending));
    assert_eq!(gateway.account(OPENAI).await, None);
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_none());
    for _ in 0..9 {
        minute(&gateway).await;
    }
    assert_eq!(gateway.provider.revocation_requests(), 2, "again after five minutes, and not more often");
    gateway.provider.revocation_fails(false);
    for _ in 0..6 {
        minute(&gateway).await;
    }
    assert_eq!(gateway.provider.revoked(), ["refresh-1"]);
    assert_eq!(gateway.store.revocations(), 0, "nothing is left to do");
}

#[tokio::test]
async fn a_revocation_is_given_up_after_a_day() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.revocation_fails(true);
    log_out(&gateway, OPENAI).await;
    gateway.clock.advance(Duration::from_secs(24 * 3600));
    settle().await;
    assert_eq!(gateway.store.revocations(), 1);
    minute(&gateway).await;
    assert_eq!(gateway.store.revocations(), 0, "a sealed token of no use does not lie around");
}

#[tokio::test]
async fn a_revocation_that_would_end_a_newer_login_is_given_up() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.revocation_fails(true);
    log_out(&gateway, OPENAI).await;
    gateway.connect().await;
    gateway.provider.revocation_fails(false);
    for _ in 0..6 {
        minute(&gateway).await;
    }
    assert_eq!((gateway.provider.revoked(), gateway.store.revocations()), (Vec::<String>::new(), 0));
}

#[tokio::test]
async fn a_new_login_has_the_old_tokens_revoked_only_where_that_spares_it() {
    for (scope, revoked) in [("family", vec!["refresh-1".to_owned()]), ("grant", Vec::new())] {
        let gateway = TestGateway::configured(&[("GOCLAW_PROVIDERS__OPENAI_CODEX__REVOCATION", scope)]).await;
        gateway.connect().await;
        gateway.connect().await;
        settle().await;
        assert_eq!(gateway.provider.revoked(), revoked, "{scope}");
        assert_eq!(gateway.tokens(OPENAI).await.expect("tokens").1.as_deref(), Some("refresh-2"), "{scope}");
    }
}

#[tokio::test]
async fn a_login_whose_code_is_being_redeemed_while_its_owner_logs_out_does_not_come_back() {
    let gateway = Arc::new(TestGateway::open().await);
    let login = gateway.start(alice()).await;
    let redirect_url = gateway.provider.approve(&login.auth_url);
    gateway.provider.hang();
    let paste = {
        let gateway = Arc::clone(&gateway);
        spawn(async move { gateway.paste(&redirect_url, alice()).await })
    };
    settle().await;
    log_out(&gateway, OPENAI).await;
    gateway.provider.resume();
    let late = within(paste).await.expect("it ends");
    assert!(matches!(late, Err(AppError::LoginOver(LoginOutcome::Cancelled))), "{late:?}");
    assert_eq!(gateway.account(OPENAI).await, None);
    assert_eq!(gateway.provider.revoked(), ["refresh-1"], "nobody is to use what it gave");
}

/// Lets a minute pass, which is how often is swept.
async fn minute(gateway: &TestGateway) {
    gateway.clock.advance(Duration::from_secs(60));
    settle().await;
}

#[tokio::test]
async fn where_nothing_can_be_revoked_that_is_said() {
    // A sign-in without a revocation endpoint, and a secret that was pasted.
    let gateway = TestGateway::configured(&[
        ("GOCLAW_PROVIDERS__DASHSCOPE__ISSUER", "https://dashscope.example"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__CLIENT_ID", "client"),
    ])
    .await;
    for (account, method) in [("dashscope", AuthMethod::ApiKey), ("suno", AuthMethod::SessionToken)] {
        let pasted = PastedSecret {
            method,
            secret: "sk-1".into(),
            client_cookie: None,
            display_name: None,
            provider_type: None,
            unchecked: false,
        };
        gateway.app.accounts.register_secret(name(account), pasted).await.expect("it connects");
        assert_eq!(log_out(&gateway, account).await, (true, Revocation::NotApplicable));
        assert_eq!(gateway.account(account).await, None);
    }
    assert!(gateway.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_token_that_does_not_open_is_removed_all_the_same() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let with_another_key = gateway.another_gateway(2);
    let out = with_another_key.accounts.logout(name(OPENAI)).await.expect("it logs out");
    assert_eq!((out.removed, out.revocation), (true, Revocation::Failed));
    assert_eq!(gateway.account(OPENAI).await, None);
    assert!(gateway.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_logout_cancels_whatever_login_is_pending_for_the_account() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.clock.advance(Duration::from_secs(1));
    let logins = [(gateway.start_forced(alice()).await, alice()), (gateway.start_forced(bob()).await, bob())];
    log_out(&gateway, OPENAI).await;
    for (login, principal) in logins {
        let status = gateway.status(&principal).await;
        let last = status.last_login.expect("it has ended");
        assert_eq!((status.pending, last.login_id, last.outcome), (None, login.login_id, LoginOutcome::Cancelled));
        let late = gateway.paste(&gateway.provider.approve(&login.auth_url), principal).await;
        assert!(matches!(late, Err(AppError::LoginOver(LoginOutcome::Cancelled))), "{late:?}");
    }
    settle().await;
    assert!(!gateway.listener.is_open());
    assert_eq!(gateway.account(OPENAI).await, None);
}

#[tokio::test]
async fn logging_out_of_one_account_leaves_the_others() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let pasted = PastedSecret {
        method: AuthMethod::SessionToken,
        secret: "session".into(),
        client_cookie: None,
        display_name: None,
        provider_type: None,
        unchecked: false,
    };
    gateway.app.accounts.register_secret(name("suno"), pasted).await.expect("it connects");
    log_out(&gateway, "suno").await;
    assert!(gateway.account(OPENAI).await.is_some());
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_some());
}

#[tokio::test]
async fn an_unknown_provider_and_a_store_that_is_down_are_errors_and_change_nothing() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let unknown = gateway.app.accounts.logout(name("xyz")).await;
    assert!(matches!(unknown, Err(AppError::UnknownProvider(name)) if name == "xyz"));
    gateway.store.fail_all();
    assert!(matches!(gateway.app.accounts.logout(name(OPENAI)).await, Err(AppError::Store(_))));
    gateway.store.repair();
    assert!(gateway.account(OPENAI).await.is_some());
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_some());
    assert!(gateway.provider.revoked().is_empty());
}

#[tokio::test]
async fn after_a_logout_one_may_sign_in_again() {
    let gateway = TestGateway::open().await;
    let before = gateway.connect().await;
    log_out(&gateway, OPENAI).await;
    let login = gateway.start(alice()).await;
    let after = gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("it connects");
    assert_ne!(after.id, before.id, "it is a new account");
}
