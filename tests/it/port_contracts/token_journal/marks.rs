//! The part of the contract about what a journal knows without tokens: marks of other gateways' versions, and
//! presented tokens.

use goclaw::{domain::refresh::TokenVersion, ports::PresentedToken};

use super::{Fixture, as_committed, ended_login, list_sorted, refresh_record, sort_key, version};
use crate::store_contract::samples::name;

pub(super) async fn removing_a_record_keeps_the_mark_of_the_version_that_it_replaces<F: Fixture>() {
    let fixture = F::open();
    let (journal, refused) = (fixture.process(), refresh_record("work", 1, 4, 1));
    journal.mark(&refused.name, &version(1, 4)).await.expect("the write succeeds");
    journal.put(&refused).await.expect("the write succeeds");
    journal.remove(&refused.name, &refused.rotation.version).await.expect("it is gone");
    assert_eq!(list_sorted(&journal).await, []);
    assert_eq!(journal.marks().await.expect("the marks"), [(refused.name, version(1, 4))]);
}

pub(super) async fn a_mark_replaces_only_older_committed_records_and_marks<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let (record, unsaved) = (refresh_record("work", 1, 4, 1), refresh_record("work", 1, 9, 2));
    let marks = async || fixture.process().marks().await.expect("the marks");
    journal.put(&unsaved).await.expect("the write succeeds");
    journal.confirm(&record).await.expect("the write succeeds");
    // The record has generation 5.
    for (earlier, is_newest) in [(version(1, 4), false), (version(1, 5), true)] {
        assert_eq!(journal.mark(&record.name, &earlier).await.expect("it is ignored"), is_newest);
        assert_eq!(
            (marks().await, list_sorted(&journal).await),
            (vec![], vec![as_committed(&record), unsaved.clone()])
        );
    }
    for later in [version(1, 6), version(1, 7), version(2, 0)] {
        assert!(journal.mark(&record.name, &later).await.expect("the write succeeds"));
        assert_eq!(marks().await, [(record.name.clone(), later)]);
        assert_eq!(list_sorted(&journal).await, std::slice::from_ref(&unsaved));
    }
    journal.mark(&name("work-2"), &version(1, 3)).await.expect("another account");
    assert_eq!(marks().await.len(), 2);
    journal.confirm(&refresh_record("work", 2, 0, 3)).await.expect("the write succeeds");
    assert_eq!(marks().await, [(name("work-2"), version(1, 3))]);
    // Of many versions, those of which the journal has something as late are skipped.
    let versions = [("work", version(2, 1)), ("work-2", version(1, 2)), ("work-3", version(1, 0))];
    let versions = versions.map(|(account, version)| (name(account), version));
    journal.mark_all(versions.into()).await.expect("the write succeeds");
    let mut marked = marks().await;
    marked.sort_by_key(|(name, _)| name.to_string());
    assert_eq!(marked, [(name("work-2"), version(1, 3)), (name("work-3"), version(1, 0))]);
    journal.mark_all([(name("work"), version(3, 0))].into()).await.expect("the write succeeds");
    assert_eq!(list_sorted(&journal).await, std::slice::from_ref(&unsaved));
    for account in ["work", "work-3"] {
        journal.mark(&name(account), &version(4, 0)).await.expect("the write succeeds");
        journal.end(&ended_login(account, 4, None)).await.expect("it is gone");
    }
    journal.end(&ended_login("work-2", 1, None)).await.expect("it is gone");
    assert_eq!(marks().await, []);
}

pub(super) async fn the_tokens_of_a_login_can_be_confirmed_before_its_first_refresh<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let mut login = as_committed(&refresh_record("work", 1, 0, 1));
    login.rotation.version = version(1, 0);
    journal.mark(&login.name, &version(1, 0)).await.expect("the write succeeds");
    for _ in 0..2 {
        fixture.process().confirm(&login).await.expect("the write succeeds");
        assert_eq!(list_sorted(&fixture.process()).await, std::slice::from_ref(&login));
        assert_eq!(journal.marks().await.expect("the marks"), []);
    }
    let refreshed = as_committed(&refresh_record("work", 1, 0, 2));
    journal.confirm(&refreshed).await.expect("the write succeeds");
    journal.confirm(&login).await.expect("it is ignored");
    assert_eq!(list_sorted(&fixture.process()).await, [refreshed]);
    journal.remove(&login.name, &login.rotation.version).await.expect("there is none");
    assert_eq!(list_sorted(&fixture.process()).await.len(), 1);
}

fn presented_token(account: &str, version: TokenVersion, attempt: u32) -> PresentedToken {
    PresentedToken { name: name(account), version, attempt }
}

async fn list_presented<F: Fixture>(fixture: &F) -> Vec<PresentedToken> {
    let mut presented = fixture.process().presented().await.expect("the presentations");
    presented.sort_by_key(|token| sort_key(&token.name, &token.version));
    presented
}

pub(super) async fn a_presentation_is_listed_until_newer_tokens_are_stored<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    assert_eq!(list_presented(&fixture).await, []);
    let other = presented_token("work-2", version(2, 7), 1);
    journal.note_presented(&other).await.expect("the write succeeds");
    for attempt in [1, 2, 12, 1] {
        let token = presented_token("work", version(1, 3), attempt);
        fixture.process().note_presented(&token).await.expect("the write succeeds");
        assert_eq!(list_presented(&fixture).await, [token, other.clone()]);
    }
    journal.note_presented(&presented_token("work", version(1, 3), 0)).await.expect("attempt 0 removes it");
    assert_eq!(list_presented(&fixture).await, std::slice::from_ref(&other));
    assert_eq!(list_sorted(&journal).await, [], "a presentation is not a token record");

    let token = presented_token("work", version(1, 3), 1);
    journal.note_presented(&token).await.expect("the write succeeds");
    journal.mark(&token.name, &token.version).await.expect("its own version");
    assert_eq!(list_presented(&fixture).await, [token.clone(), other.clone()]);
    journal.mark(&token.name, &version(1, 4)).await.expect("another gateway has newer tokens");
    assert_eq!(list_presented(&fixture).await, std::slice::from_ref(&other));

    journal.note_presented(&presented_token("work", version(1, 4), 1)).await.expect("the write succeeds");
    journal.confirm(&refresh_record("work", 1, 4, 1)).await.expect("this gateway has newer tokens");
    assert_eq!(list_presented(&fixture).await, [other]);
}

pub(super) async fn ending_a_login_deletes_its_presentations<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let tokens = [presented_token("work", version(1, 0), 1), presented_token("work", version(2, 0), 1)];
    for token in &tokens {
        journal.note_presented(token).await.expect("the write succeeds");
    }
    journal.end(&ended_login("work", 1, Some(2))).await.expect("the write succeeds");
    assert_eq!(list_presented(&fixture).await, tokens[1..]);
}
