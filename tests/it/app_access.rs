//! Tests of API tokens and page links: expiry, last use, and revocation by name or id, also on other replicas.

use std::time::Duration;

use futures_util::FutureExt;
use goclaw::{
    app::{AppError, IssuedToken},
    domain::api_token::{ApiToken, TokenDigest},
};
use secrecy::ExposeSecret;

use crate::support::fakes::{NOW, TestGateway, settle, within};

const MINUTE: Duration = Duration::from_secs(60);

async fn create(gateway: &TestGateway, name: &str, lifetime: Option<Duration>) -> Result<IssuedToken, AppError> {
    within(gateway.app.access.create_token(name.into(), None, lifetime)).await
}

fn digest(issued: &IssuedToken) -> TokenDigest {
    TokenDigest::of(issued.secret.expose_secret())
}

async fn tokens(gateway: &TestGateway) -> Vec<ApiToken> {
    within(gateway.app.access.list_tokens()).await.expect("a list").into_iter().map(|program| program.token).collect()
}

#[tokio::test]
async fn a_token_expires_and_its_name_is_free_again() {
    let gateway = TestGateway::open().await;
    let (short, endless) = (create(&gateway, "short", Some(MINUTE)).await, create(&gateway, "endless", None).await);
    let (short, endless) = (digest(&short.expect("a token")), digest(&endless.expect("a token")));
    gateway.clock.advance(MINUTE - Duration::from_millis(1));
    assert!(gateway.app.access.find(&short).is_some());
    gateway.clock.advance(Duration::from_millis(1));
    assert!(gateway.app.access.find(&short).is_none() && gateway.app.access.find(&endless).is_some());
    let rotated = within(gateway.app.access.rotate_token("short", MINUTE)).await;
    assert!(matches!(rotated, Err(AppError::TokenExpired(name)) if name == "short"));
    create(&gateway, "short", None).await.expect("the name is free");
    let taken = create(&gateway, "endless", None).await;
    assert!(matches!(taken, Err(AppError::TokenNameTaken(name)) if name == "endless"));
}

#[tokio::test]
async fn a_use_is_recorded_once_an_hour() {
    let gateway = TestGateway::open().await;
    let token = digest(&create(&gateway, "editor", None).await.expect("a token"));
    let use_twice = async || {
        let known = gateway.app.access.find(&token).expect("a valid token");
        gateway.app.access.note_use(&known);
        gateway.app.access.note_use(&known);
        settle().await;
        tokens(&gateway).await[0].last_used_at
    };
    assert_eq!(tokens(&gateway).await[0].last_used_at, None);
    assert_eq!(use_twice().await, Some(NOW));
    gateway.clock.advance(59 * MINUTE);
    assert_eq!(use_twice().await, Some(NOW));
    gateway.clock.advance(MINUTE);
    assert_eq!(use_twice().await, Some(NOW.plus(60 * MINUTE)));
}

#[tokio::test]
async fn an_idle_session_ends() {
    const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
    let gateway = TestGateway::open().await;
    let access = &gateway.app.access;
    let session = within(access.start_page_session()).await.expect("a session").token;
    gateway.clock.advance(IDLE_TIMEOUT - MINUTE);
    within(access.extend_page_session(&session)).await.expect("a session in use is extended");
    gateway.clock.advance(IDLE_TIMEOUT - Duration::from_millis(1));
    let known = access.find(&session.digest).expect("the extended session");
    gateway.clock.advance(Duration::from_millis(1));
    assert!(access.find(&session.digest).is_none());
    assert!(within(access.list_sessions()).await.expect("a list").is_empty());
    let extended = within(access.extend_page_session(&known.token)).await;
    assert!(matches!(extended, Err(AppError::UnknownToken)), "an ended session is not extended: {extended:?}");
}

#[tokio::test]
async fn links_and_sessions_end_with_an_idle_parent() {
    let gateway = TestGateway::open().await;
    let access = &gateway.app.access;
    let parent = within(access.start_page_session()).await.expect("a session").token;
    let link = within(access.create_page_link(Some(&parent))).await.expect("a link").token;
    let child = within(access.redeem_page_link(&link)).await.expect("a session").token;
    let other = within(access.start_page_session()).await.expect("a session").token;
    gateway.clock.advance(29 * MINUTE);
    let extend = async |session: &ApiToken| within(access.extend_page_session(session)).await.expect("it is extended");
    let (child, other) = (extend(&child).await, extend(&other).await);
    let link = within(access.create_page_link(Some(&child))).await.expect("a link").token;
    assert!(access.find(&child.digest).is_some() && access.find(&link.digest).is_some());
    gateway.clock.advance(MINUTE);
    assert!(access.find(&parent.digest).is_none() && access.find(&child.digest).is_none());
    assert!(access.find(&link.digest).is_none() && access.find(&other.digest).is_some());
    // Issuing a token deletes the expired ones.
    create(&gateway, "editor", None).await.expect("a token");
    assert_eq!(within(access.list_sessions()).await.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_link_is_redeemed_even_if_its_caller_disconnects() {
    let gateway = TestGateway::open().await;
    let link = within(gateway.app.access.create_page_link(None)).await.expect("a link").token;
    let unfinished = gateway.app.access.redeem_page_link(&link).now_or_never();
    assert!(unfinished.is_none(), "the call is in progress");
    settle().await;
    let sessions = within(gateway.app.access.list_sessions()).await.expect("a list");
    assert!(sessions.len() == 1 && sessions[0].id != link.id, "{sessions:?}");
}

#[tokio::test]
async fn a_failed_redemption_leaves_the_link_valid() {
    let gateway = TestGateway::open().await;
    let link = within(gateway.app.access.create_page_link(None)).await.expect("a link").token;
    gateway.store.fail_to("forget expired tokens");
    let failed = within(gateway.app.access.redeem_page_link(&link)).await;
    assert!(matches!(failed, Err(AppError::Store(_))), "{failed:?}");
    gateway.store.repair();
    within(gateway.app.access.redeem_page_link(&link)).await.expect("a session");
}

#[tokio::test]
async fn a_stored_change_succeeds_although_the_database_fails_after_it() {
    let gateway = TestGateway::open().await;
    let (access, store) = (&gateway.app.access, &gateway.store);
    // The follower reads the tokens half a second after the repair.
    let repair = async || {
        store.repair();
        gateway.clock.advance(Duration::from_secs(1));
        settle().await;
    };
    store.fail_after("store a token");
    create(&gateway, "editor", None).await.expect("a token");
    repair().await;
    store.fail_after("rotate a token");
    let rotated = within(access.rotate_token("editor", Duration::ZERO)).await.expect("a rotated token");
    repair().await;
    let rotated = access.find(&digest(&rotated.issued)).expect("the new secret is valid");
    store.fail_after("delete a token");
    within(access.revoke_token("editor")).await.expect("the token is revoked");
    assert!(access.find(&rotated.token.digest).is_none() && rotated.revoked.is_cancelled());
    repair().await;

    let parent = within(access.start_page_session()).await.expect("a session").token;
    let link = within(access.create_page_link(Some(&parent))).await.expect("a link").token;
    let child = within(access.redeem_page_link(&link)).await.expect("a session").token;
    let other = within(access.start_page_session()).await.expect("a session").token;
    store.fail_after("extend a token");
    within(access.extend_page_session(&parent)).await.expect("the session is extended");
    repair().await;
    store.fail_after("delete a token");
    within(access.end_page_session(parent.id.as_str())).await.expect("the session is ended");
    assert!(access.find(&parent.digest).is_none() && access.find(&child.digest).is_none());
    assert!(access.find(&other.digest).is_some());
    repair().await;
    store.fail_after("delete tokens");
    assert_eq!(within(access.end_all_sessions(false)).await.expect("the sessions are ended"), 1);
    assert!(access.find(&other.digest).is_none());
}

#[tokio::test]
async fn a_token_is_revoked_by_its_name_or_six_characters_of_its_id() {
    let gateway = TestGateway::open().await;
    let revoke = async |named: &str| within(gateway.app.access.revoke_token(named)).await;
    let id = |issued: Result<IssuedToken, AppError>| issued.expect("a token").token.id.as_str().to_owned();
    let (by_id, by_short_id) = (id(create(&gateway, "a", None).await), id(create(&gateway, "b", None).await));
    create(&gateway, "by name", None).await.expect("a token");
    let stays = create(&gateway, "stays", None).await.expect("a token");
    for unknown in ["", "by", &by_id[..5], "no such token"] {
        assert!(matches!(revoke(unknown).await, Err(AppError::UnknownToken)), "{unknown}");
    }
    revoke(&by_id).await.expect("the token is revoked");
    revoke(&by_short_id[..6]).await.expect("the token is revoked");
    revoke("by name").await.expect("the token is revoked");
    assert_eq!(tokens(&gateway).await, std::slice::from_ref(&stays.token));
    let known = gateway.app.access.find(&digest(&stays)).expect("a valid token");
    assert!(!known.revoked.is_cancelled());
    revoke("stays").await.expect("the token is revoked");
    assert!(known.revoked.is_cancelled(), "its running requests are cancelled");
}

#[tokio::test]
async fn other_replicas_reject_a_revoked_token_within_a_second() {
    let gateway = TestGateway::open().await;
    let token = create(&gateway, "editor", None).await.expect("a token");
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    let known = other.access.find(&digest(&token)).expect("a valid token");
    within(gateway.app.access.revoke_token("editor")).await.expect("the token is revoked");
    assert!(!known.revoked.is_cancelled(), "the other replica has not polled yet");
    gateway.clock.advance(Duration::from_secs(1));
    settle().await;
    assert!(other.access.find(&digest(&token)).is_none());
    assert!(known.revoked.is_cancelled(), "its running requests are cancelled");
}
