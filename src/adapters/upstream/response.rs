//! A provider's response. Its body holds the connection until the body has been read.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_message::Response;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::{
    HttpUpstream, Pools,
    connection::{Connection, upstream_error},
    origin::Origin,
};
use crate::ports::{BodyError, UpstreamError, UpstreamResponse};

/// The body of a response. Reading it drives its HTTP/1.1 connection. Dropping it early closes that connection, or
/// resets the stream of a shared connection.
struct ResponseBody {
    body: Incoming,
    /// None once the connection is back in the pool or has failed.
    connection: Option<Connection>,
    origin: Origin,
    pools: Arc<Pools>,
    body_error: Arc<OnceLock<BodyError>>,
}

impl HttpUpstream {
    /// Returns the response whose head was read from `connection`.
    pub(super) fn receive(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        origin: Origin,
        body_error: Arc<OnceLock<BodyError>>,
    ) -> UpstreamResponse {
        let (head, body) = response.into_parts();
        let (connection, pools) = (Some(connection), Arc::clone(&self.pools));
        let mut body = ResponseBody { body, connection, origin, pools, body_error };
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
                    return Poll::Ready(Some(Err(upstream_error(error, &self.body_error))));
                }
                None => {
                    self.release();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Releases the connection after the last byte of a body of known length, because the reader may not poll again.
    fn release_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }

    /// Returns the connection to the pool.
    fn release(&mut self) {
        match self.connection.take() {
            Some(Connection::Http1(connection)) => self.pools.idle.put(&self.origin, connection),
            // The slot was dropped, which frees it.
            Some(Connection::Http2(_)) | None => {}
        }
    }
}
