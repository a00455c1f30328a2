//! Logging out: both tokens go, whatever the provider says, and nothing that was under way brings them back.

use goclaw::{
    app::{AppError, PastedSecret, Revocation},
    domain::{login_outcome::LoginOutcome, provider::AuthMethod},
};

use crate::support::fakes::{OPENAI, Stage, alice, bob, name, settle};

async fn log_out(stage: &Stage, account: &str) -> (bool, Revocation) {
    let out = stage.gateway.logout(account.to_owned()).await.expect("it logs out");
    (out.removed, out.revocation)
}

#[tokio::test]
async fn a_logout_forgets_both_tokens_and_has_the_provider_revoke_them() {
    let stage = Stage::open().await;
    stage.connect().await;
    assert_eq!(log_out(&stage, "openai").await, (true, Revocation::Revoked));
    assert_eq!(stage.account(OPENAI).await, None);
    assert!(stage.gateway.registry().get(&name(OPENAI)).is_none());
    assert_eq!(stage.provider.revoked(), ["refresh-1"]);
}

#[tokio::test]
async fn a_second_logout_finds_nothing_and_asks_nobody() {
    let stage = Stage::open().await;
    assert_eq!(log_out(&stage, OPENAI).await, (false, Revocation::NotApplicable));
    stage.connect().await;
    log_out(&stage, OPENAI).await;
    assert_eq!(log_out(&stage, OPENAI).await, (false, Revocation::NotApplicable));
    assert_eq!(stage.provider.revoked().len(), 1);
}

#[tokio::test]
async fn a_provider_that_does_not_confirm_changes_nothing_about_the_removal() {
    let stage = Stage::open().await;
    stage.connect().await;
    stage.provider.revocation_fails();
    assert_eq!(log_out(&stage, OPENAI).await, (true, Revocation::Failed));
    assert_eq!(stage.account(OPENAI).await, None);
    assert!(stage.gateway.registry().get(&name(OPENAI)).is_none());
}

#[tokio::test]
async fn where_nothing_can_be_revoked_that_is_said() {
    // A sign-in without a revocation endpoint, and a secret that was pasted.
    let stage = Stage::configured(&[
        ("GOCLAW_PROVIDERS__DASHSCOPE__ISSUER", "https://dashscope.example"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__CLIENT_ID", "client"),
    ])
    .await;
    for (account, method) in [("dashscope", AuthMethod::ApiKey), ("suno", AuthMethod::SessionToken)] {
        let pasted = PastedSecret { method, secret: "sk-1".into(), display_name: None, provider_type: None };
        stage.gateway.register_secret(account.to_owned(), pasted).await.expect("it connects");
        assert_eq!(log_out(&stage, account).await, (true, Revocation::NotApplicable));
        assert_eq!(stage.account(account).await, None);
    }
    assert!(stage.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_token_that_does_not_open_is_removed_all_the_same() {
    let stage = Stage::open().await;
    stage.connect().await;
    let with_another_key = stage.another_gateway(2);
    let out = with_another_key.logout(OPENAI.to_owned()).await.expect("it logs out");
    assert_eq!((out.removed, out.revocation), (true, Revocation::Failed));
    assert_eq!(stage.account(OPENAI).await, None);
    assert!(stage.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_logout_cancels_whatever_login_is_pending_for_the_account() {
    let stage = Stage::open().await;
    stage.connect().await;
    let logins = [(stage.start_anew(alice()).await, alice()), (stage.start_anew(bob()).await, bob())];
    log_out(&stage, OPENAI).await;
    for (login, principal) in logins {
        let status = stage.status(&principal).await;
        let last = status.last_login.expect("it has ended");
        assert_eq!((status.pending, last.login_id, last.outcome), (None, login.login_id, LoginOutcome::Cancelled));
        let late = stage.paste(&stage.provider.approve(&login.auth_url), principal).await;
        assert!(matches!(late, Err(AppError::LoginOver(LoginOutcome::Cancelled))), "{late:?}");
    }
    settle().await;
    assert!(!stage.listener.is_open());
    assert_eq!(stage.account(OPENAI).await, None);
}

#[tokio::test]
async fn logging_out_of_one_account_leaves_the_others() {
    let stage = Stage::open().await;
    stage.connect().await;
    let pasted = PastedSecret {
        method: AuthMethod::SessionToken,
        secret: "session".into(),
        display_name: None,
        provider_type: None,
    };
    stage.gateway.register_secret("suno".to_owned(), pasted).await.expect("it connects");
    log_out(&stage, "suno").await;
    assert!(stage.account(OPENAI).await.is_some());
    assert!(stage.gateway.registry().get(&name(OPENAI)).is_some());
}

#[tokio::test]
async fn an_unknown_provider_and_a_store_that_is_down_are_errors_and_change_nothing() {
    let stage = Stage::open().await;
    stage.connect().await;
    let unknown = stage.gateway.logout("xyz".to_owned()).await;
    assert!(matches!(unknown, Err(AppError::UnknownProvider(name)) if name == "xyz"));
    stage.store.break_down();
    assert!(matches!(stage.gateway.logout(OPENAI.to_owned()).await, Err(AppError::Store(_))));
    stage.store.repair();
    assert!(stage.account(OPENAI).await.is_some());
    assert!(stage.gateway.registry().get(&name(OPENAI)).is_some());
    assert!(stage.provider.revoked().is_empty());
}

#[tokio::test]
async fn after_a_logout_one_may_sign_in_again() {
    let stage = Stage::open().await;
    let before = stage.connect().await;
    log_out(&stage, OPENAI).await;
    let login = stage.start(alice()).await;
    let after = stage.paste(&stage.provider.approve(&login.auth_url), alice()).await.expect("it connects");
    assert_ne!(after.id, before.id, "it is a new account");
}
