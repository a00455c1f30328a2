//! The response to a request. Its body holds the connection until it has been read.

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
    connection::{Connection, upstream_error},
    idle_pool::{IdlePool, Origin},
};
use crate::ports::{UpstreamError, UpstreamResponse};

/// The body of a response. Reading it polls the connection; dropping it before its end closes the connection.
struct ResponseBody {
    body: Incoming,
    /// None once it is back in the pool or has failed.
    connection: Option<Connection>,
    origin: Origin,
    idle_pool: Arc<IdlePool>,
}

impl HttpUpstream {
    /// Returns the response whose head was read from `connection`.
    pub(super) fn begin(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        origin: Origin,
    ) -> UpstreamResponse {
        let (head, body) = response.into_parts();
        let mut body =
            ResponseBody { body, connection: Some(connection), origin, idle_pool: Arc::clone(&self.idle_pool) };
        body.release_at_end();
        let silence = self.timeouts.silence;
        let pieces = stream::unfold(Some(body), move |body| async move {
            let mut body = body?;
            match timeout(silence, poll_fn(|context| body.poll_piece(context))).await {
                Ok(None) => None,
                Ok(Some(Ok(piece))) => Some((Ok(piece), Some(body))),
                Ok(Some(Err(error))) => Some((Err(error), None)),
                Err(_elapsed) => Some((Err(UpstreamError::Silent), None)),
            }
        });
        // `unfold` panics if polled after its end.
        UpstreamResponse { status: head.status, headers: head.headers, body: Box::pin(pieces.fuse()) }
    }
}

impl ResponseBody {
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
                    // Trailers are dropped.
                    if let Ok(piece) = frame.into_data() {
                        self.release_at_end();
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
                Some(Err(error)) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err(upstream_error(error))));
                }
                None => {
                    self.release();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Releases the connection with the last byte of a body of known length: the reader may not poll again.
    fn release_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }

    /// Returns the connection to the pool.
    fn release(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle_pool.put(&self.origin, connection);
        }
    }
}
