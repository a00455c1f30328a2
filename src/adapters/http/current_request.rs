//! The current request, as a task-local value.
//!
//! Its id is in its log lines, in the response's `X-Request-Id` and in the `instance` of a problem, so that a reported
//! error can be found in the log.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use poem::http::{HeaderMap, HeaderName};

use crate::ports::{Random, RandomError};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

pub(super) struct CurrentRequest {
    pub(super) id: String,
    /// Whether the caller expects errors in OpenAI's form.
    pub(super) speaks_openai: bool,
}

impl CurrentRequest {
    /// Runs `work` with this as the current request.
    pub(super) async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

/// Returns the id of the current request; `None` outside of a request.
pub(super) fn id() -> Option<String> {
    CURRENT.try_with(|current| current.id.clone()).ok()
}

/// Returns whether the caller of the current request expects errors in OpenAI's form.
pub(super) fn speaks_openai() -> bool {
    CURRENT.try_with(|current| current.speaks_openai).unwrap_or(false)
}

/// Whether a foreign id may stand in log lines and headers: 1 to 128 letters, digits, `-`, `_`, `.` and `:`.
fn is_well_formed(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=128).contains(&id.len()) && id.bytes().all(is_plain)
}

/// Makes request ids: 16 hex digits that are unlikely to repeat. They protect nothing, so one random key and a hash for
/// each request are enough.
pub struct RequestIds {
    key: [u8; 16],
    count: AtomicU64,
}

impl RequestIds {
    /// Generates the key.
    ///
    /// # Errors
    ///
    /// Random numbers are unavailable.
    pub fn new(random: &dyn Random) -> Result<Self, RandomError> {
        let mut key = [0; 16];
        random.fill(&mut key)?;
        Ok(Self { key, count: AtomicU64::new(0) })
    }

    /// Returns the id that a request has brought in its `X-Request-Id`, or else the next one.
    pub(super) fn of(&self, headers: &HeaderMap) -> String {
        let brought = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_well_formed(id));
        brought.map_or_else(|| self.next(), str::to_owned)
    }

    /// Returns the next id.
    pub fn next(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (self.key, self.count.fetch_add(1, Ordering::Relaxed)).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}
