//! One connection to a provider, moved on by whoever uses it.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
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

use super::{connector::Stream, message::Payload};
use crate::ports::{BodyError, UpstreamError};

/// An HTTP/1.1 connection. Nothing happens on it while nobody polls.
pub(super) struct Connection {
    requests: SendRequest<Payload>,
    wire: Pin<Box<http1::Connection<Stream, Payload>>>,
    is_over: bool,
}

impl Connection {
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (requests, wire) = http1::handshake(stream).await?;
        Ok(Self { requests, wire: Box::pin(wire), is_over: false })
    }

    /// Reads and writes what can be read and written now.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        // How it ended is told where the request's own answer is.
        self.is_over = self.is_over || self.wire.as_mut().poll(context).is_ready();
    }

    /// Whether another request can be sent on it, as far as can be told without waiting.
    pub(super) fn is_free(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        !self.is_over && self.requests.is_ready()
    }

    /// Sends a request, up to the head of its answer.
    pub(super) async fn send(
        &mut self,
        message: Request<Payload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
        let mut answer = pin!(self.requests.try_send_request(message));
        poll_fn(|context| {
            if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            self.is_over = self.is_over || self.wire.as_mut().poll(context).is_ready();
            answer.as_mut().poll(context)
        })
        .await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

/// A body that its sender did not finish is not the provider's fault.
pub(super) fn broken(error: hyper::Error) -> UpstreamError {
    let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    match causes.find_map(|cause| cause.downcast_ref::<BodyError>()) {
        Some(error) => UpstreamError::Body(*error),
        None => UpstreamError::Lost(error.into()),
    }
}
