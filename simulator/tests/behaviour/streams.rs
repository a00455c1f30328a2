//! Tests the backend's stream: the order of frames, interruptions, and the count of disconnected clients.

use std::time::Duration;

use goclaw_simulator::{Endpoint, Fault, FaultOrder, Site, StreamCounts};
use reqwest::Response;
use serde_json::Value;

use crate::{
    backend::prompt,
    client::{Fixture, wait_until, within_timeout},
};

/// Longer than any test, so effectively forever.
const FOREVER: Duration = Duration::from_secs(3600);

/// Returns the data of all frames but comments; each `event` line must match its data.
pub(crate) fn frames(text: &str) -> Vec<Value> {
    let whole = text.split_inclusive("\n\n").filter(|frame| frame.ends_with("\n\n") && !frame.starts_with(':'));
    whole
        .map(|frame| {
            let (event, data) = frame.trim_end().split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(event.strip_prefix("event: ").unwrap(), data["type"].as_str().unwrap());
            data
        })
        .collect()
}

pub(crate) fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

/// Reads until the connection ends. Returns the text and whether the end was regular.
pub(crate) async fn read_all(mut response: Response) -> (String, bool) {
    let mut received = Vec::new();
    let whole = loop {
        match within_timeout(response.chunk()).await {
            Ok(Some(chunk)) => received.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    (String::from_utf8(received).unwrap(), whole)
}

/// Reads until this text has arrived.
async fn read_until(response: &mut Response, text: &str) {
    let mut received = String::new();
    while !received.contains(text) {
        received += std::str::from_utf8(&within_timeout(response.chunk()).await.unwrap().unwrap()).unwrap();
    }
}

fn outcome(fixture: &Fixture) -> String {
    let entry = fixture.simulator.journal().into_iter().rfind(|entry| entry.site == Site::Backend);
    entry.map(|entry| entry.outcome).unwrap_or_default()
}

#[tokio::test]
async fn the_frames_come_in_order_and_end_with_completed() {
    let fixture = Fixture::with(|settings| settings.stream_deltas = 3).await;
    let tokens = fixture.sign_in().await;
    let response = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["openai-model"], "gpt-5.5");
    assert_eq!(response.headers()["x-codex-primary-used-percent"], "12.0");
    let (text, whole) = read_all(response).await;
    assert!(whole);
    let frames = frames(&text);
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds(&frames), expected);
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_number"], number);
    }
    let words: String = frames.iter().filter_map(|frame| frame["delta"].as_str()).collect();
    assert_eq!(words, "word1 word2 word3 ");
    assert_eq!(frames[7]["text"], words);
    let completed = &frames[10]["response"];
    assert_eq!((&completed["id"], &completed["status"]), (&frames[0]["response"]["id"], &"completed".into()));
    assert_eq!(completed["usage"]["output_tokens"], 3);
    assert_eq!(fixture.simulator.streams(), StreamCounts { completed: 1, ..StreamCounts::default() });
    assert_eq!(outcome(&fixture), "stream_completed");
}

#[tokio::test]
async fn frames_before_the_first_pause_are_sent_at_once() {
    let fixture = Fixture::with(|settings| settings.stream_pause = FOREVER).await;
    let tokens = fixture.sign_in().await;
    let mut response = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    read_until(&mut response, "response.output_item.added").await;
    assert_eq!(fixture.simulator.streams(), StreamCounts { open: 1, ..StreamCounts::default() });
    assert_eq!(outcome(&fixture), "streaming");
}

#[tokio::test]
async fn a_client_that_disconnects_mid_stream_is_counted() {
    let fixture = Fixture::with(|settings| settings.stream_pause = FOREVER).await;
    let tokens = fixture.sign_in().await;
    let mut response = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    read_until(&mut response, "response.created").await;
    drop(response);
    wait_until("the stream ends", || fixture.simulator.streams().open == 0).await;
    assert_eq!(fixture.simulator.streams(), StreamCounts { abandoned: 1, ..StreamCounts::default() });
    wait_until("the journal has the outcome", || outcome(&fixture) == "stream_abandoned").await;
    assert_eq!(fixture.get_control("/streams").await["abandoned"], 1);
}

#[tokio::test]
async fn stream_faults_cut_fail_or_hang() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let opened = async |fault| {
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, fault));
        fixture.responses(&tokens.access, &prompt()).await.unwrap()
    };

    let (text, whole) = read_all(opened(Fault::stream_cut(2)).await).await;
    assert!(!whole, "the truncated stream ended normally");
    let begun = ["created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"];
    assert_eq!(kinds(&frames(&text)), [&begun[..], &["output_text.delta"]].concat());
    assert_eq!(outcome(&fixture), "stream_broken");

    let (text, whole) = read_all(opened(Fault::stream_fails(1, "server_is_overloaded")).await).await;
    assert!(whole);
    let failed = frames(&text);
    assert_eq!(kinds(&failed), [&begun[..], &["failed"]].concat());
    assert_eq!((&failed[5]["sequence_number"], &failed[5]["response"]["status"]), (&5.into(), &"failed".into()));
    assert_eq!(failed[5]["response"]["error"]["code"], "server_is_overloaded");

    let mut response = opened(Fault::stream_hangs(1)).await;
    read_until(&mut response, "word1").await;
    let more = tokio::time::timeout(Duration::from_millis(60), response.chunk()).await;
    assert!(more.is_err(), "{more:?}");
    drop(response);
    wait_until("the stream ends", || fixture.simulator.streams().open == 0).await;
    let expected = StreamCounts { completed: 1, broken: 1, abandoned: 1, ..StreamCounts::default() };
    assert_eq!(fixture.simulator.streams(), expected);
    assert!(fixture.simulator.journal().iter().filter(|entry| entry.fault.as_deref() == Some("stream")).count() == 3);
}

#[tokio::test]
async fn a_stream_prevented_by_a_fault_is_not_abandoned() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for fault in [Fault::LoseAnswer, Fault::HalfJson, Fault::internal_server_error_after_commit()] {
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, fault));
        if let Ok(response) = fixture.responses(&tokens.access, &prompt()).await {
            read_all(response).await;
        }
    }
    assert_eq!(fixture.simulator.streams(), StreamCounts { broken: 3, ..StreamCounts::default() });
}

#[tokio::test]
async fn an_outage_ends_streams() {
    let fixture = Fixture::with(|settings| settings.stream_pause = FOREVER).await;
    let tokens = fixture.sign_in().await;
    let mut response = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    read_until(&mut response, "response.created").await;
    within_timeout(fixture.simulator.take_down(Site::Backend)).await;
    assert!(!read_all(response).await.1, "the truncated stream ended normally");
    assert_eq!(fixture.simulator.streams().open, 0);
}
