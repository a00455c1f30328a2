//! An HTTP/2 connection, which concurrent requests share.
//!
//! A task of its own drives the connection, so that pings keep it open between requests. The next request then needs no
//! handshake.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_message::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http2::{self, SendRequest},
    },
};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{message::Payload, route::Stream};

/// Maximum number of concurrent requests on a connection. A provider may allow fewer.
const STREAMS: usize = 8;
/// The bytes of a response that a provider may send before the caller reads them. This window allows 100 MiB/s at a
/// round trip of 40 ms. A body that is larger than the window can be slower than over HTTP/1.1 (docs/benchmarks.md).
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Enough for all streams, so that slow callers do not hold up others on the connection.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;
/// Maximum size of a response's header list, in bytes.
const MAX_HEADERS: u32 = 64 * 1024;
/// How long a ping may stay unanswered before the connection counts as lost.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that several requests use at once.
pub(super) struct SharedConnection {
    requests: SendRequest<Payload>,
    /// How many requests at once the provider allows.
    allowed: Arc<AtomicUsize>,
    /// The number of requests that use the connection.
    active: AtomicUsize,
    /// Whether the connection accepts no further request.
    is_retired: AtomicBool,
    /// The number of consecutive sweeps that found the connection idle.
    idle_sweeps: AtomicU32,
}

impl SharedConnection {
    pub(super) async fn over(stream: Stream, ping: Duration) -> hyper::Result<Self> {
        let (requests, mut driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADERS)
            .keep_alive_interval(ping)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake::<Stream, Payload>(stream)
            .await?;
        let allowed = Arc::new(AtomicUsize::new(STREAMS));
        let reported = Arc::clone(&allowed);
        let drive = poll_fn(move |context| {
            let ended = Pin::new(&mut driver).poll(context);
            reported.store(driver.current_max_send_streams(), Ordering::Relaxed);
            ended
        });
        #[expect(clippy::disallowed_methods, reason = "it ends with the connection; requests have their own tasks")]
        tokio::spawn(async move {
            // The requests on the connection report its error.
            if let Err(error) = drive.await {
                tracing::debug!(error = %error, "an HTTP/2 connection ended");
            }
        });
        let (active, is_retired, idle_sweeps) = Default::default();
        Ok(Self { requests, allowed, active, is_retired, idle_sweeps })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.is_retired.load(Ordering::Relaxed) && !self.requests.is_closed()
    }

    /// Counts the sweep if the connection is idle. Returns the number of consecutive idle sweeps before this one.
    pub(super) fn count_idle_sweep(&self) -> u32 {
        let is_idle = self.active.load(Ordering::Relaxed) == 0;
        if is_idle { self.idle_sweeps.fetch_add(1, Ordering::Relaxed) } else { 0 }
    }
}

/// The right of one request to a stream of a shared connection. Dropping the slot frees the stream for another request.
pub(super) struct StreamSlot(Arc<SharedConnection>);

impl StreamSlot {
    /// Returns a slot, unless the connection has its maximum number of requests.
    pub(super) fn on(connection: &Arc<SharedConnection>) -> Option<Self> {
        let limit = STREAMS.min(connection.allowed.load(Ordering::Relaxed));
        let one_more = |active: usize| (active < limit).then_some(active.saturating_add(1));
        connection.active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        connection.idle_sweeps.store(0, Ordering::Relaxed);
        Some(Self(Arc::clone(connection)))
    }

    pub(super) async fn send(
        &self,
        message: Request<Payload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
        self.0.requests.clone().try_send_request(message).await
    }

    /// Excludes the connection from further requests.
    pub(super) fn retire(&self) {
        self.0.is_retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}
