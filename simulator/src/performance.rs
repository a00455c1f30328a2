//! How a stream is written: move by move. Whoever decides what is said touches no socket, and an interruption is only
//! another list of moves.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    faults::Interruption,
    http::{BodyWriter, Delivery},
    streams::{OpenStream, StreamEnd, StreamEnding},
};

/// A fault that strikes in the middle: after so many deltas this happens.
pub(crate) type Interrupted = (usize, Interruption);

/// One frame of a stream of server-sent events.
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// Whether it is a piece of something: before it the writer pauses, and by these interruptions count.
    pub(crate) is_delta: bool,
}

/// One move of the writer of a stream.
#[derive(Debug)]
pub(crate) enum Move {
    /// Waits as long as the settings say.
    Pause,
    Write(Bytes),
    /// From here on this is how the stream has ended, even if the client leaves.
    Ends(StreamEnd),
    /// Nothing more, for ever.
    Hang,
    /// The connection closes in the middle.
    Cut,
}

/// The moves that send these frames, whole and with this end, or interrupted. A stream that fails says so in the words
/// of its API, which may depend on how many frames were sent.
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

/// How many frames are sent up to this delta; without any, those before the first one. What has no deltas is all sent
/// but its last frame.
fn until_delta(frames: &[Frame], deltas: usize) -> usize {
    let mut places = frames.iter().enumerate().filter(|(_, frame)| frame.is_delta).map(|(place, _)| place);
    let place = match deltas.checked_sub(1) {
        None => places.next(),
        Some(before) => places.take(before + 1).last().map(|place| place + 1),
    };
    place.unwrap_or(frames.len().saturating_sub(1))
}

/// The delivery that makes these moves.
pub(crate) fn delivery(moves: Vec<Move>, pause: Duration, open: &OpenStream) -> Delivery {
    let ending = open.ending();
    Delivery::written(move |writer, _| {
        // It begins, and until its writer says otherwise a stream that ends was abandoned.
        ending.is(StreamEnd::Abandoned);
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
            Move::Ends(end) => ending.is(end),
            Move::Hang => std::future::pending().await,
            Move::Cut => return writer.cut().await,
        }
    }
}
