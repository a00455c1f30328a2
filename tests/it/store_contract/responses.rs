//! Contract of `ResponseMemory`.

use std::sync::Arc;

use goclaw::{
    domain::{
        ids::Principal,
        response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::ResponseMemory,
};

use super::{contract, fixtures::Fixture, samples::at};

contract!(
    a_chain_has_the_response_and_its_predecessors_unchanged,
    a_response_with_a_stored_id_is_ignored,
    one_call_can_store_several_responses,
    reading_a_chain_updates_the_last_use_of_its_responses,
    a_chain_ends_at_its_limits_and_at_a_deleted_response,
    responses_are_found_by_their_items,
    old_responses_are_neither_read_nor_kept,
    the_least_recently_used_responses_are_deleted_beyond_the_limits,
);

const ALL: ReadLimits = ReadLimits { oldest: Timestamp::from_unix_seconds(0), responses: 100, bytes: 1_000_000 };
const PLENTY: MemoryLimits = MemoryLimits { per_principal: 1_000_000, in_all: 1_000_000 };

fn id(text: &str) -> ResponseId {
    ResponseId::parse(text).expect("an id")
}

/// Returns a response of 100 bytes that was last used at `seconds`.
fn response(text: &str, previous: Option<&str>, principal: &str, seconds: i64) -> RememberedResponse {
    RememberedResponse {
        id: id(text),
        principal: Principal::named(principal),
        previous: previous.map(id),
        items: vec![format!("msg_{text}"), format!("rs_{text}")],
        content: SealedSecret::from_stored("x".repeat(100)),
        used_at: at(seconds),
    }
}

async fn remember(store: &Arc<impl ResponseMemory>, responses: &[RememberedResponse], limits: MemoryLimits) {
    for response in responses {
        store.remember(std::slice::from_ref(response)).await.expect("no store error");
        store.make_room(at(0), limits).await.expect("no store error");
    }
}

async fn ids(store: &Arc<impl ResponseMemory>, last: &str, seconds: i64) -> Vec<String> {
    let chain = store.chain(&id(last), ALL, at(seconds)).await.expect("no store error");
    chain.into_iter().map(|response| response.id.as_str().to_owned()).collect()
}

async fn a_chain_has_the_response_and_its_predecessors_unchanged(fixture: impl Fixture) {
    let store = fixture.store();
    let (first, second, other) =
        (response("a", None, "x", 1), response("b", Some("a"), "x", 2), response("c", None, "y", 3));
    remember(&store, &[first.clone(), second.clone(), other], PLENTY).await;
    assert_eq!(store.chain(&id("b"), ALL, at(4)).await.unwrap(), [second, first]);
    assert_eq!(store.chain(&id("none"), ALL, at(4)).await.unwrap(), []);
}

async fn a_response_with_a_stored_id_is_ignored(fixture: impl Fixture) {
    let store = fixture.store();
    let first = response("a", None, "x", 1);
    remember(&store, &[first.clone(), response("a", Some("b"), "y", 1)], PLENTY).await;
    assert_eq!(store.chain(&id("a"), ALL, at(1)).await.unwrap(), [first]);
}

async fn one_call_can_store_several_responses(fixture: impl Fixture) {
    let store = fixture.store();
    let (first, second) = (response("a", None, "x", 1), response("b", Some("a"), "x", 2));
    let again = RememberedResponse { items: vec!["msg_of_another".to_owned()], ..response("a", None, "y", 3) };
    store.remember(&[first.clone(), second.clone(), again]).await.unwrap();
    store.remember(&[]).await.unwrap();
    assert_eq!(store.chain(&id("b"), ALL, at(4)).await.unwrap(), [second, first]);
    let of_another = store.with_items(&["msg_of_another".to_owned()], ALL).await.unwrap();
    assert_eq!(of_another, [], "the items of a duplicate response are not stored");
}

async fn reading_a_chain_updates_the_last_use_of_its_responses(fixture: impl Fixture) {
    let store = fixture.store();
    let chain = [response("a", None, "x", 1), response("b", Some("a"), "x", 2), response("c", None, "x", 3)];
    remember(&store, &chain, PLENTY).await;
    assert_eq!(ids(&store, "b", 10).await, ["b", "a"]);
    store.make_room(at(10), PLENTY).await.unwrap();
    assert_eq!((ids(&store, "b", 12).await.len(), ids(&store, "c", 12).await.len()), (2, 0));
}

async fn a_chain_ends_at_its_limits_and_at_a_deleted_response(fixture: impl Fixture) {
    let store = fixture.store();
    let chain = [response("a", None, "x", 1), response("b", Some("a"), "x", 2), response("c", Some("b"), "x", 3)];
    remember(&store, &chain, PLENTY).await;
    assert_eq!(store.chain(&id("c"), ReadLimits { responses: 2, ..ALL }, at(4)).await.unwrap().len(), 2);
    let bytes = ReadLimits { bytes: 150, ..ALL };
    assert_eq!(
        store.chain(&id("c"), bytes, at(4)).await.unwrap().len(),
        2,
        "the second response reaches the byte limit"
    );
    let items = ["msg_a", "msg_b", "msg_c"].map(str::to_owned);
    assert_eq!(store.with_items(&items, bytes).await.unwrap().len(), 2);
    assert!(store.forget(&id("a")).await.unwrap());
    assert!(!store.forget(&id("a")).await.unwrap());
    assert_eq!(ids(&store, "c", 4).await, ["c", "b"]);
    assert_eq!(store.with_items(&["msg_a".to_owned()], ALL).await.unwrap(), [], "the response's items are deleted too");
}

async fn responses_are_found_by_their_items(fixture: impl Fixture) {
    let store = fixture.store();
    let (first, second) = (response("a", None, "x", 1), response("b", Some("a"), "x", 2));
    remember(&store, &[first.clone(), second.clone()], PLENTY).await;
    let items = ["rs_a", "msg_a", "msg_none"].map(str::to_owned);
    assert_eq!(store.with_items(&items, ALL).await.unwrap(), [first]);
    assert_eq!(store.with_items(&[], ALL).await.unwrap(), []);
}

async fn old_responses_are_neither_read_nor_kept(fixture: impl Fixture) {
    let store = fixture.store();
    remember(&store, &[response("a", None, "x", 1), response("b", None, "x", 2)], PLENTY).await;
    let since_two = ReadLimits { oldest: at(2), ..ALL };
    assert_eq!(
        store.chain(&id("a"), since_two, at(3)).await.unwrap(),
        [],
        "a response older than the limit is not read"
    );
    let items = ["msg_a", "msg_b"].map(str::to_owned);
    assert_eq!(store.with_items(&items, since_two).await.unwrap().len(), 1);
    store.make_room(at(2), PLENTY).await.unwrap();
    assert_eq!((ids(&store, "a", 3).await.len(), ids(&store, "b", 3).await.len()), (0, 1));
}

async fn the_least_recently_used_responses_are_deleted_beyond_the_limits(fixture: impl Fixture) {
    let store = fixture.store();
    let limits = MemoryLimits { per_principal: 250, in_all: 450 };
    let without_previous = |text: &str, principal, seconds| response(text, None, principal, seconds);
    remember(
        &store,
        &[
            without_previous("a", "x", 1),
            without_previous("b", "y", 2),
            without_previous("c", "x", 3),
            without_previous("d", "x", 4),
        ],
        limits,
    )
    .await;
    let remaining = async || {
        let mut remaining = Vec::new();
        for text in ["a", "b", "c", "d", "e", "f", "g"] {
            let found = store.with_items(&[format!("msg_{text}")], ALL).await.unwrap();
            remaining.extend(found.into_iter().map(|response| response.id.as_str().to_owned()));
        }
        remaining
    };
    assert_eq!(remaining().await, ["b", "c", "d"], "three responses exceed the limit per principal");
    remember(&store, &[without_previous("e", "z", 5), without_previous("f", "z", 6)], limits).await;
    assert_eq!(remaining().await, ["c", "d", "e", "f"], "five responses exceed the limit in all");
    let huge =
        RememberedResponse { content: SealedSecret::from_stored("x".repeat(251)), ..without_previous("g", "w", 7) };
    remember(&store, &[huge], limits).await;
    assert_eq!(remaining().await, ["c", "d", "e", "f"], "one response alone exceeds the limit");
}
