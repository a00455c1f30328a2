//! Keeps a silent event stream alive. Proxies and clients close a stream that sends nothing for half a minute, while a
//! model may think for longer.

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
/// The longest end of an event.
const END: usize = 4;

struct Kept {
    body: ByteStream,
    silence: Duration,
    /// The last bytes that were sent.
    tail: Vec<u8>,
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let is_meant = |value: &HeaderValue| value.as_bytes().starts_with(b"text/event-stream");
    headers.get(header::CONTENT_TYPE).is_some_and(is_meant)
}

/// Whether a response is an event stream that is not compressed.
pub(super) fn takes_comments(headers: &HeaderMap) -> bool {
    is_event_stream(headers) && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Adds a comment after each `silence`, between two events only. All other bytes are unchanged. Fused, as a
/// [`ByteStream`] must be.
pub fn kept_alive(body: ByteStream, silence: Duration) -> impl Stream<Item = Result<Bytes, UpstreamError>> + Send {
    let kept = stream::unfold(Kept { body, silence, tail: Vec::new() }, |mut kept| async {
        loop {
            match timeout(kept.silence, kept.body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    kept.note(&bytes);
                    return Some((Ok(bytes), kept));
                }
                Ok(end) => return end.map(|error| (error, kept)),
                Err(_silence) if kept.is_between_events() => return Some((Ok(COMMENT), kept)),
                Err(_silence) => {}
            }
        }
    });
    kept.fuse()
}

impl Kept {
    fn note(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(END)..).unwrap_or_default());
        let surplus = self.tail.len().saturating_sub(END);
        self.tail.drain(..surplus);
    }

    fn is_between_events(&self) -> bool {
        let ends: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
        self.tail.is_empty() || ends.iter().any(|end| self.tail.ends_with(end))
    }
}
