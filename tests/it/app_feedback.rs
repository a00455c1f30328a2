//! What a provider's API says about an account is part of its status.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{App, AppError, ModelRequest},
    domain::credential::AccountState,
    ports::{Clock, TokenStore},
};
use http_message::{HeaderMap, StatusCode};

use crate::support::fakes::{OPENAI, ScriptedResponse, TestGateway, alice, name, settle, within};

const PROMPT: &str = r#"{"model": "openai-codex/gpt-5.5", "input": "Hello", "stream": true}"#;
const MINUTE: Duration = Duration::from_secs(60);

/// Connects a gateway that refreshes only on demand, and lets the token become old enough for that.
async fn connected() -> TestGateway {
    let gateway = TestGateway::configured(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway.clock.advance(15 * MINUTE);
    gateway
}

async fn prompt(app: &Arc<App>) -> Result<(), AppError> {
    let request = ModelRequest { headers: HeaderMap::new(), body: PROMPT.into() };
    within(app.models.create_response(request)).await.map(drop)
}

/// Lets the provider answer with this status and body from now on, and sends a prompt.
async fn answered(gateway: &TestGateway, status: u16, body: &str) -> Result<(), AppError> {
    let status = StatusCode::from_u16(status).expect("a status");
    gateway.upstream.play(ScriptedResponse::whole(status, body.to_owned()));
    let outcome = prompt(&gateway.app).await;
    settle().await;
    outcome
}

const LIMIT: &str = r#"{"error": {"type": "usage_limit_reached", "resets_in_seconds": 600}}"#;

#[tokio::test]
async fn a_plan_limit_is_told_until_it_passes_or_a_prompt_succeeds() {
    let gateway = connected().await;
    assert!(answered(&gateway, 429, LIMIT).await.is_err());
    let status = gateway.status(&alice()).await;
    assert_eq!((status.state, status.authenticated, status.reason), (AccountState::Active, true, None));
    assert_eq!(status.limited.expect("a limit").until, Some(gateway.clock.now().plus(10 * MINUTE)));
    gateway.clock.advance(10 * MINUTE);
    assert_eq!(gateway.status(&alice()).await.limited, None, "it has passed");

    assert!(answered(&gateway, 429, LIMIT).await.is_err());
    // It is no event stream, but it is a success.
    assert!(answered(&gateway, 200, "{}").await.is_err());
    assert_eq!(gateway.status(&alice()).await.limited, None, "a prompt has succeeded");
}

#[tokio::test]
async fn feedback_reaches_other_replicas_and_survives_a_restart_and_a_failing_store() {
    let mut gateway = connected().await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("it starts");
    gateway.store.fail_to("store the feedback of a provider");
    assert!(answered(&gateway, 429, LIMIT).await.is_err());
    assert!(gateway.status(&alice()).await.limited.is_some(), "from memory");
    assert_eq!(gateway.store.feedback().await.expect("it works"), []);
    gateway.store.repair();
    // The feedback is stored, and then the other replica reads it.
    for _ in 0..2 {
        gateway.clock.advance(Duration::from_secs(2));
        settle().await;
    }
    let status = other.accounts.status(&name(OPENAI), &alice()).await.expect("a status");
    assert!(status.limited.is_some(), "another replica");
    within(other.shut_down()).await;
    gateway.restart().await;
    assert!(gateway.status(&alice()).await.limited.is_some(), "after a restart");
    gateway.connect().await;
    assert_eq!(gateway.status(&alice()).await.limited, None, "a new login");
}
