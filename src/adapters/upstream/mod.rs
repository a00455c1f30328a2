//! Calls a provider's API over HTTP/2 or HTTP/1.1. Streams bodies unchanged and follows no redirects. Sends a request
//! again only if the provider has not processed it.
//!
//! An HTTP/1.1 connection belongs to the request that uses it and is polled in that request's task. Between requests it
//! is in the idle pool (`docs/adr/0014-a-connection-in-its-requests-task.md`). An HTTP/2 connection is shared and
//! stays open (`docs/adr/0017-http-2-and-outbound-proxies-on-hyper.md`).

mod connection;
mod connector;
mod http1;
mod http2;
mod idle_pool;
mod message;
mod origin;
mod response;
mod route;
mod shared_pool;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http_message::StatusCode;
use tokio::time::timeout;

use crate::{
    adapters::outbound::Outbound,
    domain::secret::AccessToken,
    ports::{Clock, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse},
};
use connection::{Connection, upstream_error, was_not_processed};
use connector::Connector;
use idle_pool::IdlePool;
use message::Outgoing;
use origin::Origin;
use shared_pool::SharedPool;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long the adapter waits for a provider and keeps idle connections.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Longest wait for the next bytes of a response, its head included.
    pub silence: Duration,
    /// Idle HTTP/1.1 connections are closed after this time at the earliest, and twice this time at the latest.
    pub idle_http1: Duration,
    /// Idle HTTP/2 connections are closed after about this time. Pings keep them open until then.
    pub idle_http2: Duration,
    /// The pause between two pings on an HTTP/2 connection.
    pub ping: Duration,
}

impl Default for Timeouts {
    /// OpenAI's own client waits 300 s within a stream. Servers close idle connections after a minute or more, and a
    /// request sent at that moment is lost, so this adapter closes idle HTTP/1.1 connections earlier. An HTTP/2 server
    /// reports which requests it has not processed. Many middleboxes drop a silent connection after a minute or less,
    /// so pings are more frequent.
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(300),
            idle_http1: Duration::from_secs(25),
            idle_http2: Duration::from_secs(10 * 60),
            ping: Duration::from_secs(20),
        }
    }
}

#[derive(Debug)]
pub struct HttpUpstream {
    connector: Connector,
    pools: Arc<Pools>,
    timeouts: Timeouts,
}

/// The open connections that further requests can use.
#[derive(Debug, Default)]
struct Pools {
    idle: IdlePool,
    shared: SharedPool,
}

impl HttpUpstream {
    /// Creates the adapter. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address or the credentials of a proxy are not valid in an HTTP request.
    pub fn new(outbound: &Outbound, timeouts: Timeouts, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let pools = Arc::<Pools>::default();
        sweep_while_used(&pools, timeouts, clock);
        Ok(Self { connector: Connector::new(outbound, timeouts.ping)?, pools, timeouts })
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    #[tracing::instrument(level = "debug", name = "upstream.send", skip_all, fields(method = %request.method))]
    async fn send(&self, request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamResponse, UpstreamError> {
        let Outgoing { origin, mut message, body_error } =
            message::of(request, &self.connector.proxies, bearer).map_err(UpstreamError::Unsendable)?;
        loop {
            let (mut connection, is_pooled) = self.connection(&origin).await?;
            let copy =
                if is_pooled && matches!(connection, Connection::Http2(_)) { message::copy(&message) } else { None };
            let sent = timeout(self.timeouts.silence, connection.send(message, &origin));
            match sent.await.map_err(|_elapsed| UpstreamError::Silent)? {
                // The gateway requests no upgrade, and bytes after this response are not HTTP (RFC 9110 section 7.8).
                Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(UpstreamError::Lost("the provider switched to another protocol".into()));
                }
                Ok(response) => return Ok(self.receive(response, connection, origin, body_error)),
                Err(mut failed) => {
                    let unsent = failed.take_message();
                    let error = failed.into_error();
                    let is_refused = was_not_processed(&error);
                    if let Connection::Http2(slot) = &connection
                        && (is_refused || unsent.is_some())
                    {
                        slot.retire();
                    }
                    match unsent.or(copy.filter(|_| is_refused)) {
                        // The provider has not processed the request: retry on another connection.
                        Some(unsent) if is_pooled => message = unsent,
                        _ => return Err(upstream_error(error, &body_error)),
                    }
                }
            }
        }
    }
}

impl HttpUpstream {
    /// Returns a connection, and whether it comes from a pool.
    async fn connection(&self, origin: &Origin) -> Result<(Connection, bool), UpstreamError> {
        if let Some(slot) = self.pools.shared.take(origin) {
            return Ok((Connection::Http2(slot), true));
        }
        if let Some(connection) = self.pools.idle.take(origin) {
            return Ok((Connection::Http1(connection), true));
        }
        Ok((self.pools.shared.connect(origin, &self.connector).await?, false))
    }
}

/// Sweeps the pools until they are dropped.
fn sweep_while_used(pools: &Arc<Pools>, timeouts: Timeouts, clock: Arc<dyn Clock>) {
    let pools = Arc::downgrade(pools);
    let sweeps = timeouts.idle_http2.as_millis().checked_div(timeouts.idle_http1.as_millis()).unwrap_or_default();
    let sweeps = u32::try_from(sweeps).unwrap_or(u32::MAX);
    #[expect(clippy::disallowed_methods, reason = "ends with the pools; a shutdown need not wait for it")]
    tokio::spawn(async move {
        loop {
            clock.sleep(timeouts.idle_http1).await;
            let Some(pools) = pools.upgrade() else { return };
            pools.idle.sweep();
            pools.shared.sweep(sweeps);
        }
    });
}
