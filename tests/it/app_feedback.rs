//! Tests of provider feedback: what a provider's API reports about an account becomes part of its status.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use goclaw::{
    app::{App, AppError, ModelRequest, Ports, ProxyRequest},
    domain::{
        credential::AccountState,
        history::{CredentialEvent, EventKind},
        ids::Generation,
        scope::Rights,
    },
    ports::{Clock, CredentialHistory, RequestBody, TokenStore},
};
use http_message::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::fakes::{
    FakeNotifier, OPENAI, RefreshFault, Reply, ScriptedResponse, TestGateway, alice, name, settle, within,
};

const PROMPT: &str = r#"{"model": "openai-codex/gpt-5.5", "input": "Hello", "stream": true}"#;
const MINUTE: Duration = Duration::from_secs(60);

/// Connects a gateway that refreshes only on demand, and advances the clock until the token is old enough for that.
async fn connected() -> TestGateway {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.provider.reply_with(Reply::Tokens { lifetime: Some(90 * 24 * 3600), with_refresh_token: true });
    gateway.connect().await;
    gateway.clock.advance(15 * MINUTE);
    gateway
}

async fn prompt(app: &Arc<App>) -> Result<(), AppError> {
    let request =
        ModelRequest { headers: HeaderMap::new(), body: PROMPT.into(), rights: Rights::Owner, caller: alice() };
    within(app.models.create_response(request)).await.map(drop)
}

/// Makes the provider respond with this status and body from now on, and sends a prompt.
async fn prompt_with_response(gateway: &TestGateway, status: u16, body: &str) -> Result<(), AppError> {
    let status = StatusCode::from_u16(status).expect("a status");
    gateway.upstream.play(ScriptedResponse::whole(status, body.to_owned()));
    let outcome = prompt(&gateway.app).await;
    settle().await;
    outcome
}

/// Makes the provider respond with a stream of these events, and sends a prompt.
async fn prompt_with_stream(gateway: &TestGateway, events: &[Value]) -> Result<(), AppError> {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let mut response = ScriptedResponse::whole(StatusCode::OK, events);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    gateway.upstream.play(response);
    let request =
        ModelRequest { headers: HeaderMap::new(), body: PROMPT.into(), rights: Rights::Owner, caller: alice() };
    let response = within(gateway.app.models.create_response(request)).await?;
    within(response.body.map(drop).collect::<()>()).await;
    settle().await;
    Ok(())
}

/// Sends a prompt that succeeds.
async fn succeed(gateway: &TestGateway) {
    let response = json!({"id": "resp_1", "status": "completed", "output": []});
    prompt_with_stream(gateway, &[json!({"type": "response.completed", "response": response})])
        .await
        .expect("a response");
}

const LIMIT: &str = r#"{"error": {"type": "usage_limit_reached", "resets_in_seconds": 600}}"#;

#[tokio::test]
async fn a_plan_limit_is_reported_until_it_resets_or_a_prompt_succeeds() {
    let gateway = connected().await;
    assert!(prompt_with_response(&gateway, 429, LIMIT).await.is_err());
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.authenticated, status.reason), (AccountState::Active, true, None));
    assert_eq!(status.limited.expect("a limit").until, Some(gateway.clock.now().plus(10 * MINUTE)));
    gateway.clock.advance(10 * MINUTE);
    assert_eq!(gateway.status(&alice()).await.limited, None, "the limit has been reset");

    assert!(prompt_with_response(&gateway, 429, LIMIT).await.is_err());
    succeed(&gateway).await;
    assert_eq!(gateway.status(&alice()).await.limited, None, "a prompt has succeeded");
}

#[tokio::test]
async fn failures_in_a_stream_become_part_of_the_status() {
    let gateway = connected().await;
    let resets_at = gateway.clock.now().plus(10 * MINUTE);
    let limit = json!({"code": "usage_limit_reached", "message": "No.", "resets_at": resets_at.unix_seconds()});
    let failed = json!({"type": "response.failed", "response": {"id": "resp_1", "error": limit}});
    let outcome = prompt_with_stream(&gateway, &[failed]).await;
    let Err(AppError::ProviderRefused(refused)) = outcome else {
        panic!("a failure before any output is an error: {outcome:?}")
    };
    assert_eq!((refused.retry_after, refused.resets_at), (Some(10 * MINUTE), Some(resets_at.unix_seconds())));
    assert_eq!(gateway.status(&alice()).await.limited.expect("a limit").until, Some(resets_at));
    succeed(&gateway).await;
    assert_eq!(gateway.status(&alice()).await.limited, None);

    // A failure after the first output changes the status too.
    let deactivated = json!({"code": "deactivated_workspace", "message": "No."});
    let failed = json!({"type": "response.failed", "response": {"id": "resp_1", "error": deactivated}});
    let delta = json!({"type": "response.output_text.delta", "delta": "Hello"});
    prompt_with_stream(&gateway, &[delta, failed]).await.expect("a response");
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Refused);
}

#[tokio::test]
async fn feedback_reaches_other_replicas_and_survives_a_restart_and_a_failing_store() {
    let mut gateway = connected().await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    gateway.store.fail_to("store the feedback of a provider");
    assert!(prompt_with_response(&gateway, 429, LIMIT).await.is_err());
    assert!(gateway.status(&alice()).await.limited.is_some(), "reported from memory");
    assert_eq!(gateway.store.feedback().await.expect("no store error"), []);
    gateway.store.repair();
    // The feedback is stored, and then the other replica reads it.
    for _ in 0..2 {
        gateway.clock.advance(Duration::from_secs(2));
        settle().await;
    }
    let status = other.accounts.status(&name(OPENAI), &alice()).await.expect("a status");
    assert!(status.limited.is_some(), "reported by another replica");
    within(other.shut_down()).await;
    gateway.restart().await;
    assert!(gateway.status(&alice()).await.limited.is_some(), "reported after a restart");
    gateway.connect().await;
    assert_eq!(gateway.status(&alice()).await.limited, None, "a new login removes the limit");
}

const DEACTIVATED: &str = r#"{"detail": {"code": "deactivated_workspace"}}"#;

/// Returns the events of refusals, newest first.
async fn refusals(gateway: &TestGateway) -> Vec<CredentialEvent> {
    let events = gateway.store.newest(100).await.expect("the store works");
    events.into_iter().filter(|event| event.kind == EventKind::Refused).collect()
}

#[tokio::test]
async fn a_refused_account_is_reported_until_a_prompt_succeeds() {
    let gateway = connected().await;
    for _ in 0..3 {
        assert!(prompt_with_response(&gateway, 402, DEACTIVATED).await.is_err(), "every prompt is sent");
    }
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.authenticated), (AccountState::Refused, false));
    assert!(status.reason.is_some_and(|reason| reason.contains("deactivated_workspace")));
    let listed = gateway.app.accounts.list().await.expect("a list");
    let listed = listed.into_iter().find(|account| account.name == name(OPENAI)).expect("the account");
    assert_eq!((listed.state, listed.authenticated), (AccountState::Refused, false));
    let reported = refusals(&gateway).await;
    let codes: Vec<_> = reported.iter().map(|event| event.code.as_ref().map(|code| code.as_str())).collect();
    assert_eq!(codes, [Some("deactivated_workspace")]);
    // A login starts without `force`, because the account needs one.
    gateway.start_login(alice()).await;
    assert!(gateway.provider.presented().is_empty(), "a refresh would not help");
    succeed(&gateway).await;
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.authenticated, status.reason), (AccountState::Active, true, None));
}

/// The provider ended the access token, and its token endpoint cannot be reached at the moment.
#[tokio::test]
async fn a_dead_access_token_is_replaced_as_soon_as_the_token_endpoint_works_again() {
    const DEAD: &str = r#"{"error": {"code": "token_invalidated", "message": "Please try signing in again."}}"#;
    let gateway = TestGateway::open().await;
    gateway.provider.reply_with(Reply::Tokens { lifetime: Some(90 * 24 * 3600), with_refresh_token: true });
    gateway.connect().await;
    gateway.clock.advance(15 * MINUTE);
    gateway.provider.queue_refresh_faults(&[RefreshFault::NotReached; 2]);
    let refused = prompt_with_response(&gateway, 401, DEAD).await;
    assert!(matches!(refused, Err(AppError::RefreshUnavailable { .. })), "{refused:?}");
    let reason = gateway.status(&alice()).await.reason.expect("a reason");
    assert!(reason.contains("rejected the access token") && reason.contains("retries"), "{reason}");
    for _ in 0..30 {
        gateway.clock.advance(MINUTE / 2);
        settle().await;
    }
    let status = gateway.status(&alice()).await;
    assert_eq!((status.authenticated, status.reason, status.generation), (true, None, Some(Generation(1))));
}

#[tokio::test]
async fn an_unreadable_row_does_not_stop_the_feedback_of_other_accounts() {
    let gateway = connected().await;
    for account in ["work", "home", "spare"] {
        gateway.connect_as(account).await;
        gateway.store.damage(&name(account));
        let version = gateway.app.tokens.registry().get(&name(account)).expect("an account").refresh.version.clone();
        let body = PROMPT.replace("openai-codex", account);
        let request =
            ModelRequest { headers: HeaderMap::new(), body: body.into(), rights: Rights::Owner, caller: alice() };
        gateway.upstream.play(ScriptedResponse::whole(StatusCode::PAYMENT_REQUIRED, DEACTIVATED.to_owned()));
        assert!(within(gateway.app.models.create_response(request)).await.is_err(), "{version}");
    }
    assert!(prompt_with_response(&gateway, 402, DEACTIVATED).await.is_err());
    let stored = gateway.store.feedback().await.expect("no store error");
    assert_eq!(stored.into_iter().map(|stored| stored.name).collect::<Vec<_>>(), [name(OPENAI)]);
}

#[tokio::test]
async fn a_lasting_refusal_sets_the_account_state_whatever_its_http_status() {
    for (status, body, code) in [
        (403, r#"{"error": {"code": "workspace_access_denied", "message": "No."}}"#, "workspace_access_denied"),
        (429, r#"{"error": {"code": "billing_not_active", "message": "No."}}"#, "billing_not_active"),
        (400, r#"{"code": "Arrearage", "message": "Access denied.", "request_id": "r"}"#, "Arrearage"),
        (402, r#"{"detail": {"code": "a_new_code"}}"#, "a_new_code"),
        (403, r#"{"detail": {"code": "invalid_workspace_selected"}}"#, "invalid_workspace_selected"),
        (403, r#"{"error": {"code": "codex_entitlement_missing"}}"#, "codex_entitlement_missing"),
    ] {
        let gateway = connected().await;
        let outcome = prompt_with_response(&gateway, status, body).await;
        assert!(matches!(&outcome, Err(AppError::ProviderRefused(refusal)) if refusal.code == code), "{code}");
        let reported = gateway.status(&alice()).await;
        assert_eq!((reported.state, reported.authenticated), (AccountState::Refused, false), "{code}");
        assert!(
            reported.reason.is_some_and(|reason| reason.contains(code) && !reason.contains("access token")),
            "{code}"
        );
        succeed(&gateway).await;
        assert_eq!(gateway.status(&alice()).await.state, AccountState::Active, "{code}");
    }
    let gateway = connected().await;
    for forbidden in [
        r#"{"error": {"code": "model_access_denied", "message": "Not this model."}}"#,
        r#"{"error": {"code": "AllocationQuota.FreeTierOnly", "message": "The free tier of the model is used up."}}"#,
    ] {
        assert!(prompt_with_response(&gateway, 403, forbidden).await.is_err());
        assert_eq!(gateway.status(&alice()).await.state, AccountState::Active, "another model may be allowed");
    }
}

#[tokio::test]
async fn a_refusal_is_announced_at_most_once_in_ten_minutes() {
    let notifier = Arc::new(FakeNotifier::default());
    let gateway = TestGateway::with_ports(|ports| Ports { notifier: Some(notifier.clone()), ..ports }).await;
    gateway.connect().await;
    for (wait, announced) in [(0, 1), (1, 1), (10, 2)] {
        gateway.clock.advance(wait * MINUTE);
        assert!(prompt_with_response(&gateway, 402, DEACTIVATED).await.is_err());
        assert_eq!(refusals(&gateway).await.len(), announced);
        succeed(&gateway).await;
    }
    let notified: Vec<_> = notifier.received().into_iter().map(|event| event.kind).collect();
    assert_eq!(notified, [EventKind::Refused, EventKind::Refused]);
}

#[tokio::test]
async fn a_forwarded_response_does_not_change_the_account_state() {
    let gateway = connected().await;
    gateway.upstream.play(ScriptedResponse::whole(StatusCode::PAYMENT_REQUIRED, DEACTIVATED));
    let request = ProxyRequest {
        rights: Rights::Owner,
        name: name(OPENAI),
        method: Method::GET,
        path: "wham/usage".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: RequestBody::default(),
    };
    assert_eq!(within(gateway.app.models.forward(request)).await.expect("a response").status, 402);
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn a_missing_scope_marks_the_account_as_refused_without_a_refresh() {
    for code in ["missing_scope", "account_deactivated"] {
        let gateway = connected().await;
        gateway.upstream.refuse("access-1", code);
        for _ in 0..3 {
            assert!(prompt(&gateway.app).await.is_err());
            gateway.clock.advance(15 * MINUTE);
        }
        let status = gateway.status(&alice()).await;
        assert_eq!((status.state, status.authenticated), (AccountState::Refused, false), "{code}");
        assert!(status.reason.is_some_and(|reason| reason.contains(code)));
        assert!(gateway.provider.presented().is_empty(), "{code}: a refresh adds no scope");
    }
}

#[tokio::test]
async fn futile_refreshes_after_a_401_back_off_for_hours() {
    let gateway = connected().await;
    gateway.upstream.refuse_all();
    let mut states = Vec::new();
    for _ in 0..40 {
        assert!(prompt(&gateway.app).await.is_err());
        states.push(gateway.status(&alice()).await.state);
        gateway.clock.advance(2 * MINUTE);
    }
    assert_eq!(gateway.provider.presented().len(), 2);
    assert_eq!(states[..3], [AccountState::Active, AccountState::Refused, AccountState::Refused]);
    // One more refresh runs after 6 h (the loop took the first of them), then after 12 h and 24 h.
    for (hours, presented) in [(5, 3), (11, 3), (2, 4), (23, 4), (2, 5), (23, 5), (2, 6)] {
        gateway.clock.advance(60 * MINUTE * hours);
        for _ in 0..2 {
            assert!(prompt(&gateway.app).await.is_err());
        }
        assert_eq!(gateway.provider.presented().len(), presented, "after {hours} h");
    }
    gateway.app.accounts.refresh(&name(OPENAI), &alice(), None).await.expect("a status");
    assert_eq!(gateway.provider.presented().len(), 7, "a requested refresh is never delayed");
    succeed(&gateway).await;
    assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
}

#[tokio::test]
async fn a_refresh_that_cures_a_401_is_never_delayed() {
    let gateway = connected().await;
    for number in 0..5 {
        let token = if number == 0 { "access-1".to_owned() } else { format!("access-of-refreshed-{number}") };
        gateway.upstream.refuse(&token, "unknown");
        assert!(prompt(&gateway.app).await.is_err(), "the scripted success is not an event stream");
        assert_eq!(gateway.status(&alice()).await.state, AccountState::Active);
        gateway.clock.advance(15 * MINUTE);
    }
    assert_eq!(gateway.provider.presented().len(), 5);
}

#[tokio::test]
async fn problems_of_the_gateway_are_part_of_the_status() {
    let gateway = connected().await;
    let reason = async || gateway.status(&alice()).await.reason.unwrap_or_default();
    for (skew, reported) in [(90_500, "90 s ahead of the database's"), (-90_500, "90 s behind the database's")] {
        gateway.clock.set_skew(skew);
        assert!(reason().await.contains(reported), "{}", reason().await);
    }
    gateway.clock.set_skew(0);
    assert_eq!(reason().await, "");
    gateway.store.fail_all();
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.authenticated), (AccountState::Active, true));
    assert!(reason().await.contains("comes from memory: the database is unavailable"), "{}", reason().await);
    gateway.store.repair();
    for _ in 0..5 {
        gateway.clock.advance(15 * MINUTE);
        gateway.provider.queue_refresh_faults(&[RefreshFault::NotReached]);
        gateway.app.accounts.refresh(&name(OPENAI), &alice(), None).await.expect("a status");
    }
    assert!(reason().await.contains("Refreshes are paused"), "{}", reason().await);
}
