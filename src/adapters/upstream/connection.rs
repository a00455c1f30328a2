//! A request's connection to a provider: an HTTP/1.1 connection, or a stream slot on a shared HTTP/2 connection.

use std::{sync::OnceLock, task::Context};

use http_message::{Request, Response};
use hyper::{body::Incoming, client::conn::TrySendError};

use super::{
    http1::Http1Connection,
    http2::StreamSlot,
    message::{self, Payload},
    origin::Origin,
};
use crate::ports::{BodyError, UpstreamError};

pub(super) enum Connection {
    Http1(Http1Connection),
    Http2(StreamSlot),
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
            Self::Http2(slot) => slot.send(message::for_http2(message, origin)).await,
        }
    }

    /// Reads and writes as much as possible without waiting. A shared connection does this in its own task.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Http1(connection) => connection.advance(context),
            Self::Http2(_) => {}
        }
    }
}

/// Returns whether the provider has certainly not processed the request: it refused the stream, or its GOAWAY excludes
/// the stream (RFC 9113 section 8.7). h2 reports a remote GOAWAY only for streams above the frame's last id.
pub(super) fn was_not_processed(error: &hyper::Error) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let error = causes.find_map(|cause| cause.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (is_refused || error.is_go_away())
    })
}

/// Converts hyper's error. A failure of the request body is an error of the caller, not of the provider.
pub(super) fn upstream_error(error: hyper::Error, body_error: &OnceLock<BodyError>) -> UpstreamError {
    match body_error.get() {
        Some(error) => UpstreamError::Body(*error),
        None => UpstreamError::Lost(error.into()),
    }
}
