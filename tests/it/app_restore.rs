//! An account whose newest tokens only another gateway had, after an older copy of the database was restored.

use std::{mem, time::Duration};

use goclaw::{
    app::{AppError, BackupCheck, BackupCoverage},
    domain::{
        credential::AccountState,
        ids::Generation,
        refresh::{Cause, TokenState, TokenVersion},
    },
    ports::{Clock, PresentedToken, ProfileChange, TokenJournal, TokenStore},
};

use crate::{
    store_contract::samples::author,
    support::fakes::{OPENAI, TestGateway, alice, name, settle, within},
};

#[tokio::test]
async fn a_token_known_to_be_spent_is_presented_with_consent_only() {
    let mut gateway = TestGateway::open().await;
    gateway.connect().await;
    let stored = gateway.account(OPENAI).await.expect("an account").refresh.version;
    let later = TokenVersion { generation: Generation(5), ..stored.clone() };
    gateway.journal.mark(&name(OPENAI), &later).await.expect("a mark");
    gateway.restart().await;

    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.authenticated), (AccountState::InDoubt, true));
    assert!(status.reason.as_ref().is_some_and(|reason| reason.contains("restored")), "{status:?}");
    let account = gateway.account(OPENAI).await.expect("an account");
    assert_eq!((account.refresh.cause, account.refresh.version), (Some(Cause::Restored), stored.clone()));
    // Neither the end of the access token nor a caller presents it.
    for _ in 0..150 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
    }
    let refused = within(gateway.app.tokens.usable(&name(OPENAI))).await;
    assert!(matches!(refused, Err(AppError::NeedsReauth(_))), "{refused:?}");
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    assert!(gateway.provider.presented().is_empty());

    // In this test the backup was the newest copy after all.
    let status = within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), Some(stored))).await.expect("a status");
    assert_eq!((status.state, status.generation), (AccountState::Active, Some(Generation(1))));
}

#[tokio::test]
async fn an_older_version_that_another_gateway_brings_back_gets_the_newest_tokens() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let older = gateway.account(OPENAI).await.expect("an account");
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    let newest = gateway.tokens(OPENAI).await;
    // The other gateway knows no later version, and its event is followed as any other.
    gateway.store.put(older);
    let change = ProfileChange { display_name: Some("Work".into()), enabled: None };
    gateway.store.change_profile(&name(OPENAI), &change, &author(gateway.clock.now())).await.expect("it is changed");
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    let account = gateway.account(OPENAI).await.expect("an account");
    assert_eq!((account.refresh.state, account.refresh.version.generation), (TokenState::Active, Generation(1)));
    assert_eq!(gateway.tokens(OPENAI).await, newest);
}

/// It saves both before it has followed the first one. If it were killed then, only its own journal would hold the newest
/// tokens, and must know that they belong to the successor of the first login.
#[tokio::test]
async fn a_login_that_another_gateway_saved_a_moment_ago_ends_with_the_next_one() {
    let mut gateway = TestGateway::open().await;
    let mut other = gateway.gateway_with(|ports| ports);
    other.start().await.expect("it starts");
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    let first = gateway.account(OPENAI).await.expect("an account").login_id().clone();
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    let second = gateway.account(OPENAI).await.expect("an account").login_id().clone();
    let ended = gateway.journal.ended().await.expect("a journal");
    let end = ended.iter().find(|end| end.login_id == first).expect("the end of the first login");
    assert_eq!(end.successor, Some(second));
}

/// The next start puts the account in doubt, so a restore may not report it as unchanged, and an export refuses it.
#[tokio::test]
async fn a_backup_from_before_a_presentation_does_not_have_the_newest_tokens() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let account = gateway.account(OPENAI).await.expect("an account");
    let coverage = async || BackupCheck::of(gateway.journal.as_ref()).await.expect("a journal").coverage(&account);
    assert_eq!(coverage().await, BackupCoverage::Newest);
    let token = PresentedToken { name: name(OPENAI), version: account.refresh.version.clone(), attempt: 1 };
    gateway.journal.note_presented(&token).await.expect("a note");
    assert_eq!(coverage().await, BackupCoverage::InDoubt);
}
