//! Contract of `ApiTokenStore`.

use std::sync::Arc;

use goclaw::{
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, Lineage, Scope, SealedApiToken},
        ids::DisplayName,
        sealed::SealedSecret,
    },
    ports::ApiTokenStore,
};
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author},
};

contract!(
    a_token_is_listed_unchanged,
    tokens_are_listed_oldest_first,
    a_duplicate_id_or_digest_is_an_error_and_changes_nothing,
    an_extension_changes_expiry_and_mark_of_one_token,
    concurrent_removals_of_a_token_succeed_once,
    expired_tokens_are_deleted,
    what_comes_from_a_token_goes_with_it,
    tokens_of_some_scopes_are_deleted_together,
);

/// Returns the token `number`, created `seconds` after the start of the test.
fn token(number: u8, scope: Scope, seconds: i64) -> SealedApiToken {
    let name = DisplayName::parse(&format!("Program {number}")).expect("a name");
    let id = ApiTokenId::from_bytes([number; 16]);
    let (token, _) = ApiToken::issue(id, name, scope, Lineage::default(), &[number; ENTROPY], at(seconds));
    SealedApiToken { token, mac: Some(SealedSecret::from_stored(format!("v2:key:mark-{number}"))) }
}

async fn put(store: &Arc<dyn ApiTokenStore>, tokens: &[SealedApiToken]) {
    for token in tokens {
        assert!(store.put(token, &author(at(0))).await.expect("no store error"));
    }
}

async fn a_token_is_listed_unchanged(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    assert_eq!(store.list().await.unwrap(), []);
    for (number, &scope) in Scope::ALL.iter().enumerate() {
        let token = token(u8::try_from(number).unwrap(), scope, 0);
        store.put(&token, &author(at(0))).await.unwrap();
        assert_eq!(store.list().await.unwrap().last(), Some(&token), "{scope:?}");
    }
}

async fn tokens_are_listed_oldest_first(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (oldest, middle, newest) = (token(3, Scope::Proxy, 0), token(1, Scope::Proxy, 1), token(2, Scope::Proxy, 2));
    put(&store, &[newest.clone(), oldest.clone(), middle.clone()]).await;
    assert_eq!(store.list().await.unwrap(), [oldest, middle, newest]);
}

async fn a_duplicate_id_or_digest_is_an_error_and_changes_nothing(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (first, other) = (token(1, Scope::Proxy, 0), token(2, Scope::Proxy, 1));
    put(&store, std::slice::from_ref(&first)).await;
    let same_id = ApiToken { id: first.token.id.clone(), ..other.token.clone() };
    let same_digest = ApiToken { digest: first.token.digest.clone(), ..other.token };
    for token in [same_id, same_digest] {
        assert!(store.put(&SealedApiToken { token, mac: None }, &author(at(0))).await.is_err());
    }
    assert_eq!(store.list().await.unwrap(), [first]);
}

async fn an_extension_changes_expiry_and_mark_of_one_token(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (extended, other) = (token(1, Scope::Page, 0), token(2, Scope::Page, 1));
    put(&store, &[extended.clone(), other.clone()]).await;
    let mac = Some(SealedSecret::from_stored("v2:key:another-mark".to_owned()));
    let extended = SealedApiToken { token: ApiToken { expires_at: Some(at(9_000)), ..extended.token }, mac };
    assert!(store.extend(&extended).await.unwrap());
    assert!(!store.extend(&token(9, Scope::Page, 0)).await.unwrap(), "an unknown token");
    assert_eq!(store.list().await.unwrap(), [extended, other]);
}

async fn concurrent_removals_of_a_token_succeed_once(fixture: impl Fixture) {
    const CALLS: usize = 20;
    let store = fixture.api_tokens();
    let (removed, other) = (token(1, Scope::Link, 0), token(2, Scope::Link, 1));
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

async fn expired_tokens_are_deleted(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let until = |number, seconds: Option<i64>| {
        let SealedApiToken { token, mac } = token(number, Scope::Page, i64::from(number));
        SealedApiToken { token: ApiToken { expires_at: seconds.map(at), ..token }, mac }
    };
    let (past, now, future, endless) = (until(1, Some(9)), until(2, Some(10)), until(3, Some(11)), until(4, None));
    put(&store, &[past, now, future.clone(), endless.clone()]).await;
    store.remove_expired(at(10)).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [future, endless]);
}

/// Returns a token that comes from `parent`.
fn from(parent: &SealedApiToken, number: u8, scope: Scope) -> SealedApiToken {
    let SealedApiToken { token, mac } = token(number, scope, i64::from(number));
    let token = ApiToken { parent: Some(parent.token.id.clone()), ends_at: Some(at(9_000)), ..token };
    SealedApiToken { token, mac }
}

async fn what_comes_from_a_token_goes_with_it(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (root, other) = (token(1, Scope::Page, 0), token(2, Scope::Page, 2));
    let child = from(&root, 3, Scope::Link);
    let (grandchildren, of_other) =
        ([from(&child, 4, Scope::Page), from(&child, 5, Scope::Link)], from(&other, 6, Scope::Link));
    assert!(!store.put(&child, &author(at(0))).await.unwrap(), "its parent is not there");
    put(&store, &[root.clone(), other.clone(), child.clone(), grandchildren[0].clone(), grandchildren[1].clone()])
        .await;
    put(&store, std::slice::from_ref(&of_other)).await;
    assert_eq!(store.list().await.unwrap().len(), 6);
    assert!(store.remove(&child.token.id, &author(at(0))).await.unwrap());
    assert_eq!(store.list().await.unwrap(), [root.clone(), other.clone(), of_other.clone()]);
    assert!(!store.put(&grandchildren[0], &author(at(0))).await.unwrap(), "its parent is gone");
    assert!(store.remove(&other.token.id, &author(at(0))).await.unwrap());
    assert_eq!(store.list().await.unwrap(), [root]);
}

async fn tokens_of_some_scopes_are_deleted_together(fixture: impl Fixture) {
    let store = fixture.api_tokens();
    let (session, program) = (token(1, Scope::Page, 0), token(2, Scope::Proxy, 1));
    put(&store, &[session.clone(), program.clone(), from(&session, 3, Scope::Link)]).await;
    assert_eq!(store.remove_all(&[Scope::Page, Scope::Link], &author(at(0))).await.unwrap(), 2);
    assert_eq!(store.list().await.unwrap(), [program]);
    assert_eq!(store.remove_all(&[], &author(at(0))).await.unwrap(), 0);
}
