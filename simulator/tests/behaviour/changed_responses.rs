//! Tests faults that change a response after the provider has committed, and custom responses.

use std::time::Duration;

use goclaw_simulator::{Endpoint, Fault, FaultOrder, Interruption};
use reqwest::header::{CONTENT_TYPE, SET_COOKIE};
use serde_json::{Map, json};

use crate::client::{Answer, Fixture, Tokens, refused, wait_until};

impl Fixture {
    /// Queues a fault and refreshes.
    async fn refresh_with_fault(&self, tokens: &Tokens, fault: Fault) -> reqwest::Response {
        self.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, fault));
        self.try_refresh(&tokens.refresh).await.unwrap()
    }

    fn rotations(&self) -> u32 {
        self.simulator.ledger()[0].rotations
    }
}

#[tokio::test]
async fn only_the_given_members_are_replaced_added_or_removed() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let members = Map::from_iter([
        ("refresh_token".to_owned(), json!(null)),
        ("expires_in".to_owned(), json!("soon")),
        ("surprise".to_owned(), json!([1])),
    ]);
    let changed = Answer::of(fixture.refresh_with_fault(&tokens, Fault::Members { members }).await).await;
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert!(changed.get("refresh_token").is_none());
    assert_eq!((&changed["expires_in"], &changed["surprise"]), (&json!("soon"), &json!([1])));
    assert!(changed["access_token"].is_string() && changed["id_token"].is_string() && changed["scope"].is_string());
    assert_eq!(fixture.rotations(), 1);
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), refused(401, "refresh_token_reused"));

    // A genuine null stays in the response.
    let refusal = Answer::of(fixture.refresh_with_fault(&tokens, Fault::member("request_id", json!("r"))).await).await;
    assert_eq!((refusal.status, refusal.json()["request_id"].as_str()), (401, Some("r")));
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::SessionClient, Fault::member("client", json!(1))));
    let url = format!("{}/v1/client", fixture.simulator.sessions_url());
    let client = Answer::of(fixture.http.get(url).send().await.unwrap()).await;
    assert_eq!(client.json(), json!({"response": null, "client": 1}));
}

#[tokio::test]
async fn headers_are_added_to_the_normal_response() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let response = fixture.refresh_with_fault(&tokens, Fault::hostile_headers()).await;
    assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
    for (name, value) in [("location", "https://elsewhere.example/"), ("x-hop-by-hop", "hostile")] {
        assert_eq!(response.headers()[name], value);
    }
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let answer = Answer::of(response).await.tokens();
    assert_eq!(fixture.rotations(), 1);
    assert_eq!(fixture.refresh(&answer.refresh).await.status, 200);
}

#[tokio::test]
async fn only_the_media_type_is_replaced() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let response = fixture.refresh_with_fault(&tokens, Fault::Retyped { content_type: "text/html".to_owned() }).await;
    let types: Vec<_> = response.headers().get_all(CONTENT_TYPE).iter().collect();
    assert_eq!(types, ["text/html"]);
    assert!(!Answer::of(response).await.tokens().refresh.is_empty());
    assert_eq!(fixture.rotations(), 1);
}

#[tokio::test]
async fn the_status_is_replaced_after_the_commit() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let fault = Fault::StatusAfterCommit { status: 502, body: "{\"bad\":1}".to_owned() };
    let answer = Answer::of(fixture.refresh_with_fault(&tokens, fault).await).await;
    assert_eq!((answer.status, answer.text.as_str()), (502, "{\"bad\":1}"));
    assert_eq!(fixture.rotations(), 1);
    let entry = fixture.simulator.journal().pop().unwrap();
    assert_eq!((entry.outcome.as_str(), entry.status), ("tokens_issued", Some(502)));

    // The fault works the same for a code exchange and a revocation.
    let code = fixture.code().await;
    let fault = Fault::internal_server_error_after_commit();
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::CodeExchange, fault.clone()));
    assert_eq!(fixture.exchange(&code).await.status, 500);
    assert_eq!(fixture.exchange(&code).await.refusal(), refused(400, "invalid_grant"));
    let other = fixture.sign_in().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Revoke, fault));
    assert_eq!(fixture.revoke(&other.refresh).await.status, 500);
    assert_eq!(fixture.refresh(&other.refresh).await.refusal(), refused(401, "refresh_token_invalidated"));
}

#[tokio::test]
async fn a_hang_after_the_commit_has_redeemed_the_code() {
    let fixture = Fixture::new().await;
    let code = fixture.code().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::CodeExchange, Fault::HangAfterCommit));
    tokio::select! {
        answer = fixture.exchange(&code) => panic!("got a response: {}", answer.status),
        () = wait_until("the code is redeemed", || !fixture.simulator.ledger().is_empty()) => {}
    }
    assert_eq!(fixture.exchange(&code).await.refusal(), refused(400, "invalid_grant"));
}

#[tokio::test]
async fn a_custom_response_changes_no_state() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let headers = [("content-type", "text/plain"), ("x-one", "1"), ("x-one", "2"), ("bad name", "left out")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let response =
        fixture.refresh_with_fault(&tokens, Fault::Answer { status: 418, headers, body: "short".to_owned() }).await;
    assert_eq!(response.headers().get_all("x-one").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
    let answer = Answer::of(response).await;
    assert_eq!((answer.status, answer.text.as_str()), (418, "short"));
    assert_eq!(fixture.rotations(), 0);
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_stream_fault_cuts_or_hangs_other_responses_too() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let stream = |interruption| Fault::Stream { after: 1, interruption };
    let whole = Answer::of(fixture.refresh_with_fault(&tokens, stream(Interruption::Fail("x".to_owned()))).await)
        .await
        .tokens();

    let mut silent = fixture.refresh_with_fault(&whole, stream(Interruption::Hang)).await;
    let announced = silent.content_length().unwrap();
    assert_eq!(silent.chunk().await.unwrap().unwrap().len() as u64, announced / 2);
    assert!(tokio::time::timeout(Duration::from_millis(60), silent.chunk()).await.is_err());
    drop(silent);
    assert_eq!(fixture.rotations(), 2);

    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let cut = fixture.refresh_with_fault(&tokens, stream(Interruption::Cut)).await;
    assert!(cut.text().await.is_err(), "a truncated response ended normally");
    assert_eq!(fixture.rotations(), 1);
}

#[tokio::test]
async fn every_fault_can_be_queued_over_http() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for fault in [
        json!({"kind": "status", "status": 503, "body": "", "content_type": "application/json", "retry_after": "1"}),
        json!({"kind": "redirect", "status": 307, "location": "https://elsewhere.example/"}),
        json!({"kind": "answer", "status": 418, "headers": [["x-one", "1"]], "body": "short"}),
        json!({"kind": "hang"}),
        json!({"kind": "reset_before"}),
        json!({"kind": "delay", "by": "5ms"}),
        json!({"kind": "lose_answer"}),
        json!({"kind": "hang_after_commit"}),
        json!({"kind": "half_json"}),
        json!({"kind": "huge_body"}),
        json!({"kind": "slow_drip", "every": "1ms"}),
        json!({"kind": "status_after_commit", "status": 500, "body": "{}"}),
        json!({"kind": "retyped", "content_type": "text/html"}),
        json!({"kind": "members", "members": {"refresh_token": null}}),
        json!({"kind": "headers", "headers": [["x-one", "1"]]}),
        json!({"kind": "stream", "after": 1, "interruption": {"fail": "x"}}),
        json!({"kind": "stream", "after": 1, "interruption": "cut"}),
    ] {
        let order = json!({"endpoint": "usage", "fault": fault, "times": "standing"});
        assert_eq!(fixture.post_control("/faults", order.clone()).await.status, 200, "{fault}");
        assert_eq!(fixture.get_control("/faults").await, json!([order]));
        fixture.post_control("/faults/clear", json!({})).await;
    }
    let order = json!({"endpoint": "refresh", "fault": {"kind": "answer", "status": 418, "headers": []}});
    fixture.post_control("/faults", order).await;
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, 418);
    assert_eq!(fixture.get_control("/faults").await, json!([]), "a fault that was applied is still queued");
}
