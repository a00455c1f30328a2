//! A refresh, step by step: each step is a moment at which a test may want the client to die.

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

/// Answers a refresh. It counts as under way until its answer goes out, or until the last byte of one that a step or a
/// fault slows down; or until the client is gone.
pub(super) async fn refresh(
    provider: &Arc<Provider>,
    entry: &Entry,
    refresh_token: &str,
    client_id: &str,
) -> Result<Reply, ConnectionCut> {
    let under_way = Arc::new(provider.presented(entry, refresh_token));
    provider.steps.pass(Step::BodyRead, under_way.family).await?;
    let fault = provider.state().faults.strike(Endpoint::Refresh);
    let mut issued = false;
    let decide = || {
        let decided = provider::refresh(provider, under_way.presentation, refresh_token, client_id);
        issued = decided.is_ok();
        token::answer(provider, entry, decided)
    };
    let reply = interference::around(fault, entry, Arc::clone(&under_way), decide).await?;
    if !issued {
        return Ok(reply);
    }
    provider.steps.pass(Step::Rotated, under_way.family).await?;
    if reply.is_delivered() || !provider.steps.concern_the_answer() {
        return Ok(reply);
    }
    let steps = Arc::clone(&provider.steps);
    let family = under_way.family;
    let by_steps = Delivery::written(async move |writer, body| deliver(writer, body, &steps, family).await);
    Ok(reply.delivered(by_steps, under_way))
}

/// Sends the answer with a stop after its head, in the middle and at the end. Its length is not announced, so that a
/// client that has every byte still waits for the end.
async fn deliver(mut writer: BodyWriter, mut body: Bytes, steps: &Arc<Steps>, family: Option<FamilyId>) {
    let half = body.split_to(body.len() / 2);
    for (step, next) in [(Step::HeadersSent, half), (Step::BodyHalf, body), (Step::BodySent, Bytes::new())] {
        writer.flushed().await;
        if steps.pass(step, family).await.is_err() {
            return writer.cut().await;
        }
        if !next.is_empty() && !writer.send(next).await {
            return;
        }
    }
}
