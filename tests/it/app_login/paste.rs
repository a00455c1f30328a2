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

use crate::support::fakes::{OPENAI, Stage, alice, bob, name, settle};

#[tokio::test]
async fn a_pasted_address_signs_in() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let connected = stage.paste(&stage.provider.approve(&login.auth_url), alice()).await.expect("it connects");
    assert_eq!(connected.name.as_str(), OPENAI);
    assert_eq!(stage.account(OPENAI).await.expect("it is saved").id, connected.id);
}

#[tokio::test]
async fn another_principal_can_neither_finish_nor_cancel_a_login() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let approved = stage.provider.approve(&login.auth_url);
    for url in [&approved, &stage.provider.decline(&login.auth_url)] {
        assert!(matches!(stage.paste(url, bob()).await, Err(AppError::OtherPrincipal)));
    }
    assert!(!stage.app.logins.cancel(name(OPENAI), bob()).await.expect("it answers"));
    assert_eq!(stage.status(&alice()).await.pending.expect("it still waits").login_id, login.login_id);
    assert_eq!(stage.provider.exchanges(), 0);
    stage.paste(&approved, alice()).await.expect("it connects");
    assert!(matches!(stage.paste(&approved, bob()).await, Err(AppError::OtherPrincipal)), "nor see how it ended");
}

#[tokio::test]
async fn an_address_that_is_not_the_login_s_leaves_it_pending() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let approved = stage.provider.approve(&login.auth_url);
    for (part, text) in [
        (WrongPart::Host, approved.replace("localhost", "evil.example")),
        (WrongPart::Port, approved.replace(":1455", ":1456")),
        (WrongPart::Scheme, approved.replace("http:", "https:")),
        (WrongPart::Path, approved.replace("/auth/callback", "/auth/other")),
    ] {
        let rejected = stage.paste(&text, alice()).await;
        let expected = CallbackRejection::WrongAddress(part);
        assert!(matches!(rejected, Err(AppError::CallbackRejected(why)) if why == expected), "{rejected:?}");
    }
    for (error, text) in [
        (InvalidRedirect::NotAUrl, "ac_1"),
        (InvalidRedirect::NoState, "http://localhost:1455/auth/callback?code=ac_1"),
        (InvalidRedirect::Repeated("code"), &format!("{approved}&code=ac_2")),
    ] {
        let rejected = stage.paste(text, alice()).await;
        assert!(matches!(rejected, Err(AppError::InvalidRedirect(why)) if why == error), "{rejected:?}");
    }
    assert_eq!(stage.provider.exchanges(), 0);
    stage.paste(&approved, alice()).await.expect("it connects");
}

#[tokio::test]
async fn a_wrong_state_is_refused_as_often_as_it_is_tried() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    for _ in 0..50 {
        let rejected = stage.paste("http://localhost:1455/auth/callback?code=ac_1&state=guess", alice()).await;
        assert!(matches!(rejected, Err(AppError::CallbackRejected(CallbackRejection::InvalidState))), "{rejected:?}");
    }
    stage.paste(&stage.provider.approve(&login.auth_url), alice()).await.expect("it connects");
}

#[tokio::test]
async fn without_a_login_there_is_nothing_to_paste_for() {
    let stage = Stage::open().await;
    let url = "http://localhost:1455/auth/callback?code=ac_1&state=guess";
    assert!(matches!(stage.paste(url, alice()).await, Err(AppError::NoPendingLogin)));
    let elsewhere = Callback::Pasted { name: name("xyz"), redirect_url: url.into(), principal: alice() };
    assert!(matches!(stage.app.logins.complete(elsewhere).await, Err(AppError::UnknownProvider(_))));

    // A login that waits for another account or somebody else is none for this one.
    let login = stage.start(bob()).await;
    assert!(matches!(stage.paste(url, alice()).await, Err(AppError::NoPendingLogin)));
    let approved = stage.provider.approve(&login.auth_url);
    let elsewhere = Callback::Pasted { name: name("suno"), redirect_url: approved.into(), principal: bob() };
    assert!(matches!(stage.app.logins.complete(elsewhere).await, Err(AppError::NoPendingLogin)));
    assert!(stage.status(&bob()).await.pending.is_some());
}

#[tokio::test]
async fn pasting_for_openai_means_the_same_account() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let redirect_url = stage.provider.approve(&login.auth_url).into();
    let pasted = Callback::Pasted { name: name(OPENAI), redirect_url, principal: alice() };
    stage.app.logins.complete(pasted).await.expect("it connects");
}

#[tokio::test]
async fn a_pasted_denial_ends_the_login() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let declined = stage.provider.decline(&login.auth_url);
    let ended = stage.paste(&declined, alice()).await;
    assert!(matches!(ended, Err(AppError::LoginFailed { outcome: LoginOutcome::Denied, .. })), "{ended:?}");
    let again = stage.paste(&declined, alice()).await;
    assert!(matches!(again, Err(AppError::LoginOver(LoginOutcome::Denied))), "{again:?}");
}

#[tokio::test]
async fn what_is_cancelled_stays_cancelled() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let approved = stage.provider.approve(&login.auth_url);
    assert!(stage.app.logins.cancel(name(OPENAI), alice()).await.expect("it answers"));
    assert!(!stage.app.logins.cancel(name(OPENAI), alice()).await.expect("there is nothing more to cancel"));
    let over = stage.paste(&approved, alice()).await;
    assert!(matches!(over, Err(AppError::LoginOver(LoginOutcome::Cancelled))), "{over:?}");
    assert_eq!((stage.provider.exchanges(), stage.account(OPENAI).await), (0, None));
    assert_ne!(stage.start(alice()).await.login_id, login.login_id);
    let unknown = stage.app.logins.cancel(name("xyz"), alice()).await;
    assert!(matches!(unknown, Err(AppError::UnknownProvider(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_login_whose_time_is_over_cannot_be_finished() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let approved = stage.provider.approve(&login.auth_url);
    stage.clock.advance(Duration::from_secs(360));
    settle().await;
    let over = stage.paste(&approved, alice()).await;
    assert!(matches!(over, Err(AppError::LoginOver(LoginOutcome::Expired))), "{over:?}");
    assert_eq!(stage.provider.exchanges(), 0);
}
