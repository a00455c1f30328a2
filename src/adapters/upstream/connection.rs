//! A connection to a provider: one of HTTP/1.1, driven by the task that uses it, or a place on a shared one of HTTP/2.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::OnceLock,
    task::{Context, Poll, Waker},
};

use http_message::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
};

use super::{
    connector::Stream,
    idle_pool::Origin,
    message::{self, Payload},
    shared::Lease,
};
use crate::ports::{BodyError, UpstreamError};

pub(super) enum Connection {
    Http1(Http1Connection),
    Http2(Lease),
}

impl Connection {
    /// Sends a request and returns the response once its head is read.
    pub(super) async fn send(
        &mut self,
        message: Request<Payload>,
        origin: &Origin,
    ) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
        match self {
            Self::Http1(connection) => connection.send(message::for_http1(message, origin)).await,
            Self::Http2(lease) => lease.send(message::for_http2(message, origin)).await,
        }
    }

    /// Reads and writes as much as possible without waiting. A shared connection does so in its own task.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Http1(connection) => connection.advance(context),
            Self::Http2(_) => {}
        }
    }
}

/// An HTTP/1.1 connection. It makes progress only while it is polled.
pub(super) struct Http1Connection {
    requests: SendRequest<Payload>,
    driver: Pin<Box<http1::Connection<Stream, Payload>>>,
    is_closed: bool,
}

impl Http1Connection {
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (requests, driver) = http1::handshake(stream).await?;
        Ok(Self { requests, driver: Box::pin(driver), is_closed: false })
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        // The response reports the connection's error, so it is ignored here.
        self.is_closed = self.is_closed || self.driver.as_mut().poll(context).is_ready();
    }

    /// Whether the connection is open and can send a request, checked without waiting.
    pub(super) fn is_ready(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        !self.is_closed && self.requests.is_ready()
    }

    async fn send(&mut self, message: Request<Payload>) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
        let mut response = pin!(self.requests.try_send_request(message));
        poll_fn(|context| {
            if let Poll::Ready(response) = response.as_mut().poll(context) {
                return Poll::Ready(response);
            }
            self.is_closed = self.is_closed || self.driver.as_mut().poll(context).is_ready();
            response.as_mut().poll(context)
        })
        .await
    }
}

impl fmt::Debug for Http1Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1Connection").field("is_closed", &self.is_closed).finish_non_exhaustive()
    }
}

/// Whether the provider has not processed a request: it refused the stream, or had sent a GOAWAY before it (RFC 9113
/// section 8.7). h2 reports a GOAWAY of the other side only for streams above the last one that it names.
pub(super) fn was_not_processed(error: &hyper::Error) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let error = causes.find_map(|cause| cause.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (is_refused || error.is_go_away())
    })
}

/// Converts hyper's error. A failure of the request body is the caller's, not the provider's.
pub(super) fn upstream_error(error: hyper::Error, body_error: &OnceLock<BodyError>) -> UpstreamError {
    match body_error.get() {
        Some(error) => UpstreamError::Body(*error),
        None => UpstreamError::Lost(error.into()),
    }
}
