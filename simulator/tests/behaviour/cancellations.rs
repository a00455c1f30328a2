//! Tests the counts of requests whose client disconnected, before the first byte and mid-stream.

use std::time::Duration;

use goclaw_simulator::{
    Approval, Cancellations, Cancelled, Endpoint, Fault, FaultOrder, Release, Script, ScriptOrder, Site, Step,
    StopOrder,
};
use serde_json::json;

use crate::{
    backend::prompt,
    client::{Party, Tokens, soon, until},
    streams::all_of,
};

/// Longer than any test, so effectively forever.
const FOREVER: Duration = Duration::from_secs(3600);

impl Party {
    /// Sends a request and disconnects when it has arrived.
    async fn disconnect_before_the_head(&self, tokens: &Tokens) {
        let arrived = || self.simulator.journal().iter().filter(|entry| entry.body_bytes.is_some()).count();
        let (before, body) = (arrived(), prompt());
        tokio::select! {
            answer = self.responses(&tokens.access, &body) => panic!("got a response: {answer:?}"),
            () = until("the request arrives", || arrived() > before) => {}
        }
    }

    async fn await_counts(&self, before_head: usize, mid_answer: usize) {
        let expected = Cancellations { before_head, mid_answer };
        until(&format!("{expected:?}"), || self.simulator.cancellations() == expected).await;
    }
}

#[tokio::test]
async fn disconnected_clients_are_counted_at_every_stage() {
    let party = Party::with(|settings| settings.stream_pause = FOREVER).await;
    let tokens = party.sign_in().await;
    for (number, fault) in [Fault::Hang, Fault::HangAfterCommit, Fault::Delay { by: FOREVER }].into_iter().enumerate() {
        party.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, fault));
        party.disconnect_before_the_head(&tokens).await;
        party.await_counts(number + 1, 0).await;
    }
    assert_eq!(party.simulator.streams().abandoned, 0, "no stream had begun");
    let entry = party.simulator.journal().into_iter().rfind(|entry| entry.site == Site::Backend).unwrap();
    assert_eq!((entry.status, entry.cancelled), (None, Some(Cancelled::BeforeHead)));

    drop(party.responses(&tokens.access, &prompt()).await.unwrap());
    party.await_counts(3, 1).await;
    let entry = party.simulator.journal().into_iter().rfind(|entry| entry.site == Site::Backend).unwrap();
    assert_eq!((entry.status, entry.cancelled), (Some(200), Some(Cancelled::MidAnswer)));
    assert_eq!(party.look("/cancellations").await, json!({"before_head": 3, "mid_answer": 1}));
    party.change("/reset", json!({})).await;
    assert_eq!(party.simulator.cancellations(), Cancellations::default());
}

#[tokio::test]
async fn every_origin_counts_disconnects() {
    let party = Party::with(|settings| settings.approval = Approval::NeverAnswer).await;
    let addresses = party.simulator.addresses();
    for endpoint in [Endpoint::Sessions, Endpoint::Studio, Endpoint::Dashscope] {
        party.simulator.queue_fault(FaultOrder::standing(endpoint, Fault::Hang));
    }
    let urls = [
        party.authorize_url(&[]).to_string(),
        addresses.sessions_url.clone(),
        addresses.studio_url.clone(),
        addresses.dashscope_url.clone(),
    ];
    for (number, url) in urls.iter().enumerate() {
        tokio::select! {
            answer = party.http.get(url).send() => panic!("got a response: {answer:?}"),
            () = until("the request arrives", || party.simulator.journal().len() > number) => {}
        }
        party.await_counts(number + 1, 0).await;
    }
}

#[tokio::test]
async fn requests_ended_by_the_provider_are_not_counted() {
    let party = Party::new().await;
    let tokens = party.sign_in().await;
    for fault in [Fault::ResetBefore, Fault::LoseAnswer, Fault::stream_cut(1), Fault::stream_fails(1, "x")] {
        party.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, fault));
        if let Ok(response) = party.responses(&tokens.access, &prompt()).await {
            all_of(response).await;
        }
    }
    party.simulator.queue_script(ScriptOrder::once(Script::Eof));
    all_of(party.responses(&tokens.access, &prompt()).await.unwrap()).await;
    all_of(party.responses(&tokens.access, &prompt()).await.unwrap()).await;

    party.simulator.stop_at(StopOrder::hold(Step::BodyRead));
    let connection = party.send_refresh(&tokens.refresh).await;
    soon(party.simulator.reached(Step::BodyRead, 1)).await;
    party.simulator.release(None, Release::Close);
    until("the refresh ends", || party.simulator.presentation_totals().under_way == 0).await;
    drop(connection);
    until("all streams end", || party.simulator.streams().open == 0).await;
    assert_eq!(party.simulator.cancellations(), Cancellations::default());

    party.simulator.stop_at(StopOrder::hold(Step::BodyRead));
    let connection = party.send_refresh(&tokens.refresh).await;
    soon(party.simulator.reached(Step::BodyRead, 2)).await;
    drop(connection);
    party.await_counts(1, 0).await;
}
