//! Handles a refresh, and stops it at the steps at which a test queued a stop.

use std::sync::Arc;

use bytes::Bytes;

use super::token;
use crate::{
    faults::Endpoint,
    http::{BodyWriter, ConnectionCut, Delivery, Reply},
    interference,
    journal::FamilyId,
    provider::{self, Entry, Provider},
    steps::{Step, Steps},
};

/// Handles a refresh. The refresh counts as in flight until the response is returned, until the last byte if a stop or
/// a fault delays the body, or until the client disconnects.
pub(super) async fn refresh(
    provider: &Arc<Provider>,
    entry: &Entry,
    refresh_token: &str,
    client_id: &str,
) -> Result<Reply, ConnectionCut> {
    let presented = Arc::new(provider.begin_presentation(entry, refresh_token));
    provider.steps.pass(Step::BodyRead, presented.family).await?;
    let fault = provider.state().faults.next_for(Endpoint::Refresh);
    let mut issued = false;
    let decide = || {
        let decided = provider::refresh(provider, presented.presentation, refresh_token, client_id);
        issued = decided.is_ok();
        token::response(provider, entry, decided)
    };
    let reply = interference::apply(fault, entry, Arc::clone(&presented), decide).await?;
    if !issued {
        return Ok(reply);
    }
    provider.steps.pass(Step::Rotated, presented.family).await?;
    if reply.has_delivery() || !provider.steps.may_stop_the_response() {
        return Ok(reply);
    }
    let steps = Arc::clone(&provider.steps);
    let family = presented.family;
    let stepwise = Delivery::written(async move |writer, body| deliver(writer, body, &steps, family).await);
    Ok(reply.with_delivery(stepwise, presented))
}

/// Sends the body and passes a step after the head, in the middle and at the end. The response has no `Content-Length`,
/// so that a client that has every byte still waits for the end of the message.
async fn deliver(mut writer: BodyWriter, mut body: Bytes, steps: &Arc<Steps>, family: Option<FamilyId>) {
    let half = body.split_to(body.len() / 2);
    for (step, next) in [(Step::HeadersSent, half), (Step::BodyHalf, body), (Step::BodySent, Bytes::new())] {
        writer.wait_for_flush().await;
        if steps.pass(step, family).await.is_err() {
            return writer.cut().await;
        }
        if !next.is_empty() && !writer.send(next).await {
            return;
        }
    }
}
