//! Contract of `ApiTokenStore`.

use std::{sync::Arc, time::Duration};

use goclaw::{
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, Grant, Lineage, NewToken, SealedApiToken, TokenDigest},
        audit::Actor,
        ids::{DisplayName, Principal},
        login::SealedLogin,
        login_outcome::{LoginOutcome, LoginProgress},
        scope::Scopes,
        sealed_secret::SealedSecret,
    },
    ports::{ApiTokenStore, Author, BeginOutcome, LoginStore, TokenStored},
};
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, login},
};

contract!(
    a_token_is_listed_unchanged,
    tokens_are_listed_oldest_first,
    putting_a_duplicate_id_or_digest_fails_and_changes_nothing,
    extending_a_token_changes_only_its_expiry_and_mark,
    of_concurrent_removals_of_a_token_one_succeeds,
    expired_tokens_are_deleted_with_their_descendants,
    removing_a_token_removes_its_descendants,
    remove_all_deletes_the_page_s_tokens_and_on_request_the_programs,
    removing_a_program_s_token_cancels_its_logins,
    remove_all_cancels_the_logins_of_the_owner_and_on_request_of_the_programs,
    a_program_without_a_token_begins_no_login,
    an_ended_session_neither_begins_nor_resumes_a_login,
    an_ended_session_and_a_revoked_program_create_no_token,
    two_programs_cannot_have_one_name,
    note_use_stores_the_time_of_the_last_use,
    a_rotation_keeps_the_old_token_beside_the_new_one,
    of_concurrent_rotations_of_a_token_one_succeeds,
);

/// Returns a program's token with several scopes, with and without an account and a model.
fn program(number: u8, seconds: i64) -> SealedApiToken {
    let scopes = Scopes::parse("models:work/gpt-5.5 proxy:suno status:read auth:write:work admin").expect("scopes");
    issue(number, NewToken::program(display_name(number), scopes, None), seconds)
}

fn session(number: u8, seconds: i64) -> SealedApiToken {
    issue(number, NewToken::session(display_name(number), Lineage::default()), seconds)
}

fn link(number: u8, seconds: i64) -> SealedApiToken {
    issue(number, NewToken::link(display_name(number), Lineage::default()), seconds)
}

fn display_name(number: u8) -> DisplayName {
    DisplayName::parse(&format!("Program {number}")).expect("a name")
}

/// Issues the token `number`, created `seconds` after the start of the test.
fn issue(number: u8, new: NewToken, seconds: i64) -> SealedApiToken {
    let (token, _) = ApiToken::issue(ApiTokenId::from_bytes([number; 16]), new, &[number; ENTROPY], at(seconds));
    SealedApiToken { token, mark: Some(SealedSecret::from_stored(format!("v2:key:mark-{number}"))) }
}

async fn put(store: &Arc<dyn ApiTokenStore>, tokens: &[SealedApiToken]) {
    for token in tokens {
        assert_eq!(store.put(token, &author(at(0))).await.expect("no store error"), TokenStored::Stored);
    }
}

async fn a_token_is_listed_unchanged(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    assert_eq!(store.list().await.unwrap(), []);
    let expiring = issue(4, NewToken::program(display_name(4), Scopes::default(), Some(Duration::from_secs(60))), 3);
    for token in [program(1, 0), session(2, 1), link(3, 2), expiring] {
        store.put(&token, &author(at(0))).await.unwrap();
        assert_eq!(store.list().await.unwrap().last(), Some(&token), "{:?}", token.token.grant);
    }
}

async fn tokens_are_listed_oldest_first(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (oldest, middle, newest) = (program(3, 0), program(1, 1), program(2, 2));
    put(&store, &[newest.clone(), oldest.clone(), middle.clone()]).await;
    assert_eq!(store.list().await.unwrap(), [oldest, middle, newest]);
}

async fn putting_a_duplicate_id_or_digest_fails_and_changes_nothing(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (first, other) = (program(1, 0), program(2, 1));
    put(&store, std::slice::from_ref(&first)).await;
    let same_id = ApiToken { id: first.token.id.clone(), ..other.token.clone() };
    let same_digest = ApiToken { digest: first.token.digest.clone(), ..other.token };
    for token in [same_id, same_digest] {
        assert!(store.put(&SealedApiToken { token, mark: None }, &author(at(0))).await.is_err());
    }
    assert_eq!(store.list().await.unwrap(), [first]);
}

async fn extending_a_token_changes_only_its_expiry_and_mark(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (extended, other) = (session(1, 0), session(2, 1));
    put(&store, &[extended.clone(), other.clone()]).await;
    let mark = Some(SealedSecret::from_stored("v2:key:another-mark".to_owned()));
    let extended = SealedApiToken { token: ApiToken { expires_at: Some(at(9_000)), ..extended.token }, mark };
    assert!(store.extend(&extended).await.unwrap());
    assert!(!store.extend(&session(9, 0)).await.unwrap(), "an unknown token");
    assert_eq!(store.list().await.unwrap(), [extended, other]);
}

async fn of_concurrent_removals_of_a_token_one_succeeds(fixture: impl Fixture) {
    const CALLS: usize = 20;
    let store = fixture.api_tokens();
    let (removed, other) = (link(1, 0), link(2, 1));
    put(&store, &[removed.clone(), other.clone()]).await;
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let (store, id) = (Arc::clone(&store), removed.token.id.clone());
        calls.spawn(async move { store.remove(&id, &author(at(0))).await.expect("no store error") });
    }
    let found = calls.join_all().await.into_iter().filter(|found| *found).count();
    assert_eq!(found, 1);
    assert_eq!(store.list().await.unwrap(), [other]);
}

async fn expired_tokens_are_deleted_with_their_descendants(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let expiring_at = |number, seconds: Option<i64>| {
        let SealedApiToken { token, mark } = session(number, i64::from(number));
        SealedApiToken { token: ApiToken { expires_at: seconds.map(at), ..token }, mark }
    };
    let (past, now, future, endless) =
        (expiring_at(1, Some(9)), expiring_at(2, Some(10)), expiring_at(3, Some(11)), expiring_at(4, None));
    let child = child_of(&past, 5, Grant::Page);
    let (grandchild, other_child) = (child_of(&child, 6, Grant::Link), child_of(&future, 7, Grant::Page));
    put(&store, &[past, now, future.clone(), endless.clone(), child, grandchild, other_child.clone()]).await;
    store.remove_expired(at(10)).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [future, endless, other_child]);
}

fn child_of(parent: &SealedApiToken, number: u8, grant: Grant) -> SealedApiToken {
    let SealedApiToken { token, mark } = link(number, i64::from(number));
    let token = ApiToken { grant, parent: Some(parent.token.id.clone()), ends_at: Some(at(9_000)), ..token };
    SealedApiToken { token, mark }
}

async fn removing_a_token_removes_its_descendants(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (root, other) = (session(1, 0), session(2, 2));
    let child = child_of(&root, 3, Grant::Link);
    let (grandchildren, other_child) =
        ([child_of(&child, 4, Grant::Page), child_of(&child, 5, Grant::Link)], child_of(&other, 6, Grant::Link));
    assert_eq!(
        store.put(&child, &author(at(0))).await.unwrap(),
        TokenStored::ParentGone,
        "the parent is not stored yet"
    );
    put(&store, &[root.clone(), other.clone(), child.clone(), grandchildren[0].clone(), grandchildren[1].clone()])
        .await;
    put(&store, std::slice::from_ref(&other_child)).await;
    assert_eq!(store.list().await.unwrap().len(), 6);
    assert!(store.remove(&child.token.id, &author(at(0))).await.unwrap());
    assert_eq!(store.list().await.unwrap(), [root.clone(), other.clone(), other_child.clone()]);
    assert_eq!(
        store.put(&grandchildren[0], &author(at(0))).await.unwrap(),
        TokenStored::ParentGone,
        "the parent is deleted"
    );
    assert!(store.remove(&other.token.id, &author(at(0))).await.unwrap());
    assert_eq!(store.list().await.unwrap(), [root]);
}

async fn remove_all_deletes_the_page_s_tokens_and_on_request_the_programs(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (session, program) = (session(1, 0), program(2, 1));
    put(&store, &[session.clone(), program.clone(), child_of(&session, 3, Grant::Link)]).await;
    assert_eq!(store.remove_all(false, &author(at(0))).await.unwrap(), 2);
    assert_eq!(store.list().await.unwrap(), [program]);
    put(&store, &[session]).await;
    assert_eq!(store.remove_all(true, &author(at(0))).await.unwrap(), 2);
    assert_eq!(store.list().await.unwrap(), []);
    assert_eq!(store.remove_all(true, &author(at(0))).await.unwrap(), 0);
}

/// Begins the login `number` of a principal.
async fn begin(store: &impl LoginStore, number: u8, principal: &Principal) -> SealedLogin {
    let login = login(number, &format!("account-{number}"), principal.as_str(), at(0));
    assert_eq!(store.begin(&login, &author(at(0))).await.expect("no store error"), BeginOutcome::Begun);
    login
}

async fn progress(store: &impl LoginStore, login: &SealedLogin) -> LoginProgress {
    store.by_id(&login.session.id).await.expect("no store error").expect("the login").progress
}

fn principal(token: &SealedApiToken) -> Principal {
    Principal::program(token.token.id.as_str())
}

const CANCELLED: LoginProgress = LoginProgress::Ended(LoginOutcome::Cancelled);

async fn removing_a_program_s_token_cancels_its_logins(fixture: impl Fixture) {
    let (tokens, logins) = (fixture.api_tokens(), fixture.store());
    let (removed, other) = (program(1, 0), program(2, 1));
    put(&tokens, &[removed.clone(), other.clone()]).await;
    let pending = begin(&*logins, 1, &principal(&removed)).await;
    let exchanging = begin(&*logins, 2, &principal(&removed)).await;
    logins.claim(&exchanging.session.id, at(1)).await.unwrap();
    let others = [begin(&*logins, 3, &principal(&other)).await, begin(&*logins, 4, &Principal::gateway_token()).await];
    assert!(tokens.remove(&removed.token.id, &author(at(2))).await.unwrap());
    for cancelled in [pending, exchanging] {
        assert_eq!(progress(&*logins, &cancelled).await, CANCELLED);
    }
    for login in others {
        assert_eq!(progress(&*logins, &login).await, LoginProgress::Pending);
    }
}

async fn remove_all_cancels_the_logins_of_the_owner_and_on_request_of_the_programs(fixture: impl Fixture) {
    let (tokens, logins) = (fixture.api_tokens(), fixture.store());
    let program = program(1, 0);
    put(&tokens, &[program.clone(), session(2, 1)]).await;
    let of_owner = begin(&*logins, 1, &Principal::gateway_token()).await;
    let of_program = begin(&*logins, 2, &principal(&program)).await;
    tokens.remove_all(false, &author(at(1))).await.unwrap();
    assert_eq!(progress(&*logins, &of_owner).await, CANCELLED);
    assert_eq!(progress(&*logins, &of_program).await, LoginProgress::Pending);
    tokens.remove_all(true, &author(at(2))).await.unwrap();
    assert_eq!(progress(&*logins, &of_program).await, CANCELLED);
}

async fn a_program_without_a_token_begins_no_login(fixture: impl Fixture) {
    let (logins, removed) = (fixture.store(), program(1, 0));
    let login = login(1, "work", principal(&removed).as_str(), at(0));
    assert_eq!(logins.begin(&login, &author(at(0))).await.unwrap(), BeginOutcome::CallerGone);
    assert_eq!(logins.open_logins(at(0)).await.unwrap(), []);
    put(&fixture.api_tokens(), &[removed]).await;
    assert_eq!(logins.begin(&login, &author(at(0))).await.unwrap(), BeginOutcome::Begun);
}

/// A request of the session may be accepted before the session ends, and reach the store after it.
async fn an_ended_session_neither_begins_nor_resumes_a_login(fixture: impl Fixture) {
    let (logins, ended) = (fixture.store(), session(1, 0));
    let of_session = Author { actor: Actor::named(Actor::page_session(&ended.token.id)), ..author(at(0)) };
    let login = login(1, "work", Principal::gateway_token().as_str(), at(0));
    assert_eq!(logins.begin(&login, &of_session).await.unwrap(), BeginOutcome::CallerGone);
    assert_eq!(logins.begin(&login, &author(at(0))).await.unwrap(), BeginOutcome::Begun);
    assert_eq!(logins.begin(&login, &of_session).await.unwrap(), BeginOutcome::CallerGone);
    put(&fixture.api_tokens(), &[ended]).await;
    assert!(matches!(logins.begin(&login, &of_session).await.unwrap(), BeginOutcome::AlreadyPending(_)));
}

async fn an_ended_session_and_a_revoked_program_create_no_token(fixture: impl Fixture) {
    let (store, new) = (fixture.api_tokens(), program(1, 0));
    for caller in [session(2, 0), program(3, 0)] {
        let (id, name) = (&caller.token.id, &caller.token.name);
        let actor = if caller.token.grant == Grant::Page { Actor::page_session(id) } else { Actor::program(id, name) };
        let of_caller = Author { actor: Actor::named(actor), ..author(at(0)) };
        assert_eq!(store.put(&new, &of_caller).await.unwrap(), TokenStored::ParentGone);
        put(&store, std::slice::from_ref(&caller)).await;
        assert_eq!(store.put(&new, &of_caller).await.unwrap(), TokenStored::Stored);
        assert!(store.remove(&new.token.id, &of_caller).await.unwrap());
    }
}

async fn two_programs_cannot_have_one_name(fixture: impl Fixture) {
    const CALLS: u8 = 10;
    let store = fixture.api_tokens();
    let mut calls = JoinSet::new();
    for number in 1..=CALLS {
        let store = Arc::clone(&store);
        let SealedApiToken { token, mark } = program(number, 0);
        let token = SealedApiToken { token: ApiToken { name: display_name(0), ..token }, mark };
        calls.spawn(async move { store.put(&token, &author(at(0))).await.expect("no store error") });
    }
    let results = calls.join_all().await;
    assert_eq!(results.iter().filter(|result| **result == TokenStored::Stored).count(), 1);
    assert_eq!(results.iter().filter(|result| **result == TokenStored::NameTaken).count(), usize::from(CALLS) - 1);
    assert_eq!(store.list().await.unwrap().len(), 1);
    // Page sessions may share a name, also with a program.
    let SealedApiToken { token, mark } = session(20, 1);
    let session = |number: u8| {
        let (id, digest) = (ApiTokenId::from_bytes([number; 16]), TokenDigest::of(&number.to_string()));
        SealedApiToken { token: ApiToken { id, digest, ..token.clone() }, mark: mark.clone() }
    };
    put(&store, &[session(21), session(22), program(20, 2)]).await;
}

async fn note_use_stores_the_time_of_the_last_use(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (used, other) = (program(1, 0), program(2, 1));
    put(&store, &[used.clone(), other.clone()]).await;
    store.note_use(&used.token.id, at(5)).await.unwrap();
    store.note_use(&ApiTokenId::from_bytes([9; 16]), at(5)).await.expect("an unknown token is no error");
    let used = SealedApiToken { token: ApiToken { last_used_at: Some(at(5)), ..used.token }, mark: used.mark };
    assert_eq!(store.list().await.unwrap(), [used, other]);
}

/// Rotates `token`. Returns the new token, and the old one under the id `old_id`.
fn rotate(token: &SealedApiToken, old_id: u8) -> [SealedApiToken; 2] {
    let (new, old, _) = token.token.clone().rotated(ApiTokenId::from_bytes([old_id; 16]), at(500), &[old_id; ENTROPY]);
    [(new, "new"), (old, "old")]
        .map(|(token, mark)| SealedApiToken { token, mark: Some(SealedSecret::from_stored(format!("v2:key:{mark}"))) })
}

async fn a_rotation_keeps_the_old_token_beside_the_new_one(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (token, other) = (program(1, 0), program(2, 1));
    put(&store, &[token.clone(), other.clone()]).await;
    let [new, old] = rotate(&token, 3);
    assert!(store.rotate(&new, &old, &author(at(2))).await.unwrap());
    let mut stored = store.list().await.unwrap();
    stored.sort_by_key(|stored| stored.token.id.as_str().to_owned());
    assert_eq!(stored, [new.clone(), other.clone(), old.clone()]);
    // A second rotation deletes the old token of the first. A repeated rotation does nothing.
    let [newer, replaced] = rotate(&new, 4);
    assert!(store.rotate(&newer, &replaced, &author(at(3))).await.unwrap());
    assert!(!store.rotate(&newer, &replaced, &author(at(3))).await.unwrap());
    assert_eq!(store.list().await.unwrap().len(), 3);
    // Removing the token also removes the old one beside it.
    assert!(store.remove(&token.token.id, &author(at(4))).await.unwrap());
    assert_eq!(store.list().await.unwrap(), [other]);
}

async fn of_concurrent_rotations_of_a_token_one_succeeds(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let token = program(1, 0);
    put(&store, std::slice::from_ref(&token)).await;
    let mut rotations = JoinSet::new();
    for number in 2..6 {
        let (store, [new, old]) = (Arc::clone(&store), rotate(&token, number));
        rotations.spawn(async move { store.rotate(&new, &old, &author(at(2))).await.unwrap() });
    }
    let done = rotations.join_all().await;
    assert_eq!(done.iter().filter(|is_done| **is_done).count(), 1, "{done:?}");
    assert_eq!(store.list().await.unwrap().len(), 2);
}
