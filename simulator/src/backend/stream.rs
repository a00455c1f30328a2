//! Performs a script on the wire, and interrupts it where a fault says so.

use std::time::Duration;

use super::script::Script;
use crate::{
    faults::Interruption,
    http::BodyWriter,
    streams::{StreamEnd, StreamEnding},
};

/// Sends the script with a pause before each delta.
pub(super) async fn perform(
    mut writer: BodyWriter,
    script: Script,
    pause: Duration,
    interruption: Option<(usize, Interruption)>,
    ending: StreamEnding,
) {
    let sent = interruption.as_ref().map_or(script.deltas.len(), |(after, _)| *after);
    for frame in &script.opening {
        if !writer.send(frame.clone()).await {
            return;
        }
    }
    for delta in script.deltas.iter().take(sent) {
        tokio::time::sleep(pause).await;
        if !writer.send(delta.clone()).await {
            return;
        }
    }
    let last = match interruption {
        None => script.closing,
        Some((_, Interruption::Fail(code))) => vec![script.failure(sent, &code)],
        Some((_, Interruption::Hang)) => std::future::pending().await,
        Some((_, Interruption::Cut)) => {
            ending.is(StreamEnd::Broken);
            return writer.cut().await;
        }
    };
    for frame in last {
        if !writer.send(frame).await {
            return;
        }
    }
    ending.is(StreamEnd::Completed);
}
