//! A scripted response of a provider's API, with its framing and its end. The fake plays it in memory, the contract
//! suite's servers over TCP.

use std::{collections::VecDeque, future::pending, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use goclaw::ports::{UpstreamError, UpstreamResponse};
use http_message::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;

use super::within;

#[derive(Debug, Clone)]
pub(crate) struct ScriptedResponse {
    /// `None` sends no head, so that only `end` happens.
    pub(crate) status: Option<StatusCode>,
    /// All headers except the framing headers.
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    pub(crate) pieces: Vec<Bytes>,
    /// Whether each piece after the first waits for [`Exchange::send_piece`].
    pub(crate) is_paced: bool,
    pub(crate) end: End,
}

/// How the body's end is marked (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Chunked,
    Length,
    UntilClose,
}

/// What happens after the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// The connection closes before the announced end.
    BreaksOff,
    /// The connection stays idle beyond the caller's timeout.
    Silent,
    /// The connection stays idle, within the caller's timeout.
    Open,
}

impl ScriptedResponse {
    /// Builds a response of one piece with a content length.
    pub(crate) fn whole(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status: Some(status),
            headers: HeaderMap::new(),
            framing: Framing::Length,
            pieces: vec![body.into()],
            is_paced: false,
            end: End::Complete,
        }
    }

    /// Returns all headers, including framing. Unless the end is `Complete`, the content length is one byte too long.
    pub(crate) fn all_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        match self.framing {
            Framing::Chunked => {
                headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            Framing::Length => {
                let length = self.pieces.iter().map(Bytes::len).sum::<usize>() + usize::from(self.end != End::Complete);
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            }
            Framing::UntilClose => {}
        }
        headers
    }

    /// Plays the script in memory, as the result of `Upstream::send`.
    pub(super) async fn play_in_memory(self, exchange: &Arc<Exchange>) -> Result<UpstreamResponse, UpstreamError> {
        let headers = self.all_headers();
        let status = self.status;
        let mut playback = Playback {
            pieces: self.pieces.into(),
            is_paced: self.is_paced,
            end: self.end,
            is_over: false,
            exchange: Arc::clone(exchange),
        };
        // The real adapter reports an unrequested switch of protocols as a lost connection.
        let Some(status) = status.filter(|status| *status != StatusCode::SWITCHING_PROTOCOLS) else {
            return Err(playback.end().await.unwrap_or_else(connection_lost));
        };
        let body = stream::unfold(Some((playback, true)), |state| async move {
            let (mut playback, is_first) = state?;
            match playback.next(is_first).await? {
                Ok(piece) => Some((Ok(piece), Some((playback, false)))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(UpstreamResponse { status, headers, body: Box::pin(body.fuse()) })
    }
}

/// A response in progress. Dropping it before its end counts as a disconnect by the caller.
struct Playback {
    pieces: VecDeque<Bytes>,
    is_paced: bool,
    end: End,
    is_over: bool,
    exchange: Arc<Exchange>,
}

impl Playback {
    async fn next(&mut self, is_first: bool) -> Option<Result<Bytes, UpstreamError>> {
        let Some(piece) = self.pieces.pop_front() else { return self.end().await.map(Err) };
        if self.is_paced && !is_first {
            self.exchange.wait_for_piece().await;
        }
        Some(Ok(piece))
    }

    async fn end(&mut self) -> Option<UpstreamError> {
        let error = match self.end {
            End::Complete => None,
            End::BreaksOff => Some(connection_lost()),
            End::Silent => Some(UpstreamError::Silent),
            End::Open => pending().await,
        };
        self.is_over = true;
        error
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        if !self.is_over {
            self.exchange.note_disconnect();
        }
    }
}

fn connection_lost() -> UpstreamError {
    UpstreamError::Lost("the connection closed before the response was complete".into())
}

/// Synchronizes a test with the provider that plays a script.
#[derive(Debug)]
pub(crate) struct Exchange {
    due_pieces: Semaphore,
    disconnects: Semaphore,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { due_pieces: Semaphore::new(0), disconnects: Semaphore::new(0) }
    }
}

impl Exchange {
    /// Releases the next piece of a paced response.
    pub(crate) fn send_piece(&self) {
        self.due_pieces.add_permits(1);
    }

    pub(crate) async fn wait_for_piece(&self) {
        self.due_pieces.acquire().await.expect("the semaphore is never closed").forget();
    }

    pub(crate) fn note_disconnect(&self) {
        self.disconnects.add_permits(1);
    }

    /// Waits until the provider has noticed that its caller disconnected.
    pub(crate) async fn disconnected(&self) {
        within(self.disconnects.acquire()).await.expect("the semaphore is never closed").forget();
    }
}
