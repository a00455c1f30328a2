//! The bodies of `/v1/requests` and `/v1/usage`.

use poem_openapi::Object;
use serde::Deserialize;

use super::RequestEnd;
use crate::{
    domain::request_record::{UsageKey, UsageSums},
    ports::NumberedRecord,
};

const SECONDS_PER_DAY: i64 = 86_400;

/// A request whose response has ended. It contains no part of a prompt.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct RequestEntry {
    /// Newer requests have higher numbers.
    pub number: i64,
    /// The `X-Request-Id` of the response.
    pub id: String,
    /// The trace id of the request's `traceparent`.
    pub trace_id: Option<String>,
    /// When it arrived, in Unix seconds.
    pub at: i64,
    pub method: String,
    /// The path as this document has it; empty for a path that does not exist.
    pub route: String,
    /// The status of the response; 499 if the caller left before it began.
    pub status: u16,
    pub end: RequestEnd,
    /// The name of the caller's token, or `gateway token` or `page`.
    pub program: Option<String>,
    /// The account that served the request.
    pub provider: Option<String>,
    pub model: Option<String>,
    /// As the provider counted them, including cached tokens. Absent for `/v1/proxy`.
    pub input_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    /// From the request's head to the first byte of the response's body, in milliseconds.
    pub first_byte_ms: Option<u64>,
    /// From the request's head to the end of the response, in milliseconds.
    pub total_ms: u64,
    /// The bytes of the response's body.
    pub sent_bytes: u64,
}

/// A page of the newest requests.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct RequestPage {
    pub requests: Vec<RequestEntry>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// What one program asked one model of one account on one day.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct UsageEntry {
    /// When the day began in UTC, in Unix seconds.
    pub day: i64,
    pub program: String,
    /// The account.
    pub provider: String,
    /// Missing for requests that named no model, and for failed ones.
    pub model: Option<String>,
    pub requests: u64,
    /// Requests with a status of 400 or more, or with a response that was cut off.
    pub failures: u64,
    /// Those from the cache included.
    pub input_tokens: u64,
    pub cached_tokens: u64,
    pub output_tokens: u64,
}

/// A page of usage records, oldest day first.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct UsagePage {
    pub usage: Vec<UsageEntry>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

impl From<NumberedRecord> for RequestEntry {
    fn from(NumberedRecord { number, record }: NumberedRecord) -> Self {
        let millis = |time: std::time::Duration| time.as_millis().try_into().unwrap_or(u64::MAX);
        let tokens = record.details.tokens;
        Self {
            number,
            id: record.id,
            trace_id: record.trace_id,
            at: record.at.unix_seconds(),
            method: record.method,
            route: record.route,
            status: record.status,
            end: record.end,
            program: record.details.program,
            provider: record.details.account.map(|account| account.to_string()),
            model: record.details.model,
            input_tokens: tokens.map(|tokens| tokens.input),
            cached_tokens: tokens.map(|tokens| tokens.cached),
            output_tokens: tokens.map(|tokens| tokens.output),
            first_byte_ms: record.first_byte.map(millis),
            total_ms: millis(record.total),
            sent_bytes: record.sent_bytes,
        }
    }
}

impl From<(UsageKey, UsageSums)> for UsageEntry {
    fn from((key, sums): (UsageKey, UsageSums)) -> Self {
        Self {
            day: key.day.saturating_mul(SECONDS_PER_DAY),
            program: key.program,
            provider: key.account,
            model: Some(key.model).filter(|model| !model.is_empty()),
            requests: sums.requests,
            failures: sums.failures,
            input_tokens: sums.tokens.input,
            cached_tokens: sums.tokens.cached,
            output_tokens: sums.tokens.output,
        }
    }
}
