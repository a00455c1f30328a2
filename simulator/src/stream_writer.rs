//! Writes streams. An API describes a stream as a list of actions, without a socket; a fault only changes that list.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    faults::Interruption,
    http::{BodyWriter, Delivery},
    streams::{EndRecorder, OpenStream, StreamEnd},
};

/// A fault in the middle of a stream: the number of deltas sent before it, and the interruption.
pub(crate) type StreamFault = (usize, Interruption);

/// One frame of a stream of server-sent events.
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// Whether it is a delta. The writer pauses before deltas, and interruptions count them.
    pub(crate) is_delta: bool,
}

/// One action of a stream's writer.
#[derive(Debug)]
pub(crate) enum Action {
    /// Waits for the configured pause.
    Pause,
    Write(Bytes),
    /// Records how the stream ends. A later disconnect of the client does not change the record.
    RecordEnd(StreamEnd),
    /// Sends nothing more and keeps the connection open.
    Hang,
    /// Closes the connection in the middle.
    Cut,
}

/// Returns the actions that send all frames and then `end`, or the frames before the fault and then its interruption.
/// `failure` renders an error code in the API's format, from the number of frames sent.
pub(crate) fn actions(
    frames: Vec<Frame>,
    end: Vec<Action>,
    stream_fault: Option<StreamFault>,
    failure: impl FnOnce(&str, usize) -> Bytes,
) -> Vec<Action> {
    let sent = stream_fault.as_ref().map_or(frames.len(), |(after, _)| frames_until_delta(&frames, *after));
    let last = match stream_fault {
        None => end,
        Some((_, Interruption::Hang)) => vec![Action::Hang],
        Some((_, Interruption::Cut)) => vec![Action::RecordEnd(StreamEnd::Broken), Action::Cut],
        Some((_, Interruption::Fail(code))) => {
            vec![Action::Write(failure(&code, sent)), Action::RecordEnd(StreamEnd::Completed)]
        }
    };
    let writes = frames.into_iter().take(sent).flat_map(|frame| {
        let pause = frame.is_delta.then_some(Action::Pause);
        pause.into_iter().chain([Action::Write(frame.bytes)])
    });
    writes.chain(last).collect()
}

/// Returns the number of frames up to and including this delta, counted from 1, or the last delta if there are fewer.
/// For 0 it counts the frames before the first delta. Without any delta it counts all frames but the last.
fn frames_until_delta(frames: &[Frame], deltas: usize) -> usize {
    let mut places = frames.iter().enumerate().filter(|(_, frame)| frame.is_delta).map(|(place, _)| place);
    let place = match deltas.checked_sub(1) {
        None => places.next(),
        Some(before) => places.take(before + 1).last().map(|place| place + 1),
    };
    place.unwrap_or(frames.len().saturating_sub(1))
}

/// Returns the delivery that performs these actions.
pub(crate) fn delivery(actions: Vec<Action>, pause: Duration, open: &OpenStream) -> Delivery {
    let recorder = open.end_recorder();
    Delivery::written(move |writer, _| {
        // A stream that ends before the writer sets another end was abandoned by the client.
        recorder.set(StreamEnd::Abandoned);
        run(writer, actions, pause, recorder)
    })
}

async fn run(mut writer: BodyWriter, actions: Vec<Action>, pause: Duration, recorder: EndRecorder) {
    for next in actions {
        match next {
            Action::Pause => tokio::time::sleep(pause).await,
            Action::Write(bytes) => {
                if !writer.send(bytes).await {
                    return;
                }
            }
            Action::RecordEnd(end) => recorder.set(end),
            Action::Hang => std::future::pending().await,
            Action::Cut => return writer.cut().await,
        }
    }
}
