//! Decodes server-sent events from a stream of bytes, however it is cut into pieces (WHATWG HTML, 9.2.6 "Interpreting
//! an event stream").
//!
//! Each byte is read once and copied at most three times: a line that is cut between pieces is kept in `line`, the data
//! of an event in `data`, and all bytes of a frame in `frame`, so that they can be passed on unchanged. Bytes that are
//! not UTF-8 become U+FFFD, as the standard requires. An event without its final blank line is discarded.

use std::mem;

/// The maximum length of an event or a line, in bytes. The longest events are finished responses with a long output.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event. The fields `id` and `retry` are dropped, because only reconnecting clients need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The type of the event; empty if the stream has none.
    pub event: String,
    /// The data lines, joined by line feeds.
    pub data: String,
}

/// The bytes up to a blank line, with the event that they hold. Comments are frames without an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseFrame {
    pub bytes: Vec<u8>,
    pub event: Option<SseEvent>,
}

/// An event is longer than 16 MiB. The stream cannot be decoded further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLong;

/// The decoder of one stream.
#[derive(Debug, Default)]
pub struct SseDecoder {
    /// The beginning of an unfinished line.
    line: Vec<u8>,
    /// All bytes of the unfinished frame.
    frame: Vec<u8>,
    event: String,
    /// The data lines so far, each with a line feed.
    data: String,
    /// Whether a line has ended. Only the first line may begin with a byte order mark.
    has_begun: bool,
    /// Whether the last piece ended in a carriage return. A line feed at the start of the next piece belongs to it.
    after_carriage_return: bool,
}

impl SseDecoder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next piece and returns the frames that it completes.
    ///
    /// # Errors
    ///
    /// [`EventTooLong`]. Frames that the same piece completed earlier are lost.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<SseFrame>, EventTooLong> {
        let mut frames = Vec::new();
        let mut rest = piece;
        if !rest.is_empty() && mem::take(&mut self.after_carriage_return) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        // The bytes that are not in `frame` yet.
        let mut uncopied = piece;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, ended) = rest.split_at(end);
            self.check_length(line)?;
            let is_blank = self.end_line(line);
            rest = match ended {
                [b'\r', b'\n', after @ ..] => after,
                [b'\r'] => {
                    self.after_carriage_return = true;
                    &[]
                }
                [_, after @ ..] => after,
                [] => &[],
            };
            if is_blank {
                let (of_frame, after) = uncopied.split_at(uncopied.len() - rest.len());
                self.frame.extend_from_slice(of_frame);
                uncopied = after;
                frames.push(SseFrame { bytes: mem::take(&mut self.frame), event: self.dispatch() });
            }
        }
        self.check_length(rest)?;
        self.line.extend_from_slice(rest);
        self.frame.extend_from_slice(uncopied);
        Ok(frames)
    }

    fn check_length(&self, more: &[u8]) -> Result<(), EventTooLong> {
        let length = self.line.len().saturating_add(more.len()).saturating_add(self.data.len());
        // Comments count too.
        let is_too_long = length > MAX_EVENT_BYTES || self.frame.len() > 2 * MAX_EVENT_BYTES;
        if is_too_long { Err(EventTooLong) } else { Ok(()) }
    }

    /// Ends a line whose last part is `tail`. Returns whether it is blank.
    fn end_line(&mut self, tail: &[u8]) -> bool {
        if self.line.is_empty() {
            return self.on_line(tail);
        }
        let mut line = mem::take(&mut self.line);
        line.extend_from_slice(tail);
        let is_blank = self.on_line(&line);
        line.clear();
        self.line = line;
        is_blank
    }

    fn on_line(&mut self, line: &[u8]) -> bool {
        let line = match mem::replace(&mut self.has_begun, true) {
            false => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
            true => line,
        };
        if line.is_empty() {
            return true;
        }
        // A comment is a line with an empty field name.
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match name {
            b"event" => self.event = value.into_owned(),
            b"data" => {
                self.data.push_str(&value);
                self.data.push('\n');
            }
            _ => {}
        }
        false
    }

    /// Ends an event. An event without data is discarded.
    fn dispatch(&mut self) -> Option<SseEvent> {
        let (event, mut data) = (mem::take(&mut self.event), mem::take(&mut self.data));
        // Removes the line feed after the last line.
        data.pop()?;
        Some(SseEvent { event, data })
    }
}
