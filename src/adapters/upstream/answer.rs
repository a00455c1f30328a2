//! The answer to a request: its head, and its body with the connection that it comes over.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_message::Response;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::{
    HttpUpstream,
    connection::{Connection, broken},
    idle_pool::{IdlePool, Origin},
};
use crate::ports::{UpstreamError, UpstreamResponse};

/// A body that is read by moving its connection on. Dropped before its end, it closes the connection.
struct Arriving {
    body: Incoming,
    /// None once it rests again, or is lost.
    connection: Option<Connection>,
    origin: Origin,
    idle_pool: Arc<IdlePool>,
}

impl HttpUpstream {
    /// The answer whose head has come over `connection`.
    pub(super) fn begin(&self, answer: Response<Incoming>, connection: Connection, origin: Origin) -> UpstreamResponse {
        let (head, body) = answer.into_parts();
        let mut arriving =
            Arriving { body, connection: Some(connection), origin, idle_pool: Arc::clone(&self.idle_pool) };
        arriving.rest_at_end();
        let silence = self.timeouts.silence;
        let pieces = stream::unfold(Some(arriving), move |arriving| async move {
            let mut arriving = arriving?;
            match timeout(silence, poll_fn(|context| arriving.poll_piece(context))).await {
                Ok(None) => None,
                Ok(Some(Ok(piece))) => Some((Ok(piece), Some(arriving))),
                Ok(Some(Err(error))) => Some((Err(error), None)),
                Err(_elapsed) => Some((Err(UpstreamError::Silent), None)),
            }
        });
        // `unfold` panics when it is polled after its end.
        UpstreamResponse { status: head.status, headers: head.headers, body: Box::pin(pieces.fuse()) }
    }
}

impl Arriving {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    if let Some(connection) = &mut self.connection {
                        connection.advance(context);
                    }
                    ready!(Pin::new(&mut self.body).poll_frame(context))
                }
            };
            match frame {
                Some(Ok(frame)) => {
                    // Trailers are nothing for a caller.
                    if let Ok(piece) = frame.into_data() {
                        self.rest_at_end();
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
                Some(Err(error)) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err(broken(error))));
                }
                None => {
                    self.rest();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// A body of a known length is at its end with its last byte, and nobody may ask for more.
    fn rest_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.rest();
        }
    }

    fn rest(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle_pool.put(&self.origin, connection);
        }
    }
}
