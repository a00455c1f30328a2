//! Names, describes and records the metrics of the core. The crate `metrics` is a facade like `tracing`: without an
//! installed recorder, nothing is recorded.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::domain::{
    history::CredentialEvent,
    ids::AccountName,
    request_record::{RequestEnd, RequestRecord},
};

const REQUESTS: &str = "goclaw_http_requests_total";
const DURATION: &str = "goclaw_http_request_duration_seconds";
const FIRST_BYTE: &str = "goclaw_http_first_byte_seconds";
const BROKEN: &str = "goclaw_http_broken_responses_total";
const IN_FLIGHT: &str = "goclaw_http_requests_in_flight";
const TOKENS: &str = "goclaw_model_tokens_total";
const PANICS: &str = "goclaw_panics_total";
const PRESENTATIONS: &str = "goclaw_oauth_refresh_presentations_total";
const EVENTS: &str = "goclaw_oauth_events_total";
const LEASE_WAIT: &str = "goclaw_oauth_refresh_lease_wait_seconds";
const COMMIT_RETRIES: &str = "goclaw_oauth_commit_retries_total";
const JOURNAL: &str = "goclaw_oauth_journal_entries";
const CIRCUIT_OPEN: &str = "goclaw_provider_circuit_open";
const STATE: &str = "goclaw_credential_state";
const EXPIRES: &str = "goclaw_credential_access_expires_timestamp_seconds";
const PLAN: &str = "goclaw_plan_window_used_ratio";
const REFUSED_TOKENS: &str = "goclaw_auth_failures_total";
const WEBHOOK: &str = "goclaw_webhook_failures_total";

/// Maximum number of distinct values of each label for programs, accounts and models. Further values are counted as
/// `other`, because the time series of a counter is never removed from memory.
const MAX_NAMES: usize = 100;
const OTHER: &str = "other";

/// Maximum number of accounts with their own gauges.
pub(super) const MAX_ACCOUNTS: usize = 100;

/// Registers the description of each metric with the recorder, and starts the counters without labels at zero.
pub fn describe() {
    describe_counter!(REQUESTS, "Requests whose response has ended, by route, method, status, program and account.");
    describe_histogram!(DURATION, Unit::Seconds, "From a request's head to the last byte of its response.");
    describe_histogram!(FIRST_BYTE, Unit::Seconds, "From a request's head to the first byte of its response's body.");
    describe_counter!(BROKEN, "Responses that were not sent to their end, by how: caller_left or broken.");
    describe_gauge!(IN_FLIGHT, "Requests that are being answered, streams included.");
    describe_counter!(TOKENS, "Tokens as providers counted them, by kind: input (with cached), cached, output.");
    describe_counter!(PANICS, "Panics in requests and tasks. Each is a bug.");
    describe_counter!(PRESENTATIONS, "Refresh tokens presented to a provider, by provider type.");
    describe_counter!(EVENTS, "Events of accounts, such as refreshed, in_doubt or needs_reauth, by their cause.");
    describe_histogram!(LEASE_WAIT, Unit::Seconds, "From asking for the lease of a refresh to its token being sent.");
    describe_counter!(COMMIT_RETRIES, "Failed attempts to store new tokens. The tokens are in the journal meanwhile.");
    describe_gauge!(JOURNAL, "Unsaved records in the token journal: tokens that the database may not have yet.");
    describe_gauge!(CIRCUIT_OPEN, "1 while refreshes pause because the token endpoint does not respond or fails.");
    describe_gauge!(STATE, "Accounts by provider type and state.");
    describe_gauge!(EXPIRES, Unit::Seconds, "When an account's access token expires, in Unix seconds.");
    describe_gauge!(PLAN, "The used part of an account's plan window, as the provider reported it; 1 is all of it.");
    describe_counter!(REFUSED_TOKENS, "Requests with a wrong token.");
    describe_counter!(WEBHOOK, "Calls of the webhook that were not accepted.");
    // `increase()` cannot see the first increment of a series that did not exist before.
    for name in [PANICS, COMMIT_RETRIES, REFUSED_TOKENS, WEBHOOK] {
        counter!(name).increment(0);
    }
}

/// Number of requests that are being answered. The gauge itself cannot count: the recorder drops a gauge that does not
/// change for a while, and would continue at zero.
static RUNNING: AtomicI64 = AtomicI64::new(0);

/// Counts a request as in flight until this value is dropped.
#[derive(Debug)]
pub struct InFlight(());

impl InFlight {
    pub fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn set_in_flight() {
    gauge!(IN_FLIGHT).set(RUNNING.load(Ordering::Relaxed) as f64);
}

pub(super) fn request_ended(record: &RequestRecord) {
    let details = &record.details;
    let route = record.route.clone();
    let program = label_value("program", details.program.as_deref().unwrap_or_default());
    let account = label_value("account", details.account.as_ref().map(AccountName::as_str).unwrap_or_default());
    counter!(REQUESTS, "route" => route.clone(), "method" => record.method.clone(), "code" => record.status.to_string(),
        "program" => program.clone(), "account" => account.clone())
    .increment(1);
    histogram!(DURATION, "route" => route.clone()).record(record.total);
    if let Some(time) = record.first_byte {
        histogram!(FIRST_BYTE, "route" => route.clone()).record(time);
    }
    if record.end != RequestEnd::Complete {
        counter!(BROKEN, "route" => route, "end" => record.end.as_str()).increment(1);
    }
    if let Some(tokens) = details.tokens {
        let model = label_value("model", details.model.as_deref().unwrap_or_default());
        for (kind, count) in [("input", tokens.input), ("cached", tokens.cached), ("output", tokens.output)] {
            counter!(TOKENS, "kind" => kind, "program" => program.clone(), "account" => account.clone(),
                "model" => model.clone())
            .increment(count);
        }
    }
}

/// Returns `name`, or `other` if the label already has [`MAX_NAMES`] other values.
fn label_value(label: &'static str, name: &str) -> String {
    static NAMES: Mutex<BTreeMap<&str, HashSet<String>>> = Mutex::new(BTreeMap::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.entry(label).or_default();
    if !names.contains(name) {
        if names.len() >= MAX_NAMES {
            return OTHER.to_owned();
        }
        names.insert(name.to_owned());
    }
    name.to_owned()
}

/// Counts a panic that was caught.
pub fn panicked() {
    counter!(PANICS).increment(1);
}

pub(super) fn presented(provider_type: &'static str) {
    counter!(PRESENTATIONS, "provider" => provider_type).increment(1);
}

pub(super) fn lease_waited(time: std::time::Duration) {
    histogram!(LEASE_WAIT).record(time);
}

pub(super) fn commit_failed() {
    counter!(COMMIT_RETRIES).increment(1);
}

pub(super) fn account_event(event: &CredentialEvent) {
    let cause = event.cause.map_or("", |cause| cause.as_str());
    counter!(EVENTS, "event" => event.kind.as_str(), "cause" => cause).increment(1);
}

pub(super) fn token_refused() {
    counter!(REFUSED_TOKENS).increment(1);
}

pub(super) fn webhook_failed() {
    counter!(WEBHOOK).increment(1);
}

/// The values of one account's gauges.
pub(super) struct AccountGauges {
    pub(super) name: AccountName,
    pub(super) expires_at: Option<i64>,
    pub(super) circuit_open: bool,
    /// The windows of the plan, with the used part of each; 1.0 is all of it.
    pub(super) windows: Vec<(&'static str, f64)>,
}

pub(super) fn set_states(states: impl IntoIterator<Item = ((&'static str, &'static str), usize)>) {
    for ((provider, state), count) in states {
        gauge!(STATE, "provider" => provider, "state" => state).set(count as f64);
    }
}

pub(super) fn set_account(account: AccountGauges) {
    let name = account.name.to_string();
    if let Some(at) = account.expires_at {
        gauge!(EXPIRES, "account" => name.clone()).set(at as f64);
    }
    gauge!(CIRCUIT_OPEN, "account" => name.clone()).set(if account.circuit_open { 1.0 } else { 0.0 });
    for (window, used) in account.windows {
        gauge!(PLAN, "account" => name.clone(), "window" => window).set(used);
    }
}

pub(super) fn set_unsaved(count: usize) {
    gauge!(JOURNAL).set(count as f64);
}
