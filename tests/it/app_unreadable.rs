//! Tests of unreadable rows: their accounts are quarantined, and no other account is affected.

use std::sync::Arc;

use goclaw::{
    app::{AccountStatus, AppError, Ports, Revocation},
    domain::{
        credential::AccountState,
        ids::Generation,
        sealed_secret::SealedSecret,
        unreadable::{UnreadableAccount, UnreadableRow},
    },
    ports::SecretCipher,
};
use secrecy::SecretString;

use crate::{
    app_lookup::forward,
    support::{
        fakes::{OPENAI, TestGateway, alice, name, settle, spawn, within},
        log::CapturedLog,
    },
};

const WORK: &str = "work";

async fn gateway_with_two_accounts() -> TestGateway {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.connect_as(WORK).await;
    gateway
}

async fn status(gateway: &TestGateway, account: &str) -> AccountStatus {
    gateway.app.accounts.status(&name(account), &alice()).await.expect("a status")
}

async fn ask(gateway: &TestGateway, account: &str) -> Result<u16, AppError> {
    forward(&gateway.app, account).await
}

async fn row_of(gateway: &TestGateway, account: &str) -> UnreadableRow {
    match ask(gateway, account).await {
        Err(AppError::AccountUnreadable(account)) => account.row,
        other => panic!("{account}: {other:?}"),
    }
}

/// Replaces the sealed access token of an account with plain text.
async fn write_plain_text(gateway: &TestGateway, account: &str) {
    let mut stored = gateway.account(account).await.expect("an account");
    stored.access_token = SealedSecret::from_stored("sk-canary".to_owned());
    gateway.store.put(stored);
}

#[tokio::test]
async fn a_start_quarantines_accounts_that_do_not_open_and_serves_the_rest() {
    let mut gateway = gateway_with_two_accounts().await;
    let log = CapturedLog::start();
    write_plain_text(&gateway, WORK).await;
    gateway.restart().await;
    assert_eq!(ask(&gateway, OPENAI).await.expect("a response"), 200);
    let row = row_of(&gateway, WORK).await;
    assert_eq!((row.table, row.column, row.row.as_str()), ("llm_providers", "api_key", WORK));

    let of_work = status(&gateway, WORK).await;
    assert_eq!((of_work.state, of_work.authenticated), (AccountState::Unreadable, false));
    assert!(of_work.reason.as_ref().is_some_and(|reason| reason.contains("llm_providers")), "{of_work:?}");
    assert_eq!(of_work.unreadable, Some(row));
    assert_eq!(status(&gateway, OPENAI).await.state, AccountState::Active);
    let views = gateway.app.accounts.list().await.expect("a list");
    let states: Vec<_> = views.iter().filter(|view| view.name.as_str() == WORK).map(|view| view.state).collect();
    assert_eq!(states, [AccountState::Unreadable]);
    assert_eq!(log.text().matches("cannot be read and cannot be used").count(), 1, "{}", log.text());
    assert!(!log.text().contains("canary") && !format!("{of_work:?}").contains("canary"));
}

#[tokio::test]
async fn a_status_quarantines_a_damaged_account_and_restores_a_repaired_one() {
    let gateway = gateway_with_two_accounts().await;
    gateway.store.damage(&name(WORK));
    assert_eq!(ask(&gateway, WORK).await.expect("the row has not been read yet"), 200);
    assert_eq!(status(&gateway, WORK).await.state, AccountState::Unreadable);
    assert_eq!(row_of(&gateway, WORK).await.column, "state", "`damage` reports this column");
    gateway.store.undo_damage(&name(WORK));
    assert_eq!(status(&gateway, WORK).await.state, AccountState::Active);
    assert_eq!(ask(&gateway, WORK).await.expect("a response"), 200);
}

/// The owner follows the advice to restore an unreadable row from a backup.
#[tokio::test]
async fn a_repaired_account_with_an_older_row_gets_the_newest_tokens() {
    let gateway = gateway_with_two_accounts().await;
    let older = gateway.account(OPENAI).await.expect("an account");
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    gateway.store.damage(&name(OPENAI));
    assert_eq!(status(&gateway, OPENAI).await.state, AccountState::Unreadable);
    gateway.store.put(older);
    gateway.store.undo_damage(&name(OPENAI));
    assert_eq!(status(&gateway, OPENAI).await.generation, Some(Generation(1)));
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    assert_eq!(gateway.provider.reused(), 0);
}

/// The row was damaged while its refresh was under way, so only the journal has the new tokens.
#[tokio::test]
async fn a_repaired_account_gets_the_tokens_that_arrived_meanwhile() {
    let gateway = gateway_with_two_accounts().await;
    gateway.provider.hang();
    let app = Arc::clone(&gateway.app);
    let refreshing = spawn(async move { app.accounts.refresh(&name(OPENAI), &alice(), None).await });
    settle().await;
    gateway.store.damage_version(&name(OPENAI));
    gateway.provider.resume();
    let refreshed = within(refreshing).await.expect("no panic").expect("a status");
    assert_eq!(refreshed.state, AccountState::Unreadable);
    gateway.store.undo_damage(&name(OPENAI));
    assert_eq!(status(&gateway, OPENAI).await.generation, Some(Generation(1)));
    assert!(gateway.journal.unsaved().is_empty());
}

#[tokio::test]
async fn a_new_login_replaces_an_unreadable_account() {
    let mut gateway = gateway_with_two_accounts().await;
    gateway.store.damage(&name(WORK));
    write_plain_text(&gateway, OPENAI).await;
    gateway.restart().await;
    for account in [WORK, OPENAI] {
        gateway.connect_as(account).await;
        assert_eq!(status(&gateway, account).await.state, AccountState::Active, "{account}");
        assert_eq!(ask(&gateway, account).await.expect("a response"), 200);
    }
}

#[tokio::test]
async fn a_logout_removes_an_unreadable_account_and_revokes_nothing() {
    let mut gateway = gateway_with_two_accounts().await;
    gateway.store.damage(&name(WORK));
    write_plain_text(&gateway, OPENAI).await;
    gateway.restart().await;
    for account in [WORK, OPENAI] {
        let out = within(gateway.app.accounts.logout(name(account))).await.expect("the logout succeeds");
        assert_eq!((out.removed, out.revocation), (true, Revocation::Failed), "{account}");
        assert!(gateway.app.tokens.registry().unreadable(&name(account)).is_none());
    }
    assert_eq!((gateway.store.contents().0.len(), gateway.store.revocations()), (0, 0));
    assert_eq!(status(&gateway, OPENAI).await.state, AccountState::Absent);
}

#[tokio::test]
async fn requests_that_need_the_row_say_that_it_is_unreadable() {
    let gateway = gateway_with_two_accounts().await;
    gateway.store.damage(&name(WORK));
    let change = goclaw::ports::ProfileChange { display_name: Some("Work".to_owned()), enabled: None };
    for refused in [
        within(gateway.app.accounts.update(name(WORK), change)).await.map(drop),
        within(gateway.app.accounts.refresh(&name(WORK), &alice(), None)).await.map(drop),
    ] {
        assert!(
            matches!(&refused, Err(AppError::AccountUnreadable(account)) if account.name == name(WORK)),
            "{refused:?}"
        );
    }
    assert!(within(gateway.app.accounts.events(&name(WORK), 10)).await.is_ok_and(|events| events.len() == 1));
}

#[tokio::test]
async fn a_replica_follows_other_accounts_past_an_unreadable_one() {
    let mut gateway = gateway_with_two_accounts().await;
    gateway.connect_as("spare").await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    // An event of the damaged account, then one of another account.
    let change = goclaw::ports::ProfileChange { display_name: Some("Work".to_owned()), enabled: None };
    within(gateway.app.accounts.update(name(WORK), change)).await.expect("the change succeeds");
    gateway.store.damage(&name(WORK));
    within(gateway.app.accounts.logout(name("spare"))).await.expect("the logout succeeds");
    gateway.clock.advance(std::time::Duration::from_secs(1));
    settle().await;
    assert!(other.tokens.registry().get(&name("spare")).is_none(), "the logout was followed");
    assert!(other.tokens.registry().unreadable(&name(WORK)).is_some());
    assert!(other.tokens.registry().get(&name(OPENAI)).is_some());
    gateway.restart().await;
    assert_eq!(ask(&gateway, OPENAI).await.expect("a response"), 200);
}

#[tokio::test]
async fn a_replica_compares_all_accounts_after_an_unreadable_event() {
    let gateway = gateway_with_two_accounts().await;
    // The replica's last event must stay readable, or it would compare all accounts as after a restore.
    gateway.connect_as("spare").await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    within(gateway.app.accounts.logout(name(WORK))).await.expect("the logout succeeds");
    gateway.store.damage_events(&name(WORK));
    assert!(other.tokens.registry().get(&name(WORK)).is_some(), "the logout has not been followed yet");
    gateway.clock.advance(std::time::Duration::from_secs(1));
    settle().await;
    assert!(other.tokens.registry().get(&name(WORK)).is_none(), "the logout was noticed");
    assert!(other.tokens.registry().get(&name(OPENAI)).is_some());
}

#[tokio::test]
async fn a_start_without_a_key_that_some_rows_need_names_the_key() {
    let gateway = gateway_with_two_accounts().await;
    // The gateway's own key is 1. The account `spare` is sealed with key 2.
    let with_both_keys = gateway.another_gateway_with(|ports| Ports { cipher: two_keys(2, 1), ..ports });
    with_both_keys.start().await.expect("one of its keys opens everything");
    let started = with_both_keys.logins.start(name("spare"), alice(), codex()).await.expect("the login starts");
    let goclaw::app::StartOutcome::Pending(login) = started else { panic!("the account is already connected") };
    let redirect_url = SecretString::from(gateway.provider.approve(&login.auth_url));
    let callback = goclaw::app::Callback::Pasted { name: name("spare"), redirect_url, principal: alice() };
    within(with_both_keys.logins.complete(callback)).await.expect("the account connects");

    let with_first_key = gateway.another_gateway(1);
    with_first_key.start().await.expect("its key opens two of three accounts");
    let quarantined = with_first_key.tokens.registry().unreadable(&name("spare")).expect("a quarantined account");
    let missing = two_keys(2, 1).key_id();
    let UnreadableAccount { row, .. } = quarantined.as_ref();
    assert_eq!((row.table, row.column), ("config_secrets", "value"));
    assert!(row.reason.contains(missing.as_str()), "{row}");
    assert!([OPENAI, WORK].iter().all(|account| with_first_key.tokens.cached(&name(account)).is_some()));
}

fn codex() -> goclaw::app::StartOptions {
    let provider_type = Some(goclaw::domain::provider::ProviderType::OpenaiCodex);
    goclaw::app::StartOptions { provider_type, ..Default::default() }
}

/// Returns a cipher that seals with the first key and opens with both.
fn two_keys(first: u8, second: u8) -> Arc<dyn SecretCipher> {
    use goclaw::adapters::{
        cipher::{EncryptionKey, KeyRing, XChaChaCipher},
        system::SystemRandom,
    };
    let texts = [first, second].map(|number| EncryptionKey::from_bytes([number; 32]).to_text());
    Arc::new(XChaChaCipher::new(&KeyRing::of(texts.iter()).expect("keys"), Arc::new(SystemRandom)))
}
