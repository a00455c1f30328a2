//! Reads the token usage of a chat whose response is forwarded unchanged.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::StreamExt;
use http_message::header::CONTENT_TYPE;

use super::ProxyResponse;
use crate::{app::RunningRequest, domain::dialect::SseDecoder};

/// The longest JSON response whose usage is read.
const MAX_JSON: usize = 1024 * 1024;

/// What has been read of the response.
enum Meter {
    /// Any chunk of a stream may have the usage; usually the last one does.
    Chunks(SseDecoder),
    Whole(Vec<u8>),
    /// The response is too large or not readable.
    Off,
}

/// Returns the response, whose usage is noted while it is sent.
pub(super) fn metered(mut response: ProxyResponse) -> ProxyResponse {
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
                // Only a whole document can be parsed.
                if whole.ends_with(b"}") {
                    request.note_usage(whole);
                }
            }
            Self::Whole(_) => *self = Self::Off,
            Self::Off => {}
        }
    }
}
