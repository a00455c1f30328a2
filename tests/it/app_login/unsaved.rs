//! Tests of unsaved logins. A code works once, so its tokens are kept until the database has them or they are revoked.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{AppError, Ports},
    domain::{credential::AccountState, login_outcome::LoginOutcome},
    ports::{CallbackReply, LoginStore},
};

use crate::{
    store_contract::samples::author,
    support::fakes::{MemoryJournal, NOW, OPENAI, TestGateway, alice, settle},
};

const SAVE: &str = "save a login";

/// Completes a login while saving fails.
async fn with_unsaved_tokens() -> TestGateway {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.store.fail_to(SAVE);
    assert_eq!(gateway.approve(&login).shown().await, CallbackReply::Unsaved);
    assert_eq!(gateway.account(OPENAI).await, None);
    gateway
}

async fn retry(gateway: &TestGateway) {
    gateway.clock.advance(Duration::from_secs(2));
    settle().await;
}

#[tokio::test]
async fn unsaved_tokens_wait_in_the_journal_for_the_database() {
    let gateway = with_unsaved_tokens().await;
    assert_eq!(gateway.journal.unsaved_logins().len(), 1);
    retry(&gateway).await;
    assert_eq!(gateway.account(OPENAI).await, None);
    gateway.store.repair();
    retry(&gateway).await;
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
    assert_eq!(gateway.tokens(OPENAI).await, Some(("access-1".to_owned(), Some("refresh-1".to_owned()))));
    assert_eq!((gateway.journal.unsaved_logins().len(), gateway.provider.exchanges()), (0, 1));
}

#[tokio::test]
async fn unsaved_tokens_survive_a_restart() {
    let mut gateway = with_unsaved_tokens().await;
    gateway.app.shut_down().await;
    gateway.store.repair();
    // The sweep at the start would end the exchange, but the journal is replayed first.
    gateway.clock.set_wall_clock(NOW.plus(Duration::from_secs(300)));
    gateway.restart().await;
    assert_eq!(gateway.tokens(OPENAI).await.expect("tokens").0, "access-1");
    assert_eq!(gateway.journal.unsaved_logins(), []);
}

/// The other gateway takes the exchange for that of a crashed gateway.
#[tokio::test]
async fn unsaved_tokens_survive_the_sweep_of_another_gateway() {
    let gateway = with_unsaved_tokens().await;
    let other =
        gateway.another_gateway_with(|ports| Ports { journal: Arc::new(MemoryJournal::default()) as Arc<_>, ..ports });
    other.start().await.expect("the gateway starts");
    for _ in 0..3 {
        gateway.clock.advance(Duration::from_secs(60));
        settle().await;
    }
    let last = gateway.status(&alice()).await.last_login.expect("the sweep has ended the login");
    assert_eq!(last.end.outcome, LoginOutcome::Interrupted);
    gateway.store.repair();
    gateway.clock.advance(Duration::from_secs(60));
    settle().await;
    let status = gateway.status(&alice()).await;
    assert_eq!(status.state, AccountState::Active);
    assert_eq!(status.last_login.map(|last| last.end.outcome), Some(LoginOutcome::Completed));
    assert_eq!(gateway.provider.revoked(), [""; 0]);
    other.shut_down().await;
}

#[tokio::test]
async fn a_full_disk_loses_no_tokens_while_the_gateway_runs() {
    let gateway = TestGateway::open().await;
    gateway.journal.set_full(true);
    let login = gateway.start_login(alice()).await;
    gateway.store.fail_to(SAVE);
    assert_eq!(gateway.approve(&login).shown().await, CallbackReply::Unsaved);
    gateway.journal.set_full(false);
    retry(&gateway).await;
    assert_eq!(gateway.journal.unsaved_logins().len(), 1, "the journal stores the tokens as soon as it can");
    gateway.store.repair();
    retry(&gateway).await;
    retry(&gateway).await;
    assert_eq!(gateway.tokens(OPENAI).await.expect("tokens").0, "access-1");
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_does_not_stop_a_login() {
    let gateway = TestGateway::open().await;
    gateway.journal.set_full(true);
    gateway.connect().await;
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn unsaved_tokens_of_a_cancelled_login_are_revoked() {
    let gateway = with_unsaved_tokens().await;
    let login = gateway.store.unsettled().await.expect("the logins").pop().expect("one login");
    gateway
        .store
        .end(&login.session.id, LoginOutcome::Cancelled, None, &author(login.progress_since))
        .await
        .expect("no store error");
    gateway.store.repair();
    retry(&gateway).await;
    assert_eq!(gateway.account(OPENAI).await, None);
    assert_eq!((gateway.provider.revoked(), gateway.journal.unsaved_logins().len()), (vec!["refresh-1".to_owned()], 0));
}

#[tokio::test]
async fn a_replayed_login_of_another_account_still_needs_confirmation() {
    let mut gateway = TestGateway::open().await;
    gateway.provider.sign_in_as("user-7", "blue");
    gateway.connect().await;
    gateway.clock.advance(Duration::from_secs(1));
    let login = gateway.start_forced_login(alice()).await;
    gateway.provider.sign_in_as("user-7", "green");
    gateway.store.fail_to("load an account");
    let failed = gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await;
    assert!(matches!(failed, Err(AppError::TokensUnsaved { is_journaled: true, .. })), "{failed:?}");
    gateway.app.shut_down().await;
    gateway.store.repair();
    gateway.restart().await;
    let status = gateway.status(&alice()).await;
    assert_eq!(status.account.account_id.as_deref(), Some("blue"));
    assert_eq!(status.confirmation.expect("a question").login_id, login.login_id);
}
