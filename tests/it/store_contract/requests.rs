//! Contract of `RequestLog`.

use std::time::Duration;

use goclaw::{
    domain::request_record::{RequestDetails, RequestEnd, RequestRecord, TokenUsage, UsageKey, UsageSums},
    ports::RequestLog,
};

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, name},
};

contract!(
    records_are_read_back_unchanged_newest_first,
    thousands_of_records_are_stored_in_one_call,
    sums_of_one_key_are_added_across_writers,
    usage_returns_the_sums_of_the_given_days,
    old_records_and_sums_are_deleted,
);

fn record(id: &str, seconds: i64) -> RequestRecord {
    RequestRecord {
        id: id.to_owned(),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
        at: at(seconds),
        method: "POST".to_owned(),
        route: "/v1/responses".to_owned(),
        status: 200,
        end: RequestEnd::CallerLeft,
        details: RequestDetails {
            program: Some("laptop".to_owned()),
            account: Some(name("work")),
            model: Some("gpt-5.5".to_owned()),
            tokens: Some(TokenUsage { input: 10, cached: 5, output: 20 }),
        },
        first_byte: Some(Duration::from_millis(300)),
        total: Duration::from_millis(1200),
        sent_bytes: 4096,
    }
}

/// Returns a record without any optional value.
fn bare(id: &str, seconds: i64) -> RequestRecord {
    RequestRecord {
        trace_id: None,
        route: String::new(),
        status: 404,
        end: RequestEnd::Complete,
        details: RequestDetails::default(),
        first_byte: None,
        ..record(id, seconds)
    }
}

fn key(day: i64, model: &str) -> UsageKey {
    UsageKey { day, program: "laptop".to_owned(), account: "work".to_owned(), model: model.to_owned() }
}

fn sums(requests: u64) -> UsageSums {
    UsageSums { requests, failures: 1, tokens: TokenUsage { input: 3, cached: 2, output: 1 } }
}

async fn records_are_read_back_unchanged_newest_first(fixture: impl Fixture) {
    let store = fixture.store();
    store.record(&[record("a", 1), bare("b", 2)], &[]).await.unwrap();
    store.record(&[record("b", 3)], &[]).await.unwrap();
    let all = store.recent(None, 10).await.unwrap();
    let records: Vec<_> = all.iter().map(|stored| stored.record.clone()).collect();
    assert_eq!(records, [record("b", 3), bare("b", 2), record("a", 1)]);
    assert!(all.is_sorted_by(|newer, older| newer.number > older.number), "{all:?}");
    assert_eq!(store.recent(None, 1).await.unwrap(), all[..1]);
    assert_eq!(store.recent(Some(all[0].number), 10).await.unwrap(), all[1..]);
}

async fn thousands_of_records_are_stored_in_one_call(fixture: impl Fixture) {
    let store = fixture.store();
    // PostgreSQL stores at most 1,000 records in one statement.
    let records: Vec<_> = (0..2_500).map(|second| record("a", second)).collect();
    store.record(&records, &[]).await.unwrap();
    let all = store.recent(None, 10_000).await.unwrap();
    assert!(all.iter().rev().map(|stored| &stored.record).eq(&records));
}

async fn sums_of_one_key_are_added_across_writers(fixture: impl Fixture) {
    let (store, other) = (fixture.store(), fixture.store());
    store.record(&[], &[(key(1, "a"), sums(1)), (key(1, ""), sums(5))]).await.unwrap();
    other.record(&[], &[(key(1, "a"), sums(2))]).await.unwrap();
    let doubled = UsageSums { requests: 3, failures: 2, tokens: TokenUsage { input: 6, cached: 4, output: 2 } };
    assert_eq!(store.usage(1, 1).await.unwrap(), [(key(1, ""), sums(5)), (key(1, "a"), doubled)]);
}

async fn usage_returns_the_sums_of_the_given_days(fixture: impl Fixture) {
    let store = fixture.store();
    let days: Vec<_> = [4, 2, 3, 1].map(|day| (key(day, "a"), sums(1))).into();
    store.record(&[], &days).await.unwrap();
    let found: Vec<_> = store.usage(2, 3).await.unwrap().into_iter().map(|(key, _)| key.day).collect();
    assert_eq!(found, [2, 3]);
}

async fn old_records_and_sums_are_deleted(fixture: impl Fixture) {
    let store = fixture.store();
    store.record(&[record("a", 1), record("b", 2)], &[(key(1, "a"), sums(1)), (key(2, "a"), sums(1))]).await.unwrap();
    store.forget_before(at(2), 2).await.unwrap();
    let remaining: Vec<_> = store.recent(None, 10).await.unwrap().into_iter().map(|stored| stored.record.id).collect();
    assert_eq!(remaining, ["b"]);
    assert_eq!(store.usage(0, 9).await.unwrap(), [(key(2, "a"), sums(1))]);
}
