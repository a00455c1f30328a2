//! Sends comments in a silent event stream. Proxies and clients may close a stream after half a minute without data,
//! and a model may think for longer.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::http::{HeaderMap, HeaderValue, header};
use tokio::time::timeout;

use crate::ports::{ByteStream, UpstreamError};

/// The silence after which a comment is sent.
pub(super) const SILENCE: Duration = Duration::from_secs(15);
/// A comment, which clients ignore (WHATWG HTML, server-sent events).
const COMMENT: Bytes = Bytes::from_static(b":\n\n");
/// The length of the longest blank line that ends an event, `\r\n\r\n`.
const MAX_END: usize = 4;

struct KeptAlive {
    body: ByteStream,
    silence: Duration,
    /// The last bytes that were sent, at most [`MAX_END`].
    tail: Vec<u8>,
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    // Media types are case-insensitive (RFC 9110 section 8.3.1).
    let essence = |value: &HeaderValue| value.to_str().ok()?.split(';').next().map(|essence| essence.trim().to_owned());
    let essence = headers.get(header::CONTENT_TYPE).and_then(essence);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("text/event-stream"))
}

/// Returns whether comments can be inserted: the response is an event stream and not compressed.
pub(super) fn takes_comments(headers: &HeaderMap) -> bool {
    is_event_stream(headers) && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Inserts a comment between two events whenever `body` sends nothing for `silence`. All other bytes are unchanged. The
/// stream is fused, as a [`ByteStream`] must be.
pub fn kept_alive(body: ByteStream, silence: Duration) -> impl Stream<Item = Result<Bytes, UpstreamError>> + Send {
    let with_comments = stream::unfold(KeptAlive { body, silence, tail: Vec::new() }, |mut state| async {
        loop {
            match timeout(state.silence, state.body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    state.update_tail(&bytes);
                    return Some((Ok(bytes), state));
                }
                Ok(end_or_error) => return end_or_error.map(|error| (error, state)),
                Err(_elapsed) if state.is_between_events() => return Some((Ok(COMMENT), state)),
                Err(_elapsed) => {}
            }
        }
    });
    with_comments.fuse()
}

impl KeptAlive {
    fn update_tail(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(MAX_END)..).unwrap_or_default());
        let surplus = self.tail.len().saturating_sub(MAX_END);
        self.tail.drain(..surplus);
    }

    fn is_between_events(&self) -> bool {
        let ends: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
        self.tail.is_empty() || ends.iter().any(|end| self.tail.ends_with(end))
    }
}
