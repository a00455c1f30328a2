//! Serves a poem endpoint with an accept loop on hyper-util.
//!
//! poem's own server does not cancel a handler after the caller disconnects, does not set TCP_NODELAY, has no deadline
//! for request headers, and spins when `accept` fails (`docs/adr/0003-own-accept-loop.md`). Here a connection is one
//! future. When it ends, its handlers are dropped.

use std::{
    convert::Infallible,
    future::{Future, pending},
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::future::select_all;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
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
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// The limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time to send the head of a request, on a new or a kept-alive connection.
    pub header_timeout: Duration,
    /// Connections served at a time. Further ones wait in the system's queue.
    pub connections: usize,
    /// Maximum size of a request's head in bytes.
    pub header_bytes: usize,
    /// How long running requests may take after the stop.
    pub drain: Duration,
}

type SharedEndpoint = Arc<BoxEndpoint<'static>>;

/// Pause after `accept` failed, e.g. because no file descriptor is left.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(50);
const MAX_HEADERS: usize = 64;

/// Serves `endpoint` on `listeners` until `stop` is ready. Then closes the listeners, cancels `freed`, and waits for
/// running requests up to the limit.
pub async fn serve(
    listeners: Vec<TcpListener>,
    endpoint: impl Endpoint<Output = Response> + 'static,
    limits: Limits,
    stop: impl Future<Output = ()>,
    freed: CancellationToken,
) {
    let endpoint: SharedEndpoint = Arc::new(endpoint.boxed());
    let (graceful, slots) = (GracefulShutdown::new(), Arc::new(Semaphore::new(limits.connections)));
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let slot = tokio::select! {
            Ok(slot) = Arc::clone(&slots).acquire_owned() => slot,
            () = &mut stop => break,
        };
        let (stream, remote) = tokio::select! {
            accepted = accept_any(&listeners) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    #[expect(clippy::disallowed_methods, reason = "real sockets need real time")]
                    sleep(ACCEPT_BACK_OFF).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let (endpoint, watcher) = (Arc::clone(&endpoint), graceful.watcher());
        connections.spawn(async move {
            serve_connection(stream, remote, endpoint, limits, watcher).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listeners);
    freed.cancel();
    if timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("the shutdown cancelled requests that were still running");
    }
    connections.shutdown().await;
}

async fn accept_any(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    if listeners.is_empty() {
        return pending().await;
    }
    select_all(listeners.iter().map(|listener| Box::pin(listener.accept()))).await.0
}

async fn serve_connection(
    stream: TcpStream,
    remote: SocketAddr,
    endpoint: SharedEndpoint,
    limits: Limits,
    watcher: Watcher,
) {
    // Without it, small events wait for the caller's delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    // hyper's deadline starts with the first byte, so the wait for that byte needs its own.
    if timeout(limits.header_timeout, stream.readable()).await.is_err() {
        return;
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        async move {
            let from = (request, LocalAddr(local.into()), RemoteAddr(remote.into()), Scheme::HTTP);
            Ok::<_, Infallible>(hyper::Response::from(endpoint.get_response(from.into()).await))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes)
        .max_headers(MAX_HEADERS);
    // On an error the caller disconnected or violated the protocol; hyper has already responded if it could.
    let _ = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
}
