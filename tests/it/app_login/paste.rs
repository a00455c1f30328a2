//! A pasted address: only for the account it is said to be for, only from who started the login, only to the letter.

use std::time::Duration;

use goclaw::{
    app::{AppError, Callback},
    domain::{
        authorization_response::{InvalidRedirect, WrongPart},
        login::CallbackRejection,
        login_outcome::LoginOutcome,
    },
};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, name, settle};

#[tokio::test]
async fn a_pasted_address_signs_in() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let connected = gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("it connects");
    assert_eq!(connected.name.as_str(), OPENAI);
    assert_eq!(gateway.account(OPENAI).await.expect("it is saved").id, connected.id);
}

#[tokio::test]
async fn another_principal_can_neither_finish_nor_cancel_a_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    for url in [&approved, &gateway.provider.decline(&login.auth_url)] {
        assert!(matches!(gateway.paste(url, bob()).await, Err(AppError::OtherPrincipal)));
    }
    assert!(!gateway.app.logins.cancel(name(OPENAI), bob()).await.expect("it answers"));
    assert_eq!(gateway.status(&alice()).await.pending.expect("it still waits").login_id, login.login_id);
    assert_eq!(gateway.provider.exchanges(), 0);
    gateway.paste(&approved, alice()).await.expect("it connects");
    assert!(matches!(gateway.paste(&approved, bob()).await, Err(AppError::OtherPrincipal)), "nor see how it ended");
}

#[tokio::test]
async fn an_address_that_is_not_the_login_s_leaves_it_pending() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    for (part, text) in [
        (WrongPart::Host, approved.replace("localhost", "evil.example")),
        (WrongPart::Port, approved.replace(":1455", ":1456")),
        (WrongPart::Scheme, approved.replace("http:", "https:")),
        (WrongPart::Path, approved.replace("/auth/callback", "/auth/other")),
    ] {
        let rejected = gateway.paste(&text, alice()).await;
        let expected = CallbackRejection::WrongAddress(part);
        assert!(matches!(rejected, Err(AppError::CallbackRejected(why)) if why == expected), "{rejected:?}");
    }
    for (error, text) in [
        (InvalidRedirect::NotAUrl, "ac_1"),
        (InvalidRedirect::NoState, "http://localhost:1455/auth/callback?code=ac_1"),
        (InvalidRedirect::Repeated("code"), &format!("{approved}&code=ac_2")),
    ] {
        let rejected = gateway.paste(text, alice()).await;
        assert!(matches!(rejected, Err(AppError::InvalidRedirect(why)) if why == error), "{rejected:?}");
    }
    assert_eq!(gateway.provider.exchanges(), 0);
    gateway.paste(&approved, alice()).await.expect("it connects");
}

#[tokio::test]
async fn a_wrong_state_is_refused_as_often_as_it_is_tried() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    for _ in 0..50 {
        let rejected = gateway.paste("http://localhost:1455/auth/callback?code=ac_1&state=guess", alice()).await;
        assert!(matches!(rejected, Err(AppError::CallbackRejected(CallbackRejection::InvalidState))), "{rejected:?}");
    }
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("it connects");
}

#[tokio::test]
async fn without_a_login_there_is_nothing_to_paste_for() {
    let gateway = TestGateway::open().await;
    let url = "http://localhost:1455/auth/callback?code=ac_1&state=guess";
    assert!(matches!(gateway.paste(url, alice()).await, Err(AppError::NoPendingLogin)));
    let elsewhere = Callback::Pasted { name: name("xyz"), redirect_url: url.into(), principal: alice() };
    assert!(matches!(gateway.app.logins.complete(elsewhere).await, Err(AppError::UnknownProvider(_))));

    // A login that waits for another account or somebody else is none for this one.
    let login = gateway.start(bob()).await;
    assert!(matches!(gateway.paste(url, alice()).await, Err(AppError::NoPendingLogin)));
    let approved = gateway.provider.approve(&login.auth_url);
    let elsewhere = Callback::Pasted { name: name("suno"), redirect_url: approved.into(), principal: bob() };
    assert!(matches!(gateway.app.logins.complete(elsewhere).await, Err(AppError::NoPendingLogin)));
    assert!(gateway.status(&bob()).await.pending.is_some());
}

#[tokio::test]
async fn pasting_for_openai_means_the_same_account() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let redirect_url = gateway.provider.approve(&login.auth_url).into();
    let pasted = Callback::Pasted { name: name(OPENAI), redirect_url, principal: alice() };
    gateway.app.logins.complete(pasted).await.expect("it connects");
}

#[tokio::test]
async fn a_pasted_denial_ends_the_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let declined = gateway.provider.decline(&login.auth_url);
    let ended = gateway.paste(&declined, alice()).await;
    assert!(matches!(ended, Err(AppError::LoginFailed { outcome: LoginOutcome::Denied, .. })), "{ended:?}");
    let again = gateway.paste(&declined, alice()).await;
    assert!(matches!(again, Err(AppError::LoginOver(LoginOutcome::Denied))), "{again:?}");
}

#[tokio::test]
async fn what_is_cancelled_stays_cancelled() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    assert!(gateway.app.logins.cancel(name(OPENAI), alice()).await.expect("it answers"));
    assert!(!gateway.app.logins.cancel(name(OPENAI), alice()).await.expect("there is nothing more to cancel"));
    let over = gateway.paste(&approved, alice()).await;
    assert!(matches!(over, Err(AppError::LoginOver(LoginOutcome::Cancelled))), "{over:?}");
    assert_eq!((gateway.provider.exchanges(), gateway.account(OPENAI).await), (0, None));
    assert_ne!(gateway.start(alice()).await.login_id, login.login_id);
    let unknown = gateway.app.logins.cancel(name("xyz"), alice()).await;
    assert!(matches!(unknown, Err(AppError::UnknownProvider(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_login_whose_time_is_over_cannot_be_finished() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.clock.advance(Duration::from_secs(360));
    settle().await;
    let over = gateway.paste(&approved, alice()).await;
    assert!(matches!(over, Err(AppError::LoginOver(LoginOutcome::Expired))), "{over:?}");
    assert_eq!(gateway.provider.exchanges(), 0);
}
