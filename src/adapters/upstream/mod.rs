//! A provider's API over HTTP/1.1. Bytes pass as they come: nothing is decoded, collected, followed or sent twice.
//!
//! A connection belongs to the request that uses it and moves on in that request's task; between requests it rests
//! (`docs/adr/0014-a-connection-moves-with-its-request.md`).

mod answer;
mod connection;
mod connector;
mod idle_pool;
mod message;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use crate::{
    domain::secret::AccessToken,
    ports::{Clock, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse},
};
use connector::Connector;
use idle_pool::IdlePool;

/// How long it waits for others.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// The longest silence of a provider, before an answer and within one.
    pub silence: Duration,
    /// A connection rests for this long at least, and for twice as long at most; then it is closed.
    pub rest: Duration,
}

impl Default for Timeouts {
    /// The silence that OpenAI's own client bears in a stream. Servers close a idle_pool connection after a minute or more,
    /// and a request that is sent into that moment is lost: here it is closed before.
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
    /// Fails if the system's TLS roots cannot be read. Wants a runtime of tokio around it.
    pub fn new(timeouts: Timeouts, clock: Arc<dyn Clock>) -> Result<Self, rustls::Error> {
        let idle_pool = Arc::<IdlePool>::default();
        idle_pool::sweep_while_used(&idle_pool, timeouts.rest, clock);
        Ok(Self { connector: Connector::new()?, idle_pool, timeouts })
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    async fn send(&self, request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamResponse, UpstreamError> {
        let (origin, mut message) = message::of(request, bearer).map_err(UpstreamError::Unreachable)?;
        loop {
            let rested = self.idle_pool.take(&origin);
            let has_rested = rested.is_some();
            let mut connection = match rested {
                Some(rested) => rested,
                None => self.connector.connect(&origin).await?,
            };
            let sent = timeout(self.timeouts.silence, connection.send(message));
            match sent.await.map_err(|_elapsed| UpstreamError::Silent)? {
                Ok(answer) => return Ok(self.begin(answer, connection, origin)),
                Err(mut failed) => match failed.take_message() {
                    // It was closed while it rested, and not a byte had left: another one sends it for the first time.
                    Some(unsent) if has_rested => message = unsent,
                    _ => return Err(connection::broken(failed.into_error())),
                },
            }
        }
    }
}
