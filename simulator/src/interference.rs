//! Applies a queued fault around one decision of the provider. A fault acts before or after `decide`, never during
//! it, so the order of steps in each arm matters.

use crate::{
    faults::{Fault, Interruption},
    http::{ConnectionCut, Delivery, Reply},
    provider::Entry,
    stream_writer::StreamFault,
};

/// Separates a fault in the middle of a stream from the other faults: only the stream's writer can apply it.
pub(crate) fn split_stream_fault(
    fault: Option<Fault>,
    entry: &Entry,
    streams: bool,
) -> (Option<Fault>, Option<StreamFault>) {
    match fault {
        Some(Fault::Stream { after, interruption }) if streams => {
            entry.update(|entry| entry.fault = Some("stream".to_owned()));
            (None, Some((usize::try_from(after).unwrap_or(usize::MAX), interruption)))
        }
        fault => (fault, None),
    }
}

/// Returns the response of `decide`, changed or replaced by the fault. `guard` lives until the response is returned, or
/// until its body is delivered if the fault changes the delivery, or until the client disconnects.
pub(crate) async fn apply(
    fault: Option<Fault>,
    entry: &Entry,
    guard: impl Send + Sync + 'static,
    decide: impl FnOnce() -> Reply,
) -> Result<Reply, ConnectionCut> {
    let Some(fault) = fault else { return Ok(decide()) };
    entry.update(|entry| entry.fault = Some(fault.name().to_owned()));
    match fault {
        Fault::Status { status, body, content_type, retry_after } => {
            let reply = Reply::new(status, body).header("content-type", &content_type);
            Ok(match retry_after {
                Some(value) => reply.header("retry-after", &value),
                None => reply,
            })
        }
        Fault::Redirect { status, location } => Ok(Reply::new(status, "").header("location", &location)),
        Fault::Answer { status, headers, body } => Ok(Reply::new(status, body).headers(pairs(&headers))),
        Fault::Hang => std::future::pending().await,
        Fault::ResetBefore => Err(ConnectionCut::Reset),
        Fault::Delay { by } => {
            tokio::time::sleep(by).await;
            Ok(decide())
        }
        Fault::LoseAnswer => {
            drop(decide());
            Err(ConnectionCut::Close)
        }
        Fault::HangAfterCommit => {
            drop(decide());
            std::future::pending().await
        }
        Fault::HalfJson | Fault::Stream { interruption: Interruption::Cut, .. } => {
            Ok(decide().with_delivery(Delivery::half(), guard))
        }
        Fault::Stream { interruption: Interruption::Hang, .. } => Ok(decide().with_delivery(Delivery::stuck(), guard)),
        Fault::Stream { interruption: Interruption::Fail(_), .. } => Ok(decide()),
        Fault::HugeBody => Ok(decide().with_delivery(Delivery::huge(), guard)),
        Fault::SlowDrip { every } => Ok(decide().with_delivery(Delivery::drip(every), guard)),
        Fault::StatusAfterCommit { status, body } => {
            Ok(decide().with_status_and_body(status, body).header("content-type", "application/json"))
        }
        Fault::Retyped { content_type } => Ok(decide().with_media_type(&content_type)),
        Fault::Members { members } => Ok(decide().with_members(members)),
        Fault::Headers { headers } => Ok(decide().headers(pairs(&headers))),
    }
}

fn pairs(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}
