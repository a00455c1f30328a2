//! The HTTP/2 connections, which concurrent requests share.
//!
//! Each one is driven by a task of its own, so that pings keep it open between requests: the next turn of an agent then
//! pays for no handshake.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_message::{Request, Response, uri::Scheme};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http2::{self, SendRequest},
    },
};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{
    connection::Connection,
    connector::{Connector, Opened, Stream},
    idle_pool::Origin,
    message::Payload,
};
use crate::ports::{ConnectError, UpstreamError};

/// The most requests at once on one connection. A provider may allow fewer.
const STREAMS: usize = 8;
/// The most connections to one origin. Further requests use HTTP/1.1, so that callers who do not read hold 256 MiB at
/// most.
const CONNECTIONS: usize = 8;
/// What a provider may send of one response before its caller reads it. A large body takes no longer than over
/// HTTP/1.1: 100 MiB/s at a round trip of 40 ms.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Enough for all streams, so that slow callers do not hold up others on the connection.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;
/// Longest list of headers of a response.
const MAX_HEADERS: u32 = 64 * 1024;
/// How long a ping may stay unanswered. The connection then counts as lost.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection for several requests at once.
pub(super) struct SharedConnection {
    requests: SendRequest<Payload>,
    /// How many requests at once the provider allows.
    allowed: Arc<AtomicUsize>,
    /// The requests that use it.
    active: AtomicUsize,
    /// Whether it takes no further request.
    is_retired: AtomicBool,
    /// The sweeps that found it without a request, in a row.
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
        let told = Arc::clone(&allowed);
        let drive = poll_fn(move |context| {
            let ended = Pin::new(&mut driver).poll(context);
            told.store(driver.current_max_send_streams(), Ordering::Relaxed);
            ended
        });
        #[expect(clippy::disallowed_methods, reason = "it ends with the connection; requests have their own tasks")]
        tokio::spawn(async move {
            // The requests on it report its error.
            if let Err(error) = drive.await {
                tracing::debug!(error = %error, "an HTTP/2 connection ended");
            }
        });
        let (active, is_retired, idle_sweeps) = Default::default();
        Ok(Self { requests, allowed, active, is_retired, idle_sweeps })
    }

    fn is_open(&self) -> bool {
        !self.is_retired.load(Ordering::Relaxed) && !self.requests.is_closed()
    }
}

/// A place on a shared connection. Dropping it gives the place back; the stream ends with its response.
pub(super) struct Lease(Arc<SharedConnection>);

impl Lease {
    /// Returns a place, unless all are taken.
    fn on(connection: &Arc<SharedConnection>) -> Option<Self> {
        let most = STREAMS.min(connection.allowed.load(Ordering::Relaxed));
        let is_free = |active: usize| (active < most).then_some(active.saturating_add(1));
        connection.active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_free).ok()?;
        connection.idle_sweeps.store(0, Ordering::Relaxed);
        Some(Self(Arc::clone(connection)))
    }

    pub(super) async fn send(
        &self,
        message: Request<Payload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
        self.0.requests.clone().try_send_request(message).await
    }

    /// Keeps the connection from taking further requests.
    pub(super) fn retire(&self) {
        self.0.is_retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The shared connections by origin. A linear search is enough for a handful of origins.
#[derive(Default)]
pub(super) struct SharedPool(Mutex<Vec<(Origin, Arc<Site>)>>);

/// What is known of one origin.
struct Site {
    connections: Mutex<Vec<Arc<SharedConnection>>>,
    /// Whether the last connection negotiated HTTP/1.1.
    speaks_http1: AtomicBool,
    /// Held while a connection is opened, so that concurrent requests share it.
    opening: tokio::sync::Mutex<Failures>,
    /// The number of failed attempts.
    failures: AtomicUsize,
}

/// The last failure to open a connection, and its number.
type Failures = Option<(usize, ConnectError)>;

impl SharedPool {
    /// Returns a place on an open connection, if there is one.
    pub(super) fn take(&self, origin: &Origin) -> Option<Lease> {
        self.site(origin).take()
    }

    /// Opens a connection. Requests that need one at the same time share it, or its failure; those to a server of
    /// HTTP/1.1 open one each.
    pub(super) async fn connect(&self, origin: &Origin, connector: &Connector) -> Result<Connection, UpstreamError> {
        let site = self.site(origin);
        let seen = site.failures.load(Ordering::Relaxed);
        if site.shares() {
            // An attempt is limited in time.
            let mut last = site.opening.lock().await;
            if let Some(lease) = site.take() {
                return Ok(Connection::Http2(lease));
            }
            match &*last {
                Some((number, error)) if *number > seen => return Err(UpstreamError::Unreachable(error.clone())),
                Some(_) | None => {}
            }
            if site.shares() {
                let opened = site.open(origin, connector).await;
                if let Err(UpstreamError::Unreachable(error)) = &opened {
                    let number = site.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    *last = Some((number, error.clone()));
                }
                return opened;
            }
        }
        site.open(origin, connector).await
    }

    /// Closes the connections that no request has used for `sweeps` sweeps.
    pub(super) fn sweep(&self, sweeps: u32) {
        for (_, site) in self.lock().iter() {
            site.lock().retain(|connection| {
                let is_idle = connection.active.load(Ordering::Relaxed) == 0;
                let idle = if is_idle { connection.idle_sweeps.fetch_add(1, Ordering::Relaxed) } else { 0 };
                connection.is_open() && idle < sweeps
            });
        }
    }

    fn site(&self, origin: &Origin) -> Arc<Site> {
        let mut sites = self.lock();
        if let Some((_, site)) = sites.iter().find(|(known, _)| known == origin) {
            return Arc::clone(site);
        }
        let site = Arc::new(Site {
            connections: Mutex::default(),
            // Without TLS, no version is negotiated.
            speaks_http1: AtomicBool::new(origin.scheme == Scheme::HTTP),
            opening: tokio::sync::Mutex::default(),
            failures: AtomicUsize::default(),
        });
        sites.push((origin.clone(), Arc::clone(&site)));
        site
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Origin, Arc<Site>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site {
    fn take(&self) -> Option<Lease> {
        let mut connections = self.lock();
        connections.retain(|connection| connection.is_open());
        connections.iter().find_map(Lease::on)
    }

    /// Whether the next connection may be a shared one.
    fn shares(&self) -> bool {
        !self.speaks_http1.load(Ordering::Relaxed) && self.lock().len() < CONNECTIONS
    }

    async fn open(&self, origin: &Origin, connector: &Connector) -> Result<Connection, UpstreamError> {
        let has_room = self.lock().len() < CONNECTIONS;
        let opened = connector.connect(origin, has_room).await?;
        if has_room {
            self.speaks_http1.store(matches!(opened, Opened::Http1(_)), Ordering::Relaxed);
        }
        match opened {
            Opened::Http1(connection) => Ok(Connection::Http1(connection)),
            Opened::Http2(connection) => {
                let connection = Arc::new(connection);
                let lease = Lease::on(&connection);
                self.lock().push(connection);
                lease.map(Connection::Http2).ok_or_else(|| UpstreamError::Lost("the provider allows no request".into()))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<SharedConnection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPool").finish_non_exhaustive()
    }
}
