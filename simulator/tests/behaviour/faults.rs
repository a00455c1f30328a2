//! Tests queued faults: what the client receives, and whether the provider changed its state.

use std::{error::Error, io, time::Duration};

use goclaw_simulator::{AccessTokenForm, Endpoint, Fault, FaultOrder};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::json;

use crate::{
    backend::ACCOUNT_ID,
    client::{Answer, Fixture, refused},
};

#[tokio::test]
async fn a_lost_response_has_rotated_the_token() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, Fault::LoseAnswer));
    assert!(fixture.try_refresh(&tokens.refresh).await.is_err());
    assert_eq!(fixture.simulator.ledger()[0].rotations, 1);
    let entry = fixture.simulator.journal().pop().unwrap();
    assert_eq!((entry.fault.as_deref(), entry.outcome.as_str()), (Some("lose_answer"), "tokens_issued"));
    assert_eq!(entry.status, None);
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), refused(401, "refresh_token_reused"));
}

/// Names of faults, each with its status and a part of its response.
const NAMED: [(&str, u16, &str); 27] = [
    ("bad_request", 400, r#"{"detail":"#),
    ("unauthorized", 401, r#"{"detail":"Unauthorized"}"#),
    ("token_expired", 401, r#""code":"token_expired""#),
    ("token_invalidated", 401, r#""code":"token_invalidated""#),
    ("token_revoked", 401, r#""code":"token_revoked""#),
    ("account_deactivated", 401, r#""code":"account_deactivated""#),
    ("missing_scope", 401, r#""code":"missing_scope""#),
    ("payment_required", 402, r#"{"detail":"#),
    ("empty_payment_required", 402, ""),
    ("deactivated_workspace", 402, r#"{"detail":{"code":"deactivated_workspace"}}"#),
    ("workspace_access_denied", 403, r#""code":"codex_workspace_access_denied""#),
    ("entitlement_missing", 403, r#""code":"codex_entitlement_missing""#),
    ("invalid_workspace_selected", 403, r#"{"detail":{"code":"invalid_workspace_selected"}}"#),
    ("unsupported_country", 403, r#""code":"unsupported_country_region_territory""#),
    ("cloudflare_challenge", 403, "Just a moment..."),
    ("cloudflare_blocked", 403, "Sorry, you have been blocked"),
    ("usage_limit_not_found", 404, r#""type":"usage_limit_reached""#),
    ("usage_limit_reached", 429, r#""type":"usage_limit_reached""#),
    ("usage_not_included", 429, r#""type":"usage_not_included""#),
    ("too_many_requests", 429, r#""code":"rate_limit_exceeded""#),
    ("internal_server_error", 500, r#""code":"server_error""#),
    ("internal_server_error_page", 500, "<html>"),
    ("bad_gateway", 502, "<html>"),
    ("gateway_timeout", 504, "<html>"),
    ("server_is_overloaded", 503, r#""code":"server_is_overloaded""#),
    ("slow_down", 503, r#""code":"slow_down""#),
    ("hostile_headers", 200, r#""plan_type":"plus""#),
];

#[tokio::test]
async fn faults_can_be_queued_by_name() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for (name, status, says) in NAMED {
        let order = json!({"endpoint": "usage", "fault": name});
        assert_eq!(fixture.post_control("/faults", order).await.status, 200, "{name}");
        assert_eq!(fixture.simulator.faults()[0].fault, Fault::named(name).unwrap());
        let response = fixture.usage().bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
        let response = response.send().await.unwrap();
        let content_type = response.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap());
        let is_page = content_type.is_some_and(|content_type| content_type.starts_with("text/html"));
        let by_cloudflare = response.headers().contains_key("cf-ray") && response.headers()["server"] == "cloudflare";
        let answer = Answer::of(response).await;
        assert!(answer.status == status && answer.text.contains(says), "{name}: {} {}", answer.status, answer.text);
        assert_eq!(is_page, answer.text.contains("<html>"), "{name}");
        assert_eq!(by_cloudflare, is_page && name != "bad_gateway", "{name}");
    }
    let unknown = fixture.post_control("/faults", json!({"endpoint": "usage", "fault": "no_such"})).await;
    assert_eq!((unknown.status, unknown.text.contains("no_such")), (400, true));
}

#[tokio::test]
async fn a_lost_exchange_has_redeemed_the_code() {
    let fixture = Fixture::new().await;
    let code = fixture.code().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::CodeExchange, Fault::LoseAnswer));
    let url = format!("{}/oauth/token", fixture.simulator.issuer());
    assert!(fixture.http.post(url).form(&crate::client::exchange_form(&code)).send().await.is_err());
    assert_eq!(fixture.simulator.ledger().len(), 1);
    assert_eq!(fixture.exchange(&code).await.refusal(), refused(400, "invalid_grant"));
}

#[tokio::test]
async fn a_connection_reset_changes_no_state() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, Fault::ResetBefore));
    let error = fixture.try_refresh(&tokens.refresh).await.unwrap_err();
    assert!(was_reset(&error), "{error:?}");
    assert_eq!(fixture.simulator.ledger()[0].rotations, 0);
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_hang_ends_when_the_client_disconnects() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for (fault, rotations) in [(Fault::Hang, 0), (Fault::HangAfterCommit, 1)] {
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, fault));
        let waited = tokio::time::timeout(Duration::from_millis(300), fixture.try_refresh(&tokens.refresh)).await;
        assert!(waited.is_err(), "got a response");
        let ended = async {
            while fixture.simulator.ledger()[0].refreshes_under_way > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
        assert_eq!(fixture.simulator.ledger()[0].rotations, rotations);
    }
}

#[tokio::test]
async fn a_truncated_response_has_rotated_the_token() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, Fault::HalfJson));
    let mut response = fixture.try_refresh(&tokens.refresh).await.unwrap();
    assert_eq!(response.status(), 200);
    let announced = response.content_length().unwrap();
    let mut received = 0;
    let ended = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received += chunk.len() as u64,
            ended => break ended,
        }
    };
    assert!(ended.is_err(), "the truncated response ended normally");
    assert!(received > 0 && received < announced, "{received} of {announced}");
    assert_eq!(fixture.simulator.ledger()[0].rotations, 1);
}

#[tokio::test]
async fn a_huge_response_keeps_sending() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, Fault::HugeBody));
    let mut response = fixture.try_refresh(&tokens.refresh).await.unwrap();
    assert_eq!(response.content_length(), None);
    let mut received = 0;
    while received < 8 * 1024 * 1024 {
        received += response.chunk().await.unwrap().unwrap().len();
    }
    drop(response);
    assert_eq!(fixture.simulator.ledger()[0].rotations, 1);
}

#[tokio::test]
async fn a_slow_response_arrives_complete() {
    let fixture = Fixture::with(|settings| {
        settings.omit_id_token = true;
        settings.access_token_form = AccessTokenForm::Opaque;
    })
    .await;
    let tokens = fixture.sign_in().await;
    let drip = Fault::SlowDrip { every: Duration::from_millis(1) };
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, drip));
    let mut response = fixture.try_refresh(&tokens.refresh).await.unwrap();
    let (mut chunks, mut body) = (0, Vec::new());
    while let Some(chunk) = response.chunk().await.unwrap() {
        chunks += 1;
        body.extend_from_slice(&chunk);
    }
    assert!(chunks > 10, "{chunks}");
    let answer = Answer { status: 200, headers: HeaderMap::default(), text: String::from_utf8(body).unwrap() };
    assert_eq!(fixture.refresh(&answer.tokens().refresh).await.status, 200);
}

#[tokio::test]
async fn statuses_and_redirects_change_no_state() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let issuer = fixture.simulator.issuer().to_owned();
    for (fault, status) in [
        (Fault::too_many_requests(Some("7")), 429),
        (Fault::internal_server_error(), 500),
        (Fault::bad_gateway(), 502),
        (Fault::service_unavailable(Some("Wed, 21 Oct 2037 07:28:00 GMT")), 503),
        (Fault::unsupported_country(), 403),
        (Fault::Redirect { status: 307, location: issuer.clone() }, 307),
        (Fault::Redirect { status: 302, location: issuer.clone() }, 302),
    ] {
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Token, fault.clone()));
        let response = fixture.try_refresh(&tokens.refresh).await.unwrap();
        assert_eq!(response.status(), status);
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if let Fault::Status { retry_after, .. } = fault {
            assert_eq!(header(RETRY_AFTER), retry_after);
        } else {
            assert_eq!(header(LOCATION).as_ref(), Some(&issuer));
        }
    }
    assert_eq!(fixture.simulator.ledger()[0].rotations, 0);
}

#[tokio::test]
async fn a_standing_fault_applies_until_cleared() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_fault(FaultOrder::standing(Endpoint::Refresh, Fault::service_unavailable(None)));
    for _ in 0..3 {
        assert_eq!(fixture.refresh(&tokens.refresh).await.status, 503);
    }
    fixture.simulator.clear_faults();
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, 200);
}

fn was_reset(error: &(dyn Error + 'static)) -> bool {
    let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    error.downcast_ref().is_some_and(reset) || error.source().is_some_and(was_reset)
}
