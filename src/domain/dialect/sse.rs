//! Decodes server-sent events from a stream of bytes in pieces of any length (WHATWG HTML, 9.2.6 "Interpreting an event
//! stream").
//!
//! The stream is divided into frames, each up to and including a blank line. Frames can be forwarded unchanged. A frame
//! within one piece is not copied, and its event borrows from it. Invalid UTF-8 becomes U+FFFD, as the standard
//! requires. A frame without its blank line is discarded.

use std::{borrow::Cow, collections::VecDeque, mem};

use bytes::Bytes;
use memchr::{memchr, memchr2};

/// The maximum length of an event or a line, in bytes. The longest events are finished responses with a long output.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event. The fields `id` and `retry` are ignored, because only reconnecting clients need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `event` field; empty if the event has none.
    pub event: Cow<'a, str>,
    /// The data lines, joined by line feeds.
    pub data: Cow<'a, str>,
}

/// The bytes up to and including a blank line. A frame may have only comments and no event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseFrame {
    pub bytes: Bytes,
    /// Whether this is the first frame of its stream. Only there, a byte order mark is skipped.
    is_first: bool,
}

/// An event is longer than 16 MiB. The rest of the stream cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLong;

impl SseFrame {
    /// Returns the event in the frame; None if it has no data.
    pub fn event(&self) -> Option<SseEvent<'_>> {
        let marked = self.is_first.then(|| self.bytes.strip_prefix(BYTE_ORDER_MARK)).flatten();
        let mut rest = marked.unwrap_or(&self.bytes);
        let (mut event, mut data) = (Cow::Borrowed(""), None);
        // A CRLF counts as two line ends here. The empty line between them sets no field.
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let (line, ended) = rest.split_at(end);
            rest = ended.get(1..).unwrap_or_default();
            // A comment has an empty field name and is ignored.
            let (name, value) = memchr(b':', line).map_or((line, &[][..]), |colon| line.split_at(colon));
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match name {
                b"event" => event = text(value),
                b"data" => data = Some(join_lines(data, text(value))),
                _ => {}
            }
        }
        Some(SseEvent { event, data: data? })
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    // The check is much faster than the lossy conversion, and nearly all text passes it.
    str::from_utf8(bytes).map_or_else(|_invalid| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn join_lines<'a>(before: Option<Cow<'a, str>>, line: Cow<'a, str>) -> Cow<'a, str> {
    let Some(before) = before else { return line };
    let mut joined = before.into_owned();
    joined.push('\n');
    joined.push_str(&line);
    joined.into()
}

/// The decoder of one stream.
#[derive(Debug, Default)]
pub struct SseDecoder {
    /// The bytes of the unfinished frame.
    frame: Vec<u8>,
    /// The length of the unfinished line.
    line_length: usize,
    is_comment: bool,
    /// The length of the unfinished event, without comments.
    event_length: usize,
    /// Whether the first frame has ended.
    has_ended_frame: bool,
    /// Whether the last piece ended with a carriage return. A line feed at the start of the next piece is
    /// part of that line end.
    after_carriage_return: bool,
}

impl SseDecoder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next piece and appends the frames that it completes.
    ///
    /// # Errors
    ///
    /// [`EventTooLong`]. The frames before the long one have been appended.
    pub fn push(&mut self, piece: &Bytes, frames: &mut VecDeque<SseFrame>) -> Result<(), EventTooLong> {
        let mut start = 0;
        let follows = !piece.is_empty() && mem::take(&mut self.after_carriage_return);
        let mut at = usize::from(follows && piece.starts_with(b"\n"));
        while let Some(rest) = piece.get(at..)
            && let Some(length) = memchr2(b'\n', b'\r', rest)
        {
            self.extend_line(rest, length)?;
            at += length
                + match rest.get(length..) {
                    Some([b'\r', b'\n', ..]) => 2,
                    ended => {
                        self.after_carriage_return = ended == Some(b"\r");
                        1
                    }
                };
            if mem::take(&mut self.line_length) == 0 {
                let bytes = piece.slice(start..at);
                let is_first = !mem::replace(&mut self.has_ended_frame, true);
                frames.push_back(SseFrame { bytes: self.end_frame(bytes), is_first });
                start = at;
            }
        }
        let rest = piece.get(at..).unwrap_or_default();
        self.extend_line(rest, rest.len())?;
        self.frame.extend_from_slice(piece.get(start..).unwrap_or_default());
        // Unlike the limit of an event, this one includes comments.
        if self.frame.len() > 2 * MAX_EVENT_BYTES { Err(EventTooLong) } else { Ok(()) }
    }

    /// Adds the first `length` bytes of `rest` to the line.
    fn extend_line(&mut self, rest: &[u8], length: usize) -> Result<(), EventTooLong> {
        if self.line_length == 0 {
            self.is_comment = rest.starts_with(b":");
        }
        self.line_length = self.line_length.saturating_add(length);
        self.event_length = self.event_length.saturating_add(if self.is_comment { 0 } else { length });
        if self.event_length.max(self.line_length) > MAX_EVENT_BYTES { Err(EventTooLong) } else { Ok(()) }
    }

    /// Returns the bytes of the frame that ends with `bytes`.
    fn end_frame(&mut self, bytes: Bytes) -> Bytes {
        self.event_length = 0;
        if self.frame.is_empty() {
            return bytes;
        }
        let mut whole = mem::take(&mut self.frame);
        whole.extend_from_slice(&bytes);
        whole.into()
    }
}
