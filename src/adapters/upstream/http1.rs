//! An HTTP/1.1 connection, driven by the task that uses it.

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

use super::{message::Payload, route::Stream};

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

    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        // An error of the connection is ignored here, because reading the response returns it.
        self.is_closed = self.is_closed || self.driver.as_mut().poll(context).is_ready();
    }

    /// Returns whether the connection is open and can send a request. Does not wait.
    pub(super) fn is_ready(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        !self.is_closed && self.requests.is_ready()
    }

    pub(super) async fn send(
        &mut self,
        message: Request<Payload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
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
