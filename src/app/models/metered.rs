//! Reads the token usage of a chat from a response that is forwarded unchanged.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::StreamExt;
use http_message::header::CONTENT_TYPE;

use super::ProxyResponse;
use crate::{app::RunningRequest, domain::dialect::SseDecoder};

/// Maximum size of a JSON response whose usage is read, in bytes.
const MAX_JSON: usize = 1024 * 1024;

/// The state of reading the usage.
enum Meter {
    /// An event stream. Any of its chunks may have the usage.
    Chunks(SseDecoder),
    /// The JSON document so far.
    Whole(Vec<u8>),
    /// The response is too large or invalid.
    Off,
}

/// Wraps a response so that its usage is recorded while it is sent.
pub(super) fn meter_usage(mut response: ProxyResponse) -> ProxyResponse {
    let content_type = response.headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    let mut meter = if content_type.starts_with(b"text/event-stream") {
        Meter::Chunks(SseDecoder::new())
    } else {
        Meter::Whole(Vec::new())
    };
    let request = RunningRequest::current();
    let body = std::mem::replace(&mut response.body, Box::pin(futures_util::stream::empty()));
    response.body = Box::pin(body.inspect(move |piece| {
        if let Ok(piece) = piece {
            meter.read(piece, &request);
        }
    }));
    response
}

impl Meter {
    fn read(&mut self, piece: &Bytes, request: &RunningRequest) {
        match self {
            Self::Chunks(decoder) => {
                let mut frames = VecDeque::new();
                if decoder.push(piece, &mut frames).is_err() {
                    *self = Self::Off;
                }
                for event in frames.iter().filter_map(|frame| frame.event()) {
                    request.note_usage(event.data.as_bytes());
                }
            }
            Self::Whole(whole) if whole.len() + piece.len() <= MAX_JSON => {
                whole.extend_from_slice(piece);
                // Only an object that ends with a brace can be complete. Parsing an incomplete one notes nothing.
                if whole.trim_ascii_end().ends_with(b"}") {
                    request.note_usage(whole);
                }
            }
            Self::Whole(_) => *self = Self::Off,
            Self::Off => {}
        }
    }
}
