//! Tests of failed code exchanges: nothing is stored, the outcome names the reason, and a new login works at once.

use std::time::Duration;

use goclaw::{
    app::{AppError, PastedSecret, Secret, StartOptions, StartOutcome},
    domain::{
        credential::AccountState,
        login_outcome::{LoginEnd, LoginOutcome},
        provider::ProviderType,
    },
    ports::CallbackReply,
};

use crate::support::fakes::{NOW, OPENAI, Reply, TestGateway, alice, name, settle};

const WITHOUT_REFRESH_TOKEN: Reply = Reply::Tokens { lifetime: Some(3600), with_refresh_token: false };

const FAILURES: [(Reply, LoginOutcome); 6] = [
    (Reply::Refused, LoginOutcome::CodeRefused),
    (Reply::Unavailable, LoginOutcome::ProviderUnavailable),
    (Reply::TimedOut, LoginOutcome::ProviderTimeout),
    (Reply::Unreadable, LoginOutcome::InvalidResponse),
    (WITHOUT_REFRESH_TOKEN, LoginOutcome::InvalidResponse),
    (Reply::OnlyRefreshToken, LoginOutcome::InvalidResponse),
];

#[tokio::test]
async fn a_failed_exchange_stores_nothing_and_names_the_reason() {
    for (reply, outcome) in FAILURES {
        let gateway = TestGateway::open().await;
        gateway.provider.reply_with(reply);
        let login = gateway.start_login(alice()).await;
        let CallbackReply::Ended(shown) = gateway.approve(&login).shown().await else { panic!("{reply:?}: no end") };
        let status = gateway.status(&alice()).await;
        let last = status.last_login.expect("the last login");
        assert_eq!(last.end, shown, "{reply:?}");
        assert_eq!((status.state, status.pending), (AccountState::Absent, None));
        assert_eq!((last.login_id, last.end.outcome, last.at), (login.login_id.clone(), outcome, NOW));
        assert_eq!(gateway.account(OPENAI).await, None);

        gateway.provider.reply_with(Reply::HOUR);
        let again = gateway.start_login(alice()).await;
        assert_ne!(again.login_id, login.login_id);
        assert_eq!(gateway.approve(&again).shown().await, CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)));
    }
}

#[tokio::test]
async fn a_pasted_address_gets_the_same_outcome() {
    for (reply, expected) in FAILURES {
        let gateway = TestGateway::open().await;
        gateway.provider.reply_with(reply);
        let login = gateway.start_login(alice()).await;
        let approved = gateway.provider.approve(&login.auth_url);
        let failed = gateway.paste(&approved, alice()).await;
        assert!(matches!(&failed, Err(AppError::LoginFailed(end)) if end.outcome == expected), "{failed:?}");
        let again = gateway.paste(&approved, alice()).await;
        assert!(matches!(&again, Err(AppError::LoginEnded(end)) if end.outcome == expected), "{again:?}");
        assert_eq!(gateway.provider.exchanges(), 1, "a code is redeemed once");
    }
}

#[tokio::test]
async fn a_failed_new_login_keeps_the_old_tokens() {
    for (reply, _) in FAILURES {
        let gateway = TestGateway::open().await;
        gateway.connect().await;
        let before = gateway.account(OPENAI).await;
        gateway.provider.reply_with(reply);
        let login = gateway.start_forced_login(alice()).await;
        gateway.approve(&login).shown().await;
        assert_eq!(gateway.account(OPENAI).await, before);
        assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
    }
}

#[tokio::test]
async fn a_failure_during_a_store_outage_keeps_its_reason() {
    for (reply, outcome) in FAILURES {
        let gateway = TestGateway::open().await;
        gateway.provider.reply_with(reply);
        let login = gateway.start_login(alice()).await;
        gateway.store.fail_to("end a login");
        let CallbackReply::Ended(shown) = gateway.approve(&login).shown().await else { panic!("{reply:?}: no end") };
        assert_eq!(shown.outcome, outcome, "{reply:?}");
        gateway.store.repair();
        gateway.clock.advance(Duration::from_secs(2));
        settle().await;
        let last = gateway.status(&alice()).await.last_login.expect("the end is stored later");
        assert_eq!((last.login_id, last.end), (login.login_id, shown), "{reply:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_without_an_access_token_is_revoked() {
    let gateway = TestGateway::open().await;
    gateway.provider.reply_with(Reply::OnlyRefreshToken);
    let login = gateway.start_login(alice()).await;
    gateway.approve(&login).shown().await;
    settle().await;
    assert_eq!(gateway.provider.revoked(), ["refresh-1"]);
}

#[tokio::test]
async fn a_failing_read_after_the_exchange_does_not_lose_the_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.store.fail_to("load an account");
    assert_eq!(gateway.approve(&login).shown().await, CallbackReply::Unsaved);
    gateway.store.repair();
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
    assert!(gateway.app.tokens.cached(&name(OPENAI)).is_some(), "the account is usable at once");
}

#[tokio::test]
async fn a_store_outage_after_the_exchange_does_not_block_the_next_login() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.provider.hang();
    let page = gateway.approve(&login);
    settle().await;
    gateway.store.fail_all();
    gateway.provider.resume();
    assert_eq!(page.shown().await, CallbackReply::Unsaved);

    gateway.store.repair();
    assert_eq!(gateway.account(OPENAI).await, None);
    gateway.connect().await;
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn a_store_outage_at_the_callback_does_not_spend_the_code() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    gateway.store.fail_all();
    assert!(matches!(gateway.paste(&approved, alice()).await, Err(AppError::Store(_))));
    gateway.store.repair();
    assert_eq!(gateway.provider.exchanges(), 0);
    gateway.paste(&approved, alice()).await.expect("the login is still pending");
}

#[tokio::test]
async fn a_login_does_not_replace_an_account_of_another_type() {
    let gateway = TestGateway::open().await;
    let options = StartOptions { provider_type: Some(ProviderType::OpenaiCodex), ..StartOptions::default() };
    let Ok(StartOutcome::Pending(login)) = gateway.app.logins.start(name("work"), alice(), options).await else {
        panic!("the login does not start")
    };
    let pasted = PastedSecret {
        secret: Secret::ApiKey("sk-1".into()),
        display_name: None,
        provider_type: Some(ProviderType::Dashscope),
        unchecked: false,
    };
    gateway.app.accounts.register_secret(name("work"), pasted).await.expect("the name is free");
    let before = gateway.account("work").await;

    let shown = gateway.approve(&login).shown().await;
    assert_eq!(shown, CallbackReply::Unavailable, "a type conflict has no page of its own");
    assert_eq!(gateway.account("work").await, before);
    let status = gateway.app.accounts.status(&name("work"), &alice()).await.expect("a status");
    assert_eq!(status.last_login.expect("an end").end.outcome, LoginOutcome::NotSaved);
    assert_eq!(before.expect("a connected account").provider_type, ProviderType::Dashscope);
}

#[tokio::test]
async fn the_token_lifetime_is_the_provider_s_or_one_hour() {
    for (lifetime, seconds) in [(Some(90), 90), (None, 3600), (Some(-5), 3600)] {
        let gateway = TestGateway::open().await;
        gateway.provider.reply_with(Reply::Tokens { lifetime, with_refresh_token: true });
        gateway.connect().await;
        let expires_at = gateway.status(&alice()).await.expires_at;
        assert_eq!(expires_at, Some(NOW.plus(Duration::from_secs(seconds))), "{lifetime:?}");
    }
}
