//! Tests the counts of requests whose client disconnected, before the first byte and mid-stream.

use std::time::Duration;

use goclaw_simulator::{
    Approval, Cancellations, Cancelled, Endpoint, Fault, FaultOrder, Release, Script, ScriptOrder, Site, Step,
    StopOrder,
};
use serde_json::json;

use crate::{
    backend::prompt,
    client::{Fixture, Tokens, wait_until, within_timeout},
    streams::read_all,
};

/// Longer than any test, so effectively forever.
const FOREVER: Duration = Duration::from_secs(3600);

impl Fixture {
    /// Sends a request and disconnects when it has arrived.
    async fn disconnect_before_the_head(&self, tokens: &Tokens) {
        let arrived = || self.simulator.journal().iter().filter(|entry| entry.body_bytes.is_some()).count();
        let (before, body) = (arrived(), prompt());
        tokio::select! {
            answer = self.responses(&tokens.access, &body) => panic!("got a response: {answer:?}"),
            () = wait_until("the request arrives", || arrived() > before) => {}
        }
    }

    async fn await_counts(&self, before_head: usize, mid_answer: usize) {
        let expected = Cancellations { before_head, mid_answer };
        wait_until(&format!("{expected:?}"), || self.simulator.cancellations() == expected).await;
    }
}

#[tokio::test]
async fn disconnected_clients_are_counted_at_every_stage() {
    let fixture = Fixture::with(|settings| settings.stream_pause = FOREVER).await;
    let tokens = fixture.sign_in().await;
    for (number, fault) in [Fault::Hang, Fault::HangAfterCommit, Fault::Delay { by: FOREVER }].into_iter().enumerate() {
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, fault));
        fixture.disconnect_before_the_head(&tokens).await;
        fixture.await_counts(number + 1, 0).await;
    }
    assert_eq!(fixture.simulator.streams().abandoned, 0, "no stream had begun");
    let entry = fixture.simulator.journal().into_iter().rfind(|entry| entry.site == Site::Backend).unwrap();
    assert_eq!((entry.status, entry.cancelled), (None, Some(Cancelled::BeforeHead)));

    drop(fixture.responses(&tokens.access, &prompt()).await.unwrap());
    fixture.await_counts(3, 1).await;
    let entry = fixture.simulator.journal().into_iter().rfind(|entry| entry.site == Site::Backend).unwrap();
    assert_eq!((entry.status, entry.cancelled), (Some(200), Some(Cancelled::MidAnswer)));
    assert_eq!(fixture.get_control("/cancellations").await, json!({"before_head": 3, "mid_answer": 1}));
    fixture.post_control("/reset", json!({})).await;
    assert_eq!(fixture.simulator.cancellations(), Cancellations::default());
}

#[tokio::test]
async fn every_origin_counts_disconnects() {
    let fixture = Fixture::with(|settings| settings.approval = Approval::NeverAnswer).await;
    let addresses = fixture.simulator.addresses();
    for endpoint in [Endpoint::Sessions, Endpoint::Studio, Endpoint::Dashscope] {
        fixture.simulator.queue_fault(FaultOrder::standing(endpoint, Fault::Hang));
    }
    let urls = [
        fixture.authorize_url(&[]).to_string(),
        addresses.sessions_url.clone(),
        addresses.studio_url.clone(),
        addresses.dashscope_url.clone(),
    ];
    for (number, url) in urls.iter().enumerate() {
        tokio::select! {
            answer = fixture.http.get(url).send() => panic!("got a response: {answer:?}"),
            () = wait_until("the request arrives", || fixture.simulator.journal().len() > number) => {}
        }
        fixture.await_counts(number + 1, 0).await;
    }
}

#[tokio::test]
async fn requests_ended_by_the_provider_are_not_counted() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for fault in [Fault::ResetBefore, Fault::LoseAnswer, Fault::stream_cut(1), Fault::stream_fails(1, "x")] {
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, fault));
        if let Ok(response) = fixture.responses(&tokens.access, &prompt()).await {
            read_all(response).await;
        }
    }
    fixture.simulator.queue_script(ScriptOrder::once(Script::Eof));
    read_all(fixture.responses(&tokens.access, &prompt()).await.unwrap()).await;
    read_all(fixture.responses(&tokens.access, &prompt()).await.unwrap()).await;

    fixture.simulator.stop_at(StopOrder::hold(Step::BodyRead));
    let connection = fixture.send_refresh(&tokens.refresh).await;
    within_timeout(fixture.simulator.reached(Step::BodyRead, 1)).await;
    fixture.simulator.release(None, Release::Close);
    wait_until("the refresh ends", || fixture.simulator.presentation_totals().under_way == 0).await;
    drop(connection);
    wait_until("all streams end", || fixture.simulator.streams().open == 0).await;
    assert_eq!(fixture.simulator.cancellations(), Cancellations::default());

    fixture.simulator.stop_at(StopOrder::hold(Step::BodyRead));
    let connection = fixture.send_refresh(&tokens.refresh).await;
    within_timeout(fixture.simulator.reached(Step::BodyRead, 2)).await;
    drop(connection);
    fixture.await_counts(1, 0).await;
}
