//! The current request, as a task-local value.
//!
//! The request id appears in log lines, in the `X-Request-Id` response header and in the `instance` of a problem, so
//! that a reported error can be found in the log.

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
    pub(super) expects_openai_errors: bool,
}

impl CurrentRequest {
    /// Runs `work` with `self` as the current request.
    pub(super) async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

/// Returns the id of the current request, or `None` outside a request.
pub(super) fn id() -> Option<String> {
    CURRENT.try_with(|current| current.id.clone()).ok()
}

/// Returns whether the caller of the current request expects errors in OpenAI's form.
pub(super) fn expects_openai_errors() -> bool {
    CURRENT.try_with(|current| current.expects_openai_errors).unwrap_or(false)
}

/// Returns whether a caller's id is safe in log lines and headers: 1 to 128 letters, digits, `-`, `_`, `.` and `:`.
fn is_well_formed(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=128).contains(&id.len()) && id.bytes().all(is_plain)
}

/// Generates request ids of 16 hex digits. An id is the hash of a random key and a counter: it is unlikely to repeat,
/// but it is no secret.
pub struct RequestIds {
    key: [u8; 16],
    count: AtomicU64,
}

impl RequestIds {
    /// Generates the random key.
    ///
    /// # Errors
    ///
    /// The source of random numbers fails.
    pub fn new(random: &dyn Random) -> Result<Self, RandomError> {
        let mut key = [0; 16];
        random.fill(&mut key)?;
        Ok(Self { key, count: AtomicU64::new(0) })
    }

    /// Returns the `X-Request-Id` of the request if it is well-formed, or a new id.
    pub(super) fn of(&self, headers: &HeaderMap) -> String {
        let received = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_well_formed(id));
        received.map_or_else(|| self.next(), str::to_owned)
    }

    pub fn next(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (self.key, self.count.fetch_add(1, Ordering::Relaxed)).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}
