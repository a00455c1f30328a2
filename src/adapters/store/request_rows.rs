//! The rows of `requests` and `usage`, for `queries/requests.rs` and the two `inserting` modules. They only inform, so
//! an invalid value is replaced by a default.

use std::time::Duration;

use diesel::prelude::*;

use super::{
    schema::{requests, usage},
    stored_text::{NullableText, StoredText},
};
use crate::domain::{
    ids::AccountName,
    request_record::{RequestDetails, RequestEnd, RequestRecord, TokenUsage, UsageKey, UsageSums},
    time::Timestamp,
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = requests)]
pub(super) struct RecordRow {
    #[diesel(deserialize_as = StoredText)]
    id: String,
    #[diesel(deserialize_as = NullableText)]
    trace_id: Option<String>,
    at: i64,
    #[diesel(deserialize_as = StoredText)]
    method: String,
    #[diesel(deserialize_as = StoredText)]
    route: String,
    status: i64,
    #[diesel(deserialize_as = StoredText)]
    ending: String,
    #[diesel(deserialize_as = NullableText)]
    program: Option<String>,
    #[diesel(deserialize_as = NullableText)]
    account: Option<String>,
    #[diesel(deserialize_as = NullableText)]
    model: Option<String>,
    input: Option<i64>,
    cached: Option<i64>,
    output: Option<i64>,
    first_byte_ms: Option<i64>,
    total_ms: i64,
    sent_bytes: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = usage)]
pub(super) struct UsageRow {
    day: i64,
    #[diesel(deserialize_as = StoredText)]
    program: String,
    #[diesel(deserialize_as = StoredText)]
    account: String,
    #[diesel(deserialize_as = StoredText)]
    model: String,
    requests: i64,
    failures: i64,
    input: i64,
    cached: i64,
    output: i64,
}

/// Converts a number for a signed column. Larger numbers become `i64::MAX`.
pub(super) fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

impl From<&RequestRecord> for RecordRow {
    fn from(record: &RequestRecord) -> Self {
        let RequestDetails { program, account, model, tokens } = record.details.clone();
        Self {
            id: record.id.clone(),
            trace_id: record.trace_id.clone(),
            at: record.at.unix_millis(),
            method: record.method.clone(),
            route: record.route.clone(),
            status: record.status.into(),
            ending: record.end.as_str().to_owned(),
            program,
            account: account.map(|account| account.to_string()),
            model,
            input: tokens.map(|tokens| signed(tokens.input)),
            cached: tokens.map(|tokens| signed(tokens.cached)),
            output: tokens.map(|tokens| signed(tokens.output)),
            first_byte_ms: record.first_byte.map(|time| signed(time.as_millis())),
            total_ms: signed(record.total.as_millis()),
            sent_bytes: signed(record.sent_bytes),
        }
    }
}

impl From<RecordRow> for RequestRecord {
    fn from(row: RecordRow) -> Self {
        let millis = |millis| Duration::from_millis(unsigned(millis));
        let tokens = row.input.map(|input| TokenUsage {
            input: unsigned(input),
            cached: unsigned(row.cached.unwrap_or_default()),
            output: unsigned(row.output.unwrap_or_default()),
        });
        let account = row.account.as_deref().and_then(|name| AccountName::parse(name).ok());
        Self {
            id: row.id,
            trace_id: row.trace_id,
            at: Timestamp::from_unix_millis(row.at),
            method: row.method,
            route: row.route,
            status: row.status.try_into().unwrap_or_default(),
            end: RequestEnd::parse(&row.ending).unwrap_or(RequestEnd::Broken),
            details: RequestDetails { program: row.program, account, model: row.model, tokens },
            first_byte: row.first_byte_ms.map(millis),
            total: millis(row.total_ms),
            sent_bytes: unsigned(row.sent_bytes),
        }
    }
}

impl From<&(UsageKey, UsageSums)> for UsageRow {
    fn from((key, sums): &(UsageKey, UsageSums)) -> Self {
        let UsageKey { day, program, account, model } = key.clone();
        let UsageSums { requests, failures, tokens } = *sums;
        let (requests, failures) = (signed(requests), signed(failures));
        let (input, cached, output) = (signed(tokens.input), signed(tokens.cached), signed(tokens.output));
        Self { day, program, account, model, requests, failures, input, cached, output }
    }
}

impl From<UsageRow> for (UsageKey, UsageSums) {
    fn from(row: UsageRow) -> Self {
        let UsageRow { day, program, account, model, .. } = row;
        let tokens =
            TokenUsage { input: unsigned(row.input), cached: unsigned(row.cached), output: unsigned(row.output) };
        let sums = UsageSums { requests: unsigned(row.requests), failures: unsigned(row.failures), tokens };
        (UsageKey { day, program, account, model }, sums)
    }
}
