//! Tests of accounts after an older copy of the database was restored, and of moves and backups of accounts.

use std::{mem, sync::Arc, time::Duration};

use goclaw::{
    app::{AppError, JournalCheck, JournalCoverage, MoveError, Moving, Origin, Ports, Vault},
    domain::{
        credential::AccountState,
        ids::Generation,
        refresh::{Cause, TokenState, TokenVersion},
    },
    ports::{Clock, EndedLogin, PresentedToken, ProfileChange, TokenJournal, TokenStore},
};

use crate::{
    store_contract::samples::author,
    support::fakes::{FakeClock, MemoryJournal, OPENAI, RefreshFault, TestGateway, alice, name, settle, within},
};

#[tokio::test]
async fn a_token_known_to_be_spent_is_presented_only_with_consent() {
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
    // The access token expires within these 75 minutes. Neither this nor a caller causes a presentation.
    for _ in 0..150 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
    }
    let refused = within(gateway.app.tokens.usable(&name(OPENAI))).await;
    assert!(matches!(refused, Err(AppError::NeedsReauth(_))), "{refused:?}");
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    assert!(gateway.provider.presented().is_empty());

    // The mark above is artificial: the token was not spent, so its presentation succeeds.
    let status = within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), Some(stored))).await.expect("a status");
    assert_eq!((status.state, status.generation), (AccountState::Active, Some(Generation(1))));
}

#[tokio::test]
async fn an_older_row_stored_by_another_gateway_gets_the_newest_tokens() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let older = gateway.account(OPENAI).await.expect("an account");
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    let newest = gateway.tokens(OPENAI).await;
    // Another gateway, whose journal lacks the newest version, stores the older row and emits an event.
    gateway.store.put(older);
    let change = ProfileChange { display_name: Some("Work".into()), enabled: None };
    gateway.store.change_profile(&name(OPENAI), &change, &author(gateway.clock.now())).await.expect("no store error");
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    let account = gateway.account(OPENAI).await.expect("an account");
    assert_eq!((account.refresh.state, account.refresh.version.generation), (TokenState::Active, Generation(1)));
    assert_eq!(gateway.tokens(OPENAI).await, newest);
}

/// The gateway has not read its own event, so the restored copy has the mark that it read last.
#[tokio::test]
async fn a_copy_restored_right_after_a_refresh_gets_the_newest_tokens() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    let copy = gateway.store.copy();
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    let newest = gateway.tokens(OPENAI).await;
    gateway.store.restore(copy);
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    assert_eq!(gateway.tokens(OPENAI).await, newest);
}

#[tokio::test]
async fn a_refresh_on_request_right_after_a_restore_presents_the_newest_token() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let copy = gateway.store.copy();
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    gateway.store.restore(copy);
    let status = within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    assert_eq!((status.state, status.generation), (AccountState::Active, Some(Generation(2))));
    assert_eq!(gateway.provider.reused(), 0);
}

/// The second gateway saves its login before it has read the first one from the store. If it crashes then, only its
/// journal has the newest tokens, so the journal must record that the second login replaced the first one.
#[tokio::test]
async fn a_login_saved_by_another_gateway_a_moment_ago_ends_with_the_next_login() {
    let mut gateway = TestGateway::open().await;
    let mut other = gateway.another_gateway_with(|ports| ports);
    other.start().await.expect("the gateway starts");
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

/// This gateway has not read that another one replaced its login and logged out. If the next login counted as the
/// successor of its own, a restored copy of an ended login would be replaced by the next one.
#[tokio::test]
async fn a_login_after_a_logout_at_another_gateway_replaces_no_login() {
    let mut gateway = TestGateway::open().await;
    let mut other =
        gateway.another_gateway_with(|ports| Ports { journal: Arc::new(MemoryJournal::default()) as Arc<_>, ..ports });
    other.start().await.expect("the gateway starts");
    gateway.connect().await;
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    within(gateway.app.accounts.logout(name(OPENAI))).await.expect("the logout succeeds");
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    assert_eq!(gateway.journal.ended().await.expect("a journal"), []);
}

#[tokio::test]
async fn a_start_records_the_logins_that_other_gateways_ended_meanwhile() {
    let mut gateway = TestGateway::open().await;
    gateway.connect().await;
    let first = gateway.account(OPENAI).await.expect("an account").login_id().clone();
    within(gateway.app.shut_down()).await;
    let mut other =
        gateway.another_gateway_with(|ports| Ports { journal: Arc::new(MemoryJournal::default()) as Arc<_>, ..ports });
    other.start().await.expect("the gateway starts");
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    let second = gateway.account(OPENAI).await.expect("an account").login_id().clone();
    within(gateway.app.accounts.logout(name(OPENAI))).await.expect("the logout succeeds");
    mem::swap(&mut gateway.app, &mut other);
    gateway.restart().await;
    let ended = gateway.journal.ended().await.expect("a journal");
    let ended: Vec<_> = ended.into_iter().map(|ended| (ended.login_id, ended.successor)).collect();
    assert_eq!(ended, [(first, Some(second.clone())), (second, None)]);
}

/// The gateway that has the newest tokens is lost, and an older copy of the database is restored.
#[tokio::test]
async fn a_start_records_the_versions_that_other_gateways_stored_meanwhile() {
    let mut gateway = TestGateway::open().await;
    let mut other =
        gateway.another_gateway_with(|ports| Ports { journal: Arc::new(MemoryJournal::default()) as Arc<_>, ..ports });
    other.start().await.expect("the gateway starts");
    within(gateway.app.shut_down()).await;
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    let copy = gateway.store.copy();
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    within(gateway.app.shut_down()).await;
    mem::swap(&mut gateway.app, &mut other);
    gateway.restart().await;
    gateway.store.restore(copy);
    gateway.restart().await;
    let status = gateway.status(&alice()).await;
    assert_eq!(status.state, AccountState::InDoubt, "{status:?}");
    assert!(status.reason.is_some_and(|reason| reason.contains("restored")));
}

/// This gateway has missed the third login and reads the restored database after the other one has repaired it. So it
/// must learn from the repair that the third login replaced the first two, to write the fourth one back later.
#[tokio::test]
async fn a_gateway_learns_of_ended_logins_from_another_gateway_s_repair() {
    let mut gateway = TestGateway::open().await;
    let clock = FakeClock::at(gateway.clock.now());
    let mut other = gateway.another_gateway_with(|ports| Ports {
        journal: Arc::new(MemoryJournal::default()) as Arc<_>,
        clock: clock.clone(),
        ..ports
    });
    other.start().await.expect("the gateway starts");
    let poll = async |clock: &FakeClock| {
        clock.advance(Duration::from_secs(1));
        settle().await;
    };
    gateway.connect().await;
    poll(&gateway.clock).await;
    poll(&clock).await;
    let copy = gateway.store.copy();
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    poll(&gateway.clock).await;
    gateway.connect().await;
    poll(&clock).await;
    let third = gateway.account(OPENAI).await.expect("an account").login_id().clone();
    gateway.store.restore(copy.clone());
    poll(&clock).await;
    assert_eq!(*gateway.account(OPENAI).await.expect("an account").login_id(), third, "it is repaired");
    poll(&gateway.clock).await;
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    poll(&gateway.clock).await;
    poll(&clock).await;
    let fourth = gateway.account(OPENAI).await.expect("an account");
    gateway.store.restore(copy);
    poll(&clock).await;
    poll(&gateway.clock).await;
    let account = gateway.account(OPENAI).await.expect("an account");
    assert_eq!((account.login_id(), &account.refresh.state), (fourth.login_id(), &TokenState::Active));
}

/// A gateway that has not noticed the logout may store its tokens of the ended login again.
#[tokio::test]
async fn an_ended_login_that_another_gateway_brings_back_ends_again() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let ended = gateway.account(OPENAI).await.expect("an account");
    within(gateway.app.accounts.logout(name(OPENAI))).await.expect("the logout succeeds");
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    gateway.store.put(ended);
    let change = ProfileChange { display_name: Some("Work".into()), enabled: None };
    gateway.store.change_profile(&name(OPENAI), &change, &author(gateway.clock.now())).await.expect("it is changed");
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    assert_eq!(gateway.account(OPENAI).await, None);
}

/// The gateway that has the tokens does not know that this one has presented them.
#[tokio::test]
async fn a_token_that_another_gateway_brings_back_is_in_doubt_if_it_was_presented_here() {
    let mut gateway = TestGateway::open().await;
    let mut other =
        gateway.another_gateway_with(|ports| Ports { journal: Arc::new(MemoryJournal::default()) as Arc<_>, ..ports });
    other.start().await.expect("the gateway starts");
    mem::swap(&mut gateway.app, &mut other);
    gateway.connect().await;
    let older = gateway.account(OPENAI).await.expect("an account");
    gateway.connect().await;
    let newest = gateway.account(OPENAI).await.expect("an account");
    mem::swap(&mut gateway.app, &mut other);
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    gateway.provider.queue_refresh_faults(&[RefreshFault::RequestLost]);
    within(gateway.app.accounts.refresh(&name(OPENAI), &alice(), None)).await.expect("a status");
    within(other.shut_down()).await;
    gateway.store.put(older);
    gateway.restart().await;
    gateway.store.put(newest.clone());
    let change = ProfileChange { display_name: Some("Work".into()), enabled: None };
    gateway.store.change_profile(&name(OPENAI), &change, &author(gateway.clock.now())).await.expect("it is changed");
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    let refresh = gateway.account(OPENAI).await.expect("an account").refresh;
    assert_eq!((refresh.version, refresh.state), (newest.refresh.version, TokenState::InDoubt));
}

/// The next start puts the account in doubt, so a restore must not report it as unchanged.
#[tokio::test]
async fn a_backup_from_before_a_presentation_does_not_have_the_newest_tokens() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let account = gateway.account(OPENAI).await.expect("an account");
    let coverage = async || JournalCheck::of(gateway.journal.as_ref()).await.expect("a journal").coverage(&account);
    assert_eq!(coverage().await, JournalCoverage::Newest);
    let token = PresentedToken { name: name(OPENAI), version: account.refresh.version.clone(), attempt: 1 };
    gateway.journal.note_presented(&token).await.expect("a note");
    assert_eq!(coverage().await, JournalCoverage::InDoubt);
}

fn moving(gateway: &TestGateway) -> Moving {
    let ports = gateway.ports(1);
    Moving {
        store: ports.credentials,
        revocations: ports.revocations,
        journal: ports.journal,
        audit: ports.audit,
        clock: ports.clock,
        random: ports.random,
        vault: Vault::new(ports.cipher),
        catalog: gateway.settings.catalog.clone(),
    }
}

/// A restored database may have an exported account again until the next start. Another export would give two
/// installations the same refresh token.
#[tokio::test]
async fn a_login_that_has_ended_according_to_the_journal_is_not_exported() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    let account = gateway.account(OPENAI).await.expect("an account");
    let ended = EndedLogin { name: name(OPENAI), login_id: account.login_id().clone(), successor: None };
    gateway.journal.end(&ended).await.expect("a note");
    let refused = moving(&gateway).open(Some(&[name(OPENAI)])).await.map(|_| ());
    assert!(matches!(refused, Err(MoveError::Ended(_))), "{refused:?}");
}

/// After this error, the caller must not use the tokens elsewhere.
#[tokio::test]
async fn an_import_that_fails_after_the_save_says_that_the_account_is_connected() {
    let (source, target) = (TestGateway::open().await, TestGateway::open().await);
    source.connect().await;
    let (mut opened, _) = moving(&source).open(None).await.expect("an account");
    target.store.fail_to("append to the audit log");
    let account = opened.accounts.pop().expect("an account");
    let (replace, origin) = (false, Origin { description: "a file", exported_at: Some(1) });
    let connected = moving(&target).connect(account, replace, origin).await;
    assert!(matches!(connected, Err(MoveError::Incomplete { .. })), "{connected:?}");
    assert!(target.account(OPENAI).await.is_some());
}
