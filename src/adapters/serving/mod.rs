//! Serves the API and the login callback, each as a poem endpoint, with an accept loop on hyper-util.
//!
//! poem's own server does not cancel a handler after the caller disconnects, does not set TCP_NODELAY, has no deadline
//! for request headers, and spins when `accept` fails (`docs/adr/0003-own-accept-loop.md`). Here each connection is one
//! future that owns its handlers, and [`Limits`] ends a connection whose caller neither reads nor writes.

mod activity;
mod caller_stream;
mod certificate;
mod connections;
mod head_filter;
mod lingering;
mod listener;
mod static_text;
mod watched_body;
mod watched_stream;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Request, StatusCode,
    body::{Body, Incoming},
    header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use poem::{
    Endpoint, EndpointExt, Response,
    endpoint::BoxEndpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use rustls::ServerConfig;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
    time::{Sleep, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use activity::Activity;
pub use activity::ClosableAtLimit;
use caller_stream::CallerStream;
pub use certificate::{InvalidCertificate, ServerCertificate};
use connections::Connections;
use head_filter::HeadFilter;
use lingering::discard;
pub use listener::Listener;
use listener::accept_any;
pub use static_text::StaticText;
use watched_body::{AnyBody, ReceivedBody, SentBody};
pub use watched_body::{ObservedBy, SentObserver};
use watched_stream::WatchedStream;

/// The limits of a server. `http::limits` returns those of the API, and `callback` has those of the login callback.
/// hyper enforces `idle_timeout`; `Connection`, `WatchedStream` and `ReceivedBody` enforce the other timeouts.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time to receive the head of a request, from its first byte; also the time until the first byte of a connection.
    pub header_timeout: Duration,
    /// Time for which a connection can be reused after a response.
    pub idle_timeout: Duration,
    /// Time that a write, or the body of a request, may make no progress.
    pub stall_timeout: Duration,
    /// Time to receive the whole body of a request.
    pub body_timeout: Duration,
    /// Maximum number of connections. At this limit, one that waits for its caller is closed for a new one.
    pub connections: usize,
    /// Maximum number of connections from one address, unless many callers share it.
    pub connections_per_peer: usize,
    /// Maximum size of a request's head in bytes.
    pub header_bytes: usize,
    /// Time that running requests may take after [`Ending::stop`].
    pub drain: Duration,
}

type SharedEndpoint = Arc<BoxEndpoint<'static>>;

/// Pause after `accept` fails, for example because no file descriptor is left.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(50);
/// Interval at which a new connection checks for room while all other connections wait for the gateway.
const ROOM_POLL_INTERVAL: Duration = Duration::from_millis(100);
const MAX_HEADERS: usize = 64;
/// Announces `idle_timeout`, so that clients do not send a request on a connection that is being closed (RFC 2068,
/// section 19.7.1).
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// Time that an idle connection stays open after the announced time. A request that was sent within that time may still
/// be on its way.
const IDLE_GRACE: Duration = Duration::from_secs(2);

/// The signals of a shutdown, between a server and the caller of [`serve`].
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Cancelled by the caller: the server accepts no further connections and waits for running requests.
    pub stop: CancellationToken,
    /// Cancelled by the server when the ports are free.
    pub freed: CancellationToken,
    /// Cancelled by the caller: the server stops waiting for running requests.
    pub hurry: CancellationToken,
    /// Cancelled by the server when it stops waiting. Event streams then send a final error event.
    pub cut: CancellationToken,
}

/// Time that event streams have to send their final event after [`Ending::cut`].
const FINAL_EVENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves `endpoint` on `listeners` until `ending.stop` is cancelled. Then closes the listeners and waits for running
/// requests, at most `limits.drain`. `is_shared` returns whether many callers share an address.
pub async fn serve(
    listeners: Vec<Listener>,
    endpoint: impl Endpoint<Output = Response> + 'static,
    limits: Limits,
    is_shared: impl Fn(IpAddr) -> bool,
    ending: Ending,
) {
    let endpoint: SharedEndpoint = Arc::new(endpoint.boxed());
    let (graceful, mut tasks) = (GracefulShutdown::new(), JoinSet::new());
    let mut open = Connections::new(limits.connections, limits.connections_per_peer);
    let mut stop = pin!(ending.stop.cancelled());
    'serving: loop {
        let accepted = tokio::select! {
            accepted = accept_any(&listeners) => accepted,
            Some(ended) = tasks.join_next_with_id() => {
                open.remove(task_of(&ended));
                continue;
            }
            () = &mut stop => break,
        };
        let Ok((stream, remote, tls)) = accepted.inspect_err(|error| {
            tracing::warn!(error = %error, "a connection could not be accepted");
        }) else {
            timer(ACCEPT_BACK_OFF).await;
            continue;
        };
        let peer = remote.ip().to_canonical();
        if !is_shared(peer) && !open.make_room_for(peer) {
            continue;
        }
        while !open.make_room() {
            tokio::select! {
                Some(ended) = tasks.join_next_with_id() => open.remove(task_of(&ended)),
                () = timer(ROOM_POLL_INTERVAL) => {}
                () = &mut stop => break 'serving,
            }
        }
        let activity = Arc::new(Activity::default());
        activity.note_progress();
        let connection =
            Connection { stream, remote, tls, endpoint: Arc::clone(&endpoint), activity: Arc::clone(&activity) };
        let task = tasks.spawn(connection.serve(limits, graceful.watcher()));
        open.add(peer, activity, task);
    }
    drop(listeners);
    ending.freed.cancel();
    let mut drained = pin!(graceful.shutdown());
    tokio::select! {
        () = &mut drained => {}
        () = async { tokio::select! { () = timer(limits.drain) => {} () = ending.hurry.cancelled() => {} } } => {
            tracing::warn!("the shutdown ends requests that are still running");
            ending.cut.cancel();
            // Responses that do not end in this time are cut off.
            let _ = timeout(FINAL_EVENT_TIMEOUT, drained).await;
        }
    }
    tasks.shutdown().await;
}

fn task_of(ended: &Result<(Id, ()), JoinError>) -> Id {
    ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id)
}

#[expect(clippy::disallowed_methods, reason = "real sockets need real time")]
fn timer(time: Duration) -> Pin<Box<Sleep>> {
    Box::pin(sleep(time))
}

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    endpoint: SharedEndpoint,
    activity: Arc<Activity>,
}

impl Connection {
    async fn serve(self, limits: Limits, watcher: Watcher) {
        let Self { stream, remote, tls, endpoint, activity } = self;
        let scheme = if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        // Disable Nagle's algorithm, with which small events would wait for the caller's delayed ACKs.
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return };
        let Ok(Ok(stream)) = timeout(limits.header_timeout, CallerStream::open(stream, tls)).await else { return };
        let head_filter = Arc::new(HeadFilter::new(limits.header_bytes));
        let stream = WatchedStream::new(stream, Arc::clone(&activity), limits, Arc::clone(&head_filter));
        let keep_alive = HeaderValue::try_from(format!("timeout={}", limits.idle_timeout.as_secs()));
        let keep_alive = keep_alive.unwrap_or_else(|_invalid| HeaderValue::from_static("timeout=0"));
        let (unread, unread_bodies) = mpsc::channel(1);
        let service = service_fn(move |request: Request<Incoming>| {
            let (endpoint, activity, keep_alive) = (Arc::clone(&endpoint), Arc::clone(&activity), keep_alive.clone());
            let (scheme, unread) = (scheme.clone(), unread.clone());
            let is_last = head_filter.end_head(request.body().size_hint().exact());
            async move {
                let response = if has_unambiguous_framing(request.headers()) {
                    let parts = (request, LocalAddr(local.into()), RemoteAddr(remote.into()), scheme);
                    endpoint.get_response(watch_body(parts.into(), &activity, limits, unread)).await
                } else {
                    StatusCode::BAD_REQUEST.into()
                };
                let mut response = hyper::Response::<AnyBody>::from(response);
                // The rest of an unread body may follow, and no other request before it (RFC 9112, section 9.6).
                if is_last || !activity.is_answering() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                } else if !response.headers().contains_key(CONNECTION) {
                    response.headers_mut().insert(KEEP_ALIVE, keep_alive.clone());
                }
                if response.extensions_mut().remove::<ClosableAtLimit>().is_some() {
                    activity.note_closable_response();
                }
                Ok::<_, Infallible>(SentBody::of(response, activity))
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // hyper counts the time between two requests too, so `WatchedStream` limits the time for the head.
            .header_read_timeout(limits.idle_timeout + IDLE_GRACE)
            .max_buf_size(limits.header_bytes)
            .max_headers(MAX_HEADERS);
        // An error means that the caller disconnected or violated HTTP. hyper has responded if it could.
        let connection = watcher.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            biased;
            _ = connection => {}
            () = discard(unread_bodies) => {}
        }
    }
}

/// Returns whether `Transfer-Encoding` is absent or exactly `chunked`. hyper also accepts other codings before
/// `chunked`, and `chunked` more than once. Other servers parse these differently (RFC 9112, section 6.1).
fn has_unambiguous_framing(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_none_or(is_chunked) && codings.next().is_none()
}

/// Limits the time for the request's body, and reports to `activity` when the request is complete.
fn watch_body(
    mut request: poem::Request,
    activity: &Arc<Activity>,
    limits: Limits,
    unread: mpsc::Sender<AnyBody>,
) -> poem::Request {
    let body = request.take_body();
    if body.is_empty() {
        activity.note_request();
        return request;
    }
    let body = ReceivedBody::new(body.into(), Arc::clone(activity), limits, unread);
    request.set_body(poem::Body::from(AnyBody::new(body)));
    request
}
