//! A name for each request: in its log lines, in the answer's `X-Request-Id`, and as `instance` of a problem, so that a
//! caller's complaint leads to the line in the log.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use poem::{
    Endpoint, Request, Response,
    http::{HeaderName, HeaderValue},
};
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The name of the request that is being worked on; None outside of one.
pub(super) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Makes names: 16 hex digits, unlikely to meet again, meaning nothing. They protect nothing, so a hash will do.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    key: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> String {
        format!("{:016x}", self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Gives a request its name.
pub(super) async fn named<E: Endpoint<Output = Response>>(
    ids: Arc<RequestIds>,
    routes: Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    let id = ids.next();
    // The path without its query: what a caller puts there by mistake stays out of the log.
    let span = tracing::info_span!(
        "http.request", request.id = id, method = %request.method(), path = request.uri().path()
    );
    let header = HeaderValue::from_str(&id);
    let mut answer = CURRENT.scope(id, routes.call(request)).instrument(span).await?;
    if let Ok(id) = header {
        answer.headers_mut().insert(HEADER, id);
    }
    Ok(answer)
}
