//! A provider's API over HTTP/1.1. Bytes pass as they come: nothing is decoded, collected, followed or sent twice.
//!
//! A connection belongs to the request that uses it and moves on in that request's task; between requests it rests
//! (`docs/adr/0014-a-connection-moves-with-its-request.md`).

mod answer;
mod connection;
mod dial;
mod message;
mod resting;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use crate::{
    domain::secret::AccessToken,
    ports::{Upstream, UpstreamAnswer, UpstreamError, UpstreamRequest},
};
use dial::Dial;
use resting::Resting;

/// How long it waits for others.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The longest silence of a provider, before an answer and within one.
    pub silence: Duration,
    /// A connection rests for this long at least, and for twice as long at most; then it is closed.
    pub rest: Duration,
}

impl Default for Patience {
    /// The silence that OpenAI's own client bears in a stream. Servers close a resting connection after a minute or more,
    /// and a request that is sent into that moment is lost: here it is closed before.
    fn default() -> Self {
        Self { silence: Duration::from_secs(300), rest: Duration::from_secs(25) }
    }
}

#[derive(Debug)]
pub struct HttpUpstream {
    dial: Dial,
    resting: Arc<Resting>,
    patience: Patience,
}

impl HttpUpstream {
    /// Fails if the system's TLS roots cannot be read. Wants a runtime of tokio around it.
    pub fn new(patience: Patience) -> Result<Self, rustls::Error> {
        let resting = Arc::<Resting>::default();
        resting::sweep_while_used(&resting, patience.rest);
        Ok(Self { dial: Dial::new()?, resting, patience })
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    async fn send(&self, request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamAnswer, UpstreamError> {
        let (origin, mut message) = message::of(request, bearer).map_err(UpstreamError::Unreachable)?;
        loop {
            let rested = self.resting.take(&origin);
            let has_rested = rested.is_some();
            let mut connection = match rested {
                Some(rested) => rested,
                None => self.dial.connect(&origin).await?,
            };
            let sent = timeout(self.patience.silence, connection.send(message));
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
