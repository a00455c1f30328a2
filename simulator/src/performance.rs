//! Writes streams. An API describes a stream as a list of moves, without a socket; an interruption only changes that
//! list.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    faults::Interruption,
    http::{BodyWriter, Delivery},
    streams::{OpenStream, StreamEnd, StreamEnding},
};

/// A fault in the middle of a stream: the number of deltas sent before it, and the interruption.
pub(crate) type Interrupted = (usize, Interruption);

/// One frame of a stream of server-sent events.
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// Whether it is a delta. The writer pauses before deltas, and interruptions count them.
    pub(crate) is_delta: bool,
}

/// One step of a stream's writer.
#[derive(Debug)]
pub(crate) enum Move {
    /// Waits for the configured pause.
    Pause,
    Write(Bytes),
    /// Fixes how the stream ends, even if the client disconnects afterwards.
    Ends(StreamEnd),
    /// Sends nothing more and keeps the connection open.
    Hang,
    /// Closes the connection in the middle.
    Cut,
}

/// Returns the moves that send these frames, complete with this end or interrupted. A failing stream reports the error
/// in its API's format, which may depend on the number of frames sent.
pub(crate) fn moves(
    frames: Vec<Frame>,
    end: Vec<Move>,
    interrupted: Option<Interrupted>,
    failure: impl FnOnce(&str, usize) -> Bytes,
) -> Vec<Move> {
    let sent = interrupted.as_ref().map_or(frames.len(), |(after, _)| until_delta(&frames, *after));
    let last = match interrupted {
        None => end,
        Some((_, Interruption::Hang)) => vec![Move::Hang],
        Some((_, Interruption::Cut)) => vec![Move::Ends(StreamEnd::Broken), Move::Cut],
        Some((_, Interruption::Fail(code))) => {
            vec![Move::Write(failure(&code, sent)), Move::Ends(StreamEnd::Completed)]
        }
    };
    let writes = frames.into_iter().take(sent).flat_map(|frame| {
        let pause = frame.is_delta.then_some(Move::Pause);
        pause.into_iter().chain([Move::Write(frame.bytes)])
    });
    writes.chain(last).collect()
}

/// Returns the number of frames up to and including this delta, counted from 1. For 0 it counts the frames before the
/// first delta. Without such a delta it counts all frames but the last.
fn until_delta(frames: &[Frame], deltas: usize) -> usize {
    let mut places = frames.iter().enumerate().filter(|(_, frame)| frame.is_delta).map(|(place, _)| place);
    let place = match deltas.checked_sub(1) {
        None => places.next(),
        Some(before) => places.take(before + 1).last().map(|place| place + 1),
    };
    place.unwrap_or(frames.len().saturating_sub(1))
}

/// Returns the delivery that performs these moves.
pub(crate) fn delivery(moves: Vec<Move>, pause: Duration, open: &OpenStream) -> Delivery {
    let ending = open.ending();
    Delivery::written(move |writer, _| {
        // A stream that ends before the writer sets another end was abandoned by the client.
        ending.set(StreamEnd::Abandoned);
        perform(writer, moves, pause, ending)
    })
}

async fn perform(mut writer: BodyWriter, moves: Vec<Move>, pause: Duration, ending: StreamEnding) {
    for next in moves {
        match next {
            Move::Pause => tokio::time::sleep(pause).await,
            Move::Write(bytes) => {
                if !writer.send(bytes).await {
                    return;
                }
            }
            Move::Ends(end) => ending.set(end),
            Move::Hang => std::future::pending().await,
            Move::Cut => return writer.cut().await,
        }
    }
}
