//! A provider's API over HTTP/1.1. Streams bodies unchanged, follows no redirects and sends no request twice.
//!
//! A connection belongs to the request that uses it and is polled in that request's task. Between requests it is in the
//! idle pool (`docs/adr/0014-a-connection-moves-with-its-request.md`).

mod connection;
mod connector;
mod idle_pool;
mod message;
mod response;
mod route;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http_message::StatusCode;
use tokio::time::timeout;

use crate::{
    adapters::outbound::Outbound,
    domain::secret::AccessToken,
    ports::{Clock, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse},
};
use connector::Connector;
use idle_pool::IdlePool;

/// How long the adapter waits for a provider and keeps idle connections.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Longest wait for the next bytes of a response, its head included.
    pub silence: Duration,
    /// Idle connections are closed after this time at the earliest, and twice this time at the latest.
    pub rest: Duration,
}

impl Default for Timeouts {
    /// OpenAI's own client waits 300 s within a stream. Servers close idle connections after a minute or more, and a
    /// request sent at that moment is lost, so this adapter closes them earlier.
    fn default() -> Self {
        Self { silence: Duration::from_secs(300), rest: Duration::from_secs(25) }
    }
}

#[derive(Debug)]
pub struct HttpUpstream {
    connector: Connector,
    idle_pool: Arc<IdlePool>,
    timeouts: Timeouts,
}

impl HttpUpstream {
    /// Creates the adapter. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address or the credentials of a proxy cannot be sent.
    pub fn new(
        outbound: &Outbound,
        timeouts: Timeouts,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let idle_pool = Arc::<IdlePool>::default();
        idle_pool::sweep_while_used(&idle_pool, timeouts.rest, clock);
        Ok(Self { connector: Connector::new(outbound)?, idle_pool, timeouts })
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    #[tracing::instrument(level = "debug", name = "upstream.send", skip_all, fields(method = %request.method))]
    async fn send(&self, request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamResponse, UpstreamError> {
        let (origin, mut message) = message::of(request, &self.connector, bearer).map_err(UpstreamError::Unsendable)?;
        loop {
            let pooled = self.idle_pool.take(&origin);
            let is_pooled = pooled.is_some();
            let mut connection = match pooled {
                Some(connection) => connection,
                None => self.connector.connect(&origin).await?,
            };
            let sent = timeout(self.timeouts.silence, connection.send(message));
            match sent.await.map_err(|_elapsed| UpstreamError::Silent)? {
                // Nobody has asked for that, and what follows would be no HTTP (RFC 9110 section 7.8).
                Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(UpstreamError::Lost("the provider switched to another protocol".into()));
                }
                Ok(response) => return Ok(self.begin(response, connection, origin)),
                Err(mut failed) => match failed.take_message() {
                    // The pooled connection was stale and nothing was sent; retry on a new one.
                    Some(unsent) if is_pooled => message = unsent,
                    _ => return Err(connection::upstream_error(failed.into_error())),
                },
            }
        }
    }
}
