//! Tests of pasted redirect addresses: each completes only a login with its state, of its account and its principal.

use std::time::Duration;

use goclaw::{
    app::{AppError, Callback},
    domain::{
        authorization_response::InvalidRedirect,
        login::CallbackRejection,
        login_outcome::{LoginEnd, LoginOutcome},
    },
};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, name, settle};

#[tokio::test]
async fn a_pasted_address_completes_the_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let connected =
        gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("the account connects");
    assert_eq!(connected.name.as_str(), OPENAI);
    assert_eq!(gateway.account(OPENAI).await.expect("a saved account").id, connected.id);
}

#[tokio::test]
async fn another_principal_can_neither_finish_nor_cancel_a_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    for url in [&approved, &gateway.provider.decline(&login.auth_url)] {
        assert!(matches!(gateway.paste(url, bob()).await, Err(AppError::OtherPrincipal)));
    }
    assert!(!gateway.app.logins.cancel(name(OPENAI), bob()).await.expect("no store error"));
    assert_eq!(gateway.status(&alice()).await.pending.expect("a pending login").login_id, login.login_id);
    assert_eq!(gateway.provider.exchanges(), 0);
    gateway.paste(&approved, alice()).await.expect("the account connects");
    assert!(matches!(gateway.paste(&approved, bob()).await, Err(AppError::OtherPrincipal)), "the outcome is hidden");
}

#[tokio::test]
async fn an_address_that_does_not_match_the_login_leaves_it_pending() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    for (error, text) in [
        (InvalidRedirect::NoResponse, "ac_1"),
        (InvalidRedirect::NoState, "http://localhost:1455/auth/callback?code=ac_1"),
        (InvalidRedirect::Repeated("code"), &format!("{approved}&code=ac_2")),
    ] {
        let rejected = gateway.paste(text, alice()).await;
        assert!(matches!(rejected, Err(AppError::InvalidRedirect(why)) if why == error), "{rejected:?}");
    }
    assert_eq!(gateway.provider.exchanges(), 0);
    gateway.paste(&approved, alice()).await.expect("the account connects");
}

#[tokio::test]
async fn a_wrong_state_is_rejected_every_time() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    for _ in 0..50 {
        let rejected = gateway.paste("http://localhost:1455/auth/callback?code=ac_1&state=guess", alice()).await;
        assert!(matches!(rejected, Err(AppError::CallbackRejected(CallbackRejection::InvalidState))), "{rejected:?}");
    }
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("the account connects");
}

#[tokio::test]
async fn a_paste_without_a_pending_login_is_an_error() {
    let gateway = TestGateway::open().await;
    let url = "http://localhost:1455/auth/callback?code=ac_1&state=guess";
    assert!(matches!(gateway.paste(url, alice()).await, Err(AppError::NoPendingLogin)));
    let unknown_account = Callback::Pasted { name: name("xyz"), redirect_url: url.into(), principal: alice() };
    assert!(matches!(gateway.app.logins.complete(unknown_account).await, Err(AppError::UnknownProvider(_))));

    // A pending login of another account or another principal does not count.
    let login = gateway.start_login(bob()).await;
    assert!(matches!(gateway.paste(url, alice()).await, Err(AppError::NoPendingLogin)));
    let approved = gateway.provider.approve(&login.auth_url);
    let other_account = Callback::Pasted { name: name("suno"), redirect_url: approved.into(), principal: bob() };
    assert!(matches!(gateway.app.logins.complete(other_account).await, Err(AppError::NoPendingLogin)));
    assert!(gateway.status(&bob()).await.pending.is_some());
}

#[tokio::test]
async fn a_paste_for_the_openai_account_completes_its_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let redirect_url = gateway.provider.approve(&login.auth_url).into();
    let pasted = Callback::Pasted { name: name(OPENAI), redirect_url, principal: alice() };
    gateway.app.logins.complete(pasted).await.expect("the account connects");
}

#[tokio::test]
async fn a_pasted_denial_ends_the_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let declined = gateway.provider.decline(&login.auth_url);
    let ended = gateway.paste(&declined, alice()).await;
    assert!(matches!(ended, Err(AppError::LoginFailed(LoginEnd { outcome: LoginOutcome::Denied, .. }))), "{ended:?}");
    let again = gateway.paste(&declined, alice()).await;
    assert!(matches!(again, Err(AppError::LoginEnded(LoginEnd { outcome: LoginOutcome::Denied, .. }))), "{again:?}");
}

#[tokio::test]
async fn a_cancelled_login_stays_cancelled() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    assert!(gateway.app.logins.cancel(name(OPENAI), alice()).await.expect("no store error"));
    assert!(
        !gateway.app.logins.cancel(name(OPENAI), alice()).await.expect("no store error"),
        "nothing is left to cancel"
    );
    let late = gateway.paste(&approved, alice()).await;
    assert!(matches!(late, Err(AppError::LoginEnded(LoginEnd { outcome: LoginOutcome::Cancelled, .. }))), "{late:?}");
    assert_eq!((gateway.provider.exchanges(), gateway.account(OPENAI).await), (0, None));
    assert_ne!(gateway.start_login(alice()).await.login_id, login.login_id);
    let unknown = gateway.app.logins.cancel(name("xyz"), alice()).await;
    assert!(matches!(unknown, Err(AppError::UnknownProvider(_))), "{unknown:?}");
}

#[tokio::test]
async fn an_expired_login_cannot_be_completed() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.clock.advance(Duration::from_secs(360));
    settle().await;
    let late = gateway.paste(&approved, alice()).await;
    assert!(matches!(late, Err(AppError::LoginEnded(LoginEnd { outcome: LoginOutcome::Expired, .. }))), "{late:?}");
    assert_eq!(gateway.provider.exchanges(), 0);
}
