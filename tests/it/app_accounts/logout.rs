//! Tests of logout. It removes both tokens whatever the provider responds, and no login in progress restores them.

use std::{mem, sync::Arc, time::Duration};

use goclaw::{
    app::{AppError, PastedSecret, Revocation, Secret},
    domain::login_outcome::{LoginEnd, LoginOutcome},
};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, name, settle, spawn, within};

/// The sweeps, one a minute, until a revocation is retried after five minutes.
const SWEEPS_UNTIL_RETRY: usize = 6;

async fn log_out(gateway: &TestGateway, account: &str) -> (bool, Revocation) {
    let out = gateway.app.accounts.logout(name(account)).await.expect("the logout succeeds");
    (out.removed, out.revocation)
}

#[tokio::test]
async fn a_logout_deletes_both_tokens_and_revokes_them_at_the_provider() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    assert_eq!(log_out(&gateway, "openai").await, (true, Revocation::Revoked));
    assert_eq!(gateway.account(OPENAI).await, None);
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_none());
    assert_eq!(gateway.provider.revoked(), ["refresh-1"]);
}

/// The gateways poll for each other's changes, so each still has the first login.
#[tokio::test]
async fn a_login_that_another_gateway_has_just_replaced_ends_with_the_logout() {
    let mut gateway = TestGateway::open().await;
    gateway.connect().await;
    let mut other = gateway.another_gateway_with(|ports| ports);
    other.start().await.expect("the gateway starts");
    let third = gateway.another_gateway_with(|ports| ports);
    third.start().await.expect("the gateway starts");
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    mem::swap(&mut gateway.app, &mut other);
    log_out(&gateway, OPENAI).await;
    let refused = within(gateway.app.tokens.usable(&name(OPENAI))).await;
    assert!(matches!(refused, Err(AppError::NotConnected(_))), "{refused:?}");
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    let refused = within(third.tokens.usable(&name(OPENAI))).await;
    assert!(matches!(refused, Err(AppError::NotConnected(_))), "after a poll: {refused:?}");
}

#[tokio::test]
async fn a_second_logout_succeeds_and_sends_no_request() {
    let gateway = TestGateway::open().await;
    assert_eq!(log_out(&gateway, OPENAI).await, (false, Revocation::NotApplicable));
    gateway.connect().await;
    log_out(&gateway, OPENAI).await;
    assert_eq!(log_out(&gateway, OPENAI).await, (false, Revocation::NotApplicable));
    assert_eq!(gateway.provider.revoked().len(), 1);
}

#[tokio::test]
async fn an_unconfirmed_revocation_is_retried_after_the_account_is_removed() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.fail_revocations(true);
    assert_eq!(log_out(&gateway, OPENAI).await, (true, Revocation::Pending));
    assert_eq!(gateway.account(OPENAI).await, None);
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_none());
    for _ in 0..9 {
        advance_to_next_sweep(&gateway).await;
    }
    assert_eq!(gateway.provider.revocation_requests(), 2, "one retry after five minutes");
    gateway.provider.fail_revocations(false);
    for _ in 0..SWEEPS_UNTIL_RETRY {
        advance_to_next_sweep(&gateway).await;
    }
    assert_eq!(gateway.provider.revoked(), ["refresh-1"]);
    assert_eq!(gateway.store.revocations(), 0);
}

#[tokio::test]
async fn a_revocation_is_dropped_after_a_day() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.fail_revocations(true);
    log_out(&gateway, OPENAI).await;
    gateway.clock.advance(Duration::from_secs(24 * 3600));
    settle().await;
    assert_eq!(gateway.store.revocations(), 1);
    advance_to_next_sweep(&gateway).await;
    assert_eq!(gateway.store.revocations(), 0, "the sealed token is deleted");
}

#[tokio::test]
async fn a_revocation_that_would_end_a_newer_login_waits() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.provider.fail_revocations(true);
    log_out(&gateway, OPENAI).await;
    gateway.connect().await;
    gateway.provider.fail_revocations(false);
    for _ in 0..SWEEPS_UNTIL_RETRY {
        advance_to_next_sweep(&gateway).await;
    }
    assert_eq!((gateway.provider.revoked(), gateway.store.revocations()), (Vec::<String>::new(), 1));
}

#[tokio::test]
async fn an_unreadable_account_of_a_provider_without_revocation_delays_no_revocation() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.store.damage(&name("dashscope"));
    assert_eq!(log_out(&gateway, OPENAI).await, (true, Revocation::Revoked));
}

#[tokio::test]
async fn a_logout_does_not_end_another_account_with_the_same_grant() {
    for (setting, user, expected) in [
        ("grant", "user-1", (Revocation::Waiting, 0)),
        ("grant", "user-2", (Revocation::Revoked, 1)),
        ("family", "user-1", (Revocation::Revoked, 1)),
    ] {
        let gateway = TestGateway::with_variables(&[("GOCLAW_PROVIDERS__OPENAI_CODEX__REVOCATION", setting)]).await;
        gateway.provider.sign_in_as("user-1", "blue");
        gateway.connect().await;
        gateway.provider.sign_in_as(user, "green");
        gateway.connect_as("studio").await;
        // A name that is not configured has the settings of its type's built-in account.
        let (removed, revocation) = log_out(&gateway, "studio").await;
        assert_eq!(
            (removed, revocation, gateway.provider.revoked().len()),
            (true, expected.0, expected.1),
            "{setting}, {user}"
        );
        assert_eq!(log_out(&gateway, OPENAI).await, (true, Revocation::Revoked), "{setting}, {user}");
        for _ in 0..SWEEPS_UNTIL_RETRY {
            advance_to_next_sweep(&gateway).await;
        }
        assert_eq!((gateway.provider.revoked().len(), gateway.store.revocations()), (2, 0), "{setting}, {user}");
    }
}

#[tokio::test]
async fn a_revocation_waits_for_a_code_exchange_of_an_unknown_user() {
    let gateway = TestGateway::open().await;
    gateway.connect_as("studio").await;
    let login = gateway.start_login(alice()).await;
    gateway.provider.hang();
    let _page = gateway.approve(&login);
    settle().await;
    assert_eq!(log_out(&gateway, "studio").await, (true, Revocation::Waiting));
    assert!(gateway.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_new_login_revokes_the_old_tokens_only_if_it_survives_the_revocation() {
    for (setting, revoked) in [("family", vec!["refresh-1".to_owned()]), ("grant", Vec::new())] {
        let gateway = TestGateway::with_variables(&[("GOCLAW_PROVIDERS__OPENAI_CODEX__REVOCATION", setting)]).await;
        gateway.connect().await;
        gateway.connect().await;
        settle().await;
        assert_eq!(gateway.provider.revoked(), revoked, "{setting}");
        assert_eq!(gateway.tokens(OPENAI).await.expect("tokens").1.as_deref(), Some("refresh-2"), "{setting}");
    }
}

#[tokio::test]
async fn a_logout_during_a_code_exchange_cancels_the_login() {
    let gateway = Arc::new(TestGateway::open().await);
    let login = gateway.start_login(alice()).await;
    let redirect_url = gateway.provider.approve(&login.auth_url);
    gateway.provider.hang();
    let paste = {
        let gateway = Arc::clone(&gateway);
        spawn(async move { gateway.paste(&redirect_url, alice()).await })
    };
    settle().await;
    log_out(&gateway, OPENAI).await;
    gateway.provider.resume();
    let late = within(paste).await.expect("the task does not panic");
    assert!(matches!(late, Err(AppError::LoginEnded(LoginEnd { outcome: LoginOutcome::Cancelled, .. }))), "{late:?}");
    assert_eq!(gateway.account(OPENAI).await, None);
    assert_eq!(gateway.provider.revoked(), ["refresh-1"], "the late token is revoked");
}

/// Advances the clock by the sweep interval of one minute.
async fn advance_to_next_sweep(gateway: &TestGateway) {
    gateway.clock.advance(Duration::from_secs(60));
    settle().await;
}

#[tokio::test]
async fn a_logout_without_a_revocation_endpoint_reports_not_applicable() {
    // DashScope gets an OAuth client without a revocation endpoint. Suno has no OAuth client.
    let gateway = TestGateway::with_variables(&[
        ("GOCLAW_PROVIDERS__DASHSCOPE__ISSUER", "https://dashscope.example"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__CLIENT_ID", "client"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__REQUIRES_ISS", "true"),
    ])
    .await;
    for (account, secret) in
        [("dashscope", Secret::ApiKey("sk-1".into())), ("suno", Secret::SessionToken("s-1".into()))]
    {
        let pasted = PastedSecret { secret, display_name: None, provider_type: None, unchecked: false };
        gateway.app.accounts.register_secret(name(account), pasted).await.expect("the account connects");
        assert_eq!(log_out(&gateway, account).await, (true, Revocation::NotApplicable));
        assert_eq!(gateway.account(account).await, None);
    }
    assert!(gateway.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_token_that_does_not_open_is_still_removed() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let with_another_key = gateway.another_gateway(2);
    let out = with_another_key.accounts.logout(name(OPENAI)).await.expect("the logout succeeds");
    assert_eq!((out.removed, out.revocation), (true, Revocation::Failed));
    assert_eq!(gateway.account(OPENAI).await, None);
    assert!(gateway.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_logout_cancels_every_pending_login_of_the_account() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.clock.advance(Duration::from_secs(1));
    let logins =
        [(gateway.start_forced_login(alice()).await, alice()), (gateway.start_forced_login(bob()).await, bob())];
    log_out(&gateway, OPENAI).await;
    for (login, principal) in logins {
        let status = gateway.status(&principal).await;
        let last = status.last_login.expect("an ended login");
        assert_eq!((status.pending, last.login_id, last.end.outcome), (None, login.login_id, LoginOutcome::Cancelled));
        let late = gateway.paste(&gateway.provider.approve(&login.auth_url), principal).await;
        assert!(
            matches!(late, Err(AppError::LoginEnded(LoginEnd { outcome: LoginOutcome::Cancelled, .. }))),
            "{late:?}"
        );
    }
    settle().await;
    assert!(!gateway.listener.is_open());
    assert_eq!(gateway.account(OPENAI).await, None);
}

#[tokio::test]
async fn a_logout_affects_no_other_account() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let pasted = PastedSecret {
        secret: Secret::SessionToken("session".into()),
        display_name: None,
        provider_type: None,
        unchecked: false,
    };
    gateway.app.accounts.register_secret(name("suno"), pasted).await.expect("the account connects");
    log_out(&gateway, "suno").await;
    assert!(gateway.account(OPENAI).await.is_some());
    assert!(gateway.app.tokens.registry().get(&name(OPENAI)).is_some());
}

#[tokio::test]
async fn a_logout_with_an_unknown_name_or_a_failing_store_changes_nothing() {
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
async fn a_login_after_a_logout_creates_a_new_account() {
    let gateway = TestGateway::open().await;
    let before = gateway.connect().await;
    log_out(&gateway, OPENAI).await;
    let login = gateway.start_login(alice()).await;
    let after = gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("the account connects");
    assert_ne!(after.id, before.id, "the account is a new one");
}
