//! Records requests when their response has ended or their caller has disconnected. `app/requests` writes a record to
//! the access log and stores it for `GET /v1/requests`.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use poem::{
    Request,
    http::{HeaderMap, Method},
};

use super::{ApiState, paths, running_limit::RunningSlot};
use crate::{
    adapters::serving::SentObserver,
    app::{InFlight, Requests, RunningRequest},
    domain::{
        request_record::{RequestEnd, RequestRecord},
        time::Timestamp,
    },
};

/// The recorded status if the caller disconnects before the response begins; nginx uses the same number.
const CALLER_LEFT: u16 = 499;

/// The values of `Recording::end`; 0 while the end of the response was not observed.
const COMPLETE: u8 = 1;
const BROKEN: u8 = 2;

/// A request in progress. Dropping the last reference records it.
pub(super) struct Recording {
    requests: Arc<Requests>,
    pub(super) running: RunningRequest,
    id: String,
    trace_id: Option<String>,
    at: Timestamp,
    started: Instant,
    method: &'static str,
    route: String,
    status: AtomicU16,
    first_byte: OnceLock<Duration>,
    sent_bytes: AtomicU64,
    end: AtomicU8,
    /// The place of a program's request.
    slot: OnceLock<RunningSlot>,
    _in_flight: InFlight,
}

impl Recording {
    #[expect(clippy::disallowed_methods, reason = "the clock of the core counts milliseconds")]
    pub(super) fn begin(state: &ApiState, id: &str, request: &Request) -> Arc<Self> {
        let requests = &state.app.requests;
        Arc::new(Self {
            requests: Arc::clone(requests),
            running: RunningRequest::default(),
            id: id.to_owned(),
            trace_id: trace_id(request.headers()).map(str::to_owned),
            at: requests.now(),
            started: Instant::now(),
            method: known_method(request.method()),
            route: state.operations.route_of(request.uri().path()).to_owned(),
            status: AtomicU16::new(CALLER_LEFT),
            first_byte: OnceLock::new(),
            sent_bytes: AtomicU64::new(0),
            end: AtomicU8::new(0),
            slot: OnceLock::new(),
            _in_flight: InFlight::begin(),
        })
    }

    pub(super) fn set_status(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
        // A response to HEAD has no body whose end could be observed.
        if self.method == Method::HEAD.as_str() {
            self.end.store(COMPLETE, Ordering::Relaxed);
        }
    }

    /// Holds the place of the request until its response has been sent.
    pub(super) fn hold(&self, slot: Option<RunningSlot>) {
        if let Some(slot) = slot {
            self.slot.get_or_init(|| slot);
        }
    }
}

impl SentObserver for Recording {
    fn sent(&self, bytes: usize) {
        self.first_byte.get_or_init(|| self.started.elapsed());
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn ended(&self, is_complete: bool) {
        self.end.store(if is_complete { COMPLETE } else { BROKEN }, Ordering::Relaxed);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let end = match *self.end.get_mut() {
            COMPLETE => RequestEnd::Complete,
            BROKEN => RequestEnd::Broken,
            _ => RequestEnd::CallerLeft,
        };
        // Do not record successful reads of the records: a client that polls would fill them with its own requests.
        if self.route == paths::REQUESTS && *self.status.get_mut() < 400 {
            return;
        }
        self.requests.record(RequestRecord {
            id: std::mem::take(&mut self.id),
            trace_id: self.trace_id.take(),
            at: self.at,
            method: self.method.to_owned(),
            route: std::mem::take(&mut self.route),
            status: *self.status.get_mut(),
            end,
            details: self.running.details(),
            first_byte: self.first_byte.get().copied(),
            total: self.started.elapsed(),
            sent_bytes: *self.sent_bytes.get_mut(),
        });
    }
}

/// Returns the name of a registered method, or `OTHER`. A method may be any token, and callers without a valid token
/// must not add values to the labels of metrics, which are never removed from memory.
pub(super) fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "OTHER",
    }
}

/// Returns the trace id of a `traceparent` header of version 00 (W3C Trace Context, section 3.2).
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let fields: Vec<&str> = headers.get("traceparent")?.to_str().ok()?.split('-').collect();
    let [version, trace, parent, flags] = *fields.as_slice() else { return None };
    let is_id = |field: &str, length: usize| {
        let is_hex = field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        field.len() == length && is_hex && field.bytes().any(|byte| byte != b'0')
    };
    (version == "00" && is_id(trace, 32) && is_id(parent, 16) && flags.len() == 2).then_some(trace)
}
