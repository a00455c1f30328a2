//! What is known of the request that is being worked on, wherever it is worked on.
//!
//! Its name stands in its log lines, in the answer's `X-Request-Id`, and as `instance` of a problem, so that a caller's
//! complaint leads to the line in the log.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

pub(super) struct CurrentRequest {
    pub(super) id: String,
    /// Whether its caller expects errors in OpenAI's form.
    pub(super) speaks_openai: bool,
}

impl CurrentRequest {
    /// Does `work` for this request.
    pub(super) async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

/// The name of the request that is being worked on; None outside of one.
pub(super) fn id() -> Option<String> {
    CURRENT.try_with(|current| current.id.clone()).ok()
}

/// Whether the caller of the request that is being worked on expects errors in OpenAI's form.
pub(super) fn speaks_openai() -> bool {
    CURRENT.try_with(|current| current.speaks_openai).unwrap_or(false)
}

/// Makes names: 16 hex digits, unlikely to meet again, meaning nothing. They protect nothing, so a hash will do.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    key: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    pub(super) fn next(&self) -> String {
        format!("{:016x}", self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed)))
    }
}
