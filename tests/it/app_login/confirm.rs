//! Tests of a login of another user or workspace: it waits for a confirmation, and the connected account stays in use.

use std::time::Duration;

use goclaw::{
    app::{AccountStatus, Answer, AppError, StartOptions, StartOutcome},
    domain::{confirmation::Confirmation, credential::AccountState, ids::Principal, login_outcome::LoginOutcome},
    ports::CallbackReply,
};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, name, settle};

const FAMILY: (&str, &str) = ("GOCLAW_PROVIDERS__OPENAI_CODEX__REVOCATION", "family");

/// Connects the workspace "blue", then logs in to the workspace "green" as the same user.
async fn with_unconfirmed_login(variables: &[(&str, &str)]) -> (TestGateway, Confirmation) {
    let gateway = TestGateway::with_variables(variables).await;
    gateway.provider.sign_in_as("user-7", "blue");
    gateway.connect().await;
    gateway.provider.sign_in_as("user-7", "green");
    let question = log_in_again(&gateway).await;
    (gateway, question)
}

async fn log_in_again(gateway: &TestGateway) -> Confirmation {
    gateway.clock.advance(Duration::from_secs(1));
    let login = gateway.start_forced_login(alice()).await;
    let reply = gateway.approve(&login).shown().await;
    let CallbackReply::Question(question) = reply else { panic!("no question: {reply:?}") };
    *question
}

async fn answer(gateway: &TestGateway, principal: &Principal, answer: Answer) -> Result<AccountStatus, AppError> {
    gateway.app.accounts.confirm(&name(OPENAI), principal, answer).await
}

fn answer_to(question: &Confirmation, replace: bool) -> Answer {
    let replaces = Some(question.replaces.login_id.clone());
    Answer { login_id: question.login_id.clone(), replaces, replace }
}

fn workspace(status: &AccountStatus) -> Option<&str> {
    status.account.account_id.as_deref()
}

#[tokio::test]
async fn another_workspace_needs_confirmation_and_the_connected_account_stays_in_use() {
    let (gateway, question) = with_unconfirmed_login(&[]).await;
    for words in ["blue", "green", "user-7", "owner@example.org"] {
        assert!(question.sentence().contains(words), "{}", question.sentence());
    }
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, workspace(&status)), (AccountState::Active, Some("blue")));
    assert_eq!(status.last_login.as_ref().expect("an end").end.outcome, LoginOutcome::ConfirmationNeeded);
    assert_eq!(status.confirmation, Some(question.clone()));
    assert_eq!(gateway.tokens(OPENAI).await.expect("tokens").0, "access-1");
    assert_eq!(gateway.journal.unsaved_logins(), [], "the database has the tokens");

    let replaced = answer(&gateway, &alice(), answer_to(&question, true)).await.expect("the answer is accepted");
    assert_eq!((workspace(&replaced), replaced.login_id.as_ref()), (Some("green"), Some(&question.login_id)));
    assert_eq!((replaced.confirmation, gateway.tokens(OPENAI).await.expect("tokens").0.as_str()), (None, "access-2"));
    let again = answer(&gateway, &alice(), answer_to(&question, true)).await;
    assert!(matches!(again, Err(AppError::LoginEnded(ref end)) if end.outcome == LoginOutcome::Completed), "{again:?}");
}

#[tokio::test]
async fn another_user_of_the_same_workspace_needs_confirmation() {
    let gateway = TestGateway::open().await;
    gateway.provider.sign_in_as("user-7", "blue");
    gateway.connect().await;
    gateway.provider.sign_in_as("user-8", "blue");
    log_in_again(&gateway).await;
    assert_eq!(gateway.status(&alice()).await.account.user_id.as_deref(), Some("user-7"));
}

#[tokio::test]
async fn the_same_account_and_a_requested_replacement_need_no_confirmation() {
    let gateway = TestGateway::open().await;
    gateway.provider.sign_in_as("user-7", "blue");
    gateway.connect().await;
    gateway.connect().await;
    gateway.provider.sign_in_as("user-8", "green");
    let options = StartOptions { force: true, replace: true, ..StartOptions::default() };
    let started = gateway.app.logins.start(name(OPENAI), alice(), options).await.expect("the login starts");
    let StartOutcome::Pending(login) = started else { panic!("no pending login") };
    settle().await;
    assert_eq!(gateway.approve(&login).shown().await, CallbackReply::Ended(LoginOutcome::Completed.into()));
    assert_eq!(gateway.status(&alice()).await.account.user_id.as_deref(), Some("user-8"));
}

#[tokio::test]
async fn a_declined_login_is_revoked_unless_that_would_end_the_connected_account() {
    for (variables, revoked, queued) in [(&[FAMILY][..], vec!["refresh-2"], 0), (&[], vec![], 1)] {
        let (gateway, question) = with_unconfirmed_login(variables).await;
        let status = answer(&gateway, &alice(), answer_to(&question, false)).await.expect("the answer is accepted");
        settle().await;
        assert_eq!((workspace(&status), status.confirmation.as_ref()), (Some("blue"), None));
        assert_eq!(status.last_login.expect("an end").end.outcome, LoginOutcome::Cancelled);
        assert_eq!(
            (gateway.provider.revoked(), gateway.store.revocations()),
            (revoked.iter().map(ToString::to_string).collect(), queued)
        );
    }
}

#[tokio::test]
async fn a_cancel_declines_a_login_that_waits_for_an_answer() {
    let (gateway, _question) = with_unconfirmed_login(&[FAMILY]).await;
    let cancelled = async || gateway.app.logins.cancel(name(OPENAI), alice()).await.expect("no error");
    assert!(cancelled().await);
    settle().await;
    let status = gateway.status(&alice()).await;
    assert_eq!((workspace(&status), status.confirmation.as_ref()), (Some("blue"), None));
    assert_eq!(status.last_login.expect("an end").end.outcome, LoginOutcome::Cancelled);
    assert_eq!(gateway.provider.revoked(), ["refresh-2"]);
    assert!(!cancelled().await, "nothing is left to cancel");
}

#[tokio::test]
async fn an_unconfirmed_login_expires_after_ten_minutes() {
    let (gateway, question) = with_unconfirmed_login(&[FAMILY]).await;
    for _ in 0..9 {
        gateway.clock.advance(Duration::from_secs(60));
        settle().await;
    }
    assert!(gateway.status(&alice()).await.confirmation.is_some());
    for _ in 0..2 {
        gateway.clock.advance(Duration::from_secs(60));
        settle().await;
    }
    let status = gateway.status(&alice()).await;
    assert_eq!((status.confirmation, status.last_login.expect("an end").end.outcome), (None, LoginOutcome::Expired));
    assert_eq!(gateway.provider.revoked(), ["refresh-2"]);
    let late = answer(&gateway, &alice(), answer_to(&question, true)).await;
    assert!(matches!(late, Err(AppError::LoginEnded(ref end)) if end.outcome == LoginOutcome::Expired), "{late:?}");
}

#[tokio::test]
async fn an_answer_about_another_account_than_the_connected_one_changes_nothing() {
    let (gateway, question) = with_unconfirmed_login(&[]).await;
    let other = Answer { replaces: Some(question.login_id.clone()), ..answer_to(&question, true) };
    assert!(matches!(answer(&gateway, &alice(), other).await, Err(AppError::StaleConsent(_))));
    gateway.provider.sign_in_as("user-7", "blue");
    gateway.clock.advance(Duration::from_secs(1));
    let reconnected = gateway.connect().await;
    let before = gateway.account(OPENAI).await;
    for replaces in [None, Some(question.replaces.login_id.clone())] {
        let stale = answer(&gateway, &alice(), Answer { replaces, ..answer_to(&question, true) }).await;
        assert!(matches!(stale, Err(AppError::StaleConsent(_))), "{stale:?}");
    }
    assert_eq!(gateway.account(OPENAI).await, before);
    assert_eq!(before.expect("a connected account").id, reconnected.id);
}

#[tokio::test]
async fn only_the_owner_and_the_principal_of_the_login_may_answer() {
    let (gateway, question) = with_unconfirmed_login(&[]).await;
    let refused = answer(&gateway, &bob(), answer_to(&question, true)).await;
    assert!(matches!(refused, Err(AppError::OtherPrincipal)), "{refused:?}");
    answer(&gateway, &Principal::gateway_token(), answer_to(&question, true)).await.expect("the owner may");
}

#[tokio::test]
async fn a_logout_ends_the_unconfirmed_login_and_the_connected_account() {
    let (gateway, question) = with_unconfirmed_login(&[]).await;
    gateway.app.accounts.logout(name(OPENAI)).await.expect("the logout succeeds");
    settle().await;
    assert_eq!(gateway.account(OPENAI).await, None);
    assert_eq!(gateway.provider.revoked(), ["refresh-1"], "the unconfirmed login is not revoked yet");
    let late = answer(&gateway, &alice(), answer_to(&question, true)).await;
    assert!(matches!(late, Err(AppError::LoginEnded(ref end)) if end.outcome == LoginOutcome::Cancelled), "{late:?}");
    for _ in 0..6 {
        gateway.clock.advance(Duration::from_secs(60));
        settle().await;
    }
    assert_eq!((gateway.provider.revoked().len(), gateway.store.revocations()), (2, 0));
}

#[tokio::test]
async fn a_repeated_callback_asks_for_the_confirmation_again() {
    let gateway = TestGateway::open().await;
    gateway.provider.sign_in_as("user-7", "blue");
    gateway.connect().await;
    gateway.provider.sign_in_as("user-7", "green");
    gateway.clock.advance(Duration::from_secs(1));
    let login = gateway.start_forced_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    for _ in 0..2 {
        let asked = gateway.paste(&approved, alice()).await;
        assert!(matches!(asked, Err(AppError::ConfirmationNeeded(_))), "{asked:?}");
    }
    assert_eq!(gateway.provider.exchanges(), 2);
}

#[tokio::test]
async fn one_account_under_two_names_is_reported() {
    let gateway = TestGateway::open().await;
    gateway.provider.sign_in_as("user-7", "blue");
    gateway.connect().await;
    gateway.connect_as("studio").await;
    assert_eq!(gateway.status(&alice()).await.other_names, [name("studio")]);
    let listed = gateway.app.accounts.list().await.expect("a list");
    let others =
        |of: &str| listed.iter().find(|view| view.name == name(of)).expect("a listed account").other_names.clone();
    assert_eq!((others(OPENAI), others("studio")), (vec![name("studio")], vec![name(OPENAI)]));
    let login = gateway.start_forced_login(alice()).await;
    let CallbackReply::Ended(end) = gateway.approve(&login).shown().await else { panic!("no end") };
    assert!(end.reason.ends_with("also connected as studio."), "{}", end.reason);
}
