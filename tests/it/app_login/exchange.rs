//! The exchange of the code goes wrong: nothing is stored, the outcome says why, and a new start works at once.

use std::time::Duration;

use goclaw::{
    app::{AppError, PastedSecret, StartOptions, StartOutcome},
    domain::{
        credential::AccountState,
        login_outcome::LoginOutcome,
        provider::{AuthMethod, ProviderType},
    },
    ports::CallbackReply,
};

use crate::support::fakes::{Answer, NOW, OPENAI, Stage, alice, name, settle};

const WITHOUT_REFRESH_TOKEN: Answer = Answer::Tokens { lifetime: Some(3600), with_refresh_token: false };

const FAILURES: [(Answer, LoginOutcome); 5] = [
    (Answer::Refused, LoginOutcome::CodeRefused),
    (Answer::Unavailable, LoginOutcome::ProviderUnavailable),
    (Answer::TimedOut, LoginOutcome::ProviderTimeout),
    (Answer::Unreadable, LoginOutcome::InvalidResponse),
    (WITHOUT_REFRESH_TOKEN, LoginOutcome::InvalidResponse),
];

#[tokio::test]
async fn a_failed_exchange_stores_nothing_and_says_why() {
    for (answer, outcome) in FAILURES {
        let stage = Stage::open().await;
        stage.provider.will_answer(answer);
        let login = stage.start(alice()).await;
        assert_eq!(stage.approve(&login).shown().await, CallbackReply::Ended(outcome), "{answer:?}");
        let status = stage.status(&alice()).await;
        let last = status.last_login.expect("it is remembered");
        assert_eq!((status.state, status.pending), (AccountState::Absent, None));
        assert_eq!((last.login_id, last.outcome, last.at), (login.login_id.clone(), outcome, NOW));
        assert_eq!(stage.account(OPENAI).await, None);

        stage.provider.will_answer(Answer::HOUR);
        let again = stage.start(alice()).await;
        assert_ne!(again.login_id, login.login_id);
        assert_eq!(stage.approve(&again).shown().await, CallbackReply::Ended(LoginOutcome::Completed));
    }
}

#[tokio::test]
async fn who_pastes_is_told_the_same() {
    for (answer, expected) in FAILURES {
        let stage = Stage::open().await;
        stage.provider.will_answer(answer);
        let login = stage.start(alice()).await;
        let approved = stage.provider.approve(&login.auth_url);
        let failed = stage.paste(&approved, alice()).await;
        assert!(matches!(failed, Err(AppError::LoginFailed { outcome, .. }) if outcome == expected), "{failed:?}");
        let over = stage.paste(&approved, alice()).await;
        assert!(matches!(over, Err(AppError::LoginOver(outcome)) if outcome == expected), "{over:?}");
        assert_eq!(stage.provider.exchanges(), 1, "a code is presented once, whatever came of it");
    }
}

#[tokio::test]
async fn a_failed_new_sign_in_leaves_the_old_one_serving() {
    for (answer, _) in FAILURES {
        let stage = Stage::open().await;
        stage.connect().await;
        let before = stage.account(OPENAI).await;
        stage.provider.will_answer(answer);
        let login = stage.start_anew(alice()).await;
        stage.approve(&login).shown().await;
        assert_eq!(stage.account(OPENAI).await, before);
        assert_eq!(stage.status(&alice()).await.state, AccountState::Active);
    }
}

#[tokio::test]
async fn tokens_that_cannot_be_saved_end_the_login_as_not_saved() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    stage.store.fail_to("save a login");
    assert_eq!(stage.approve(&login).shown().await, CallbackReply::Unavailable);
    assert_eq!(stage.account(OPENAI).await, None);
    let status = stage.status(&alice()).await;
    assert_eq!((status.pending, status.last_login.expect("an end").outcome), (None, LoginOutcome::NotSaved));

    stage.store.repair();
    stage.connect().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_read_after_the_exchange_costs_no_login() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    stage.store.fail_to("load an account");
    assert_eq!(stage.approve(&login).shown().await, CallbackReply::Ended(LoginOutcome::Completed));
    stage.store.repair();
    assert_eq!(stage.status(&alice()).await.state, AccountState::Active);
    assert!(stage.app.tokens.cached(&name(OPENAI)).is_some(), "it serves at once");
}

#[tokio::test]
async fn a_store_that_is_down_after_the_exchange_does_not_block_the_next_login() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    stage.provider.hang();
    let page = stage.approve(&login);
    settle().await;
    stage.store.break_down();
    stage.provider.answer_now();
    assert_eq!(page.shown().await, CallbackReply::Unavailable);

    stage.store.repair();
    assert_eq!(stage.account(OPENAI).await, None);
    stage.connect().await;
    assert_eq!(stage.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn a_store_that_is_down_when_the_browser_comes_back_spends_no_code() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let approved = stage.provider.approve(&login.auth_url);
    stage.store.break_down();
    assert!(matches!(stage.paste(&approved, alice()).await, Err(AppError::Store(_))));
    stage.store.repair();
    assert_eq!(stage.provider.exchanges(), 0);
    stage.paste(&approved, alice()).await.expect("the login is still pending");
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_by_another_type_is_left_alone() {
    let stage = Stage::open().await;
    let options = StartOptions { provider_type: Some(ProviderType::OpenaiCodex), ..StartOptions::default() };
    let Ok(StartOutcome::Pending(login)) = stage.app.logins.start(name("work"), alice(), options).await else {
        panic!("it does not start")
    };
    let pasted = PastedSecret {
        method: AuthMethod::ApiKey,
        secret: "sk-1".into(),
        client_cookie: None,
        display_name: None,
        provider_type: Some(ProviderType::Dashscope),
        unchecked: false,
    };
    stage.app.accounts.register_secret(name("work"), pasted).await.expect("it is free");
    let before = stage.account("work").await;

    let shown = stage.approve(&login).shown().await;
    assert_eq!(shown, CallbackReply::Unavailable, "the login has ended, so it is not said to go on");
    assert_eq!(stage.account("work").await, before);
    let status = stage.app.accounts.status(&name("work"), &alice()).await.expect("a status");
    assert_eq!(status.last_login.expect("an end").outcome, LoginOutcome::NotSaved);
    assert_eq!(before.expect("it is connected").provider_type, ProviderType::Dashscope);
}

#[tokio::test]
async fn a_token_lives_as_long_as_the_provider_says_and_an_hour_if_it_does_not() {
    for (lifetime, seconds) in [(Some(90), 90), (None, 3600), (Some(-5), 3600)] {
        let stage = Stage::open().await;
        stage.provider.will_answer(Answer::Tokens { lifetime, with_refresh_token: true });
        stage.connect().await;
        let expires_at = stage.status(&alice()).await.expires_at;
        assert_eq!(expires_at, Some(NOW.plus(Duration::from_secs(seconds))), "{lifetime:?}");
    }
}
