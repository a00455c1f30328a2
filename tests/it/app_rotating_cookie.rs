//! Tests of rotating client cookies: a session provider may replace the cookie with any response, and the new cookie is
//! stored like a refresh token.

use std::time::Duration;

use goclaw::{
    app::{AppError, Connected, PastedSecret, Secret},
    domain::{
        credential::{AccountState, SealedCredential},
        ids::Generation,
    },
};
use serde_json::json;

use crate::support::fakes::{NOW, TestGateway, alice, jwt, name, settle, within};

const SUNO: &str = "suno";
const HOUR: i64 = 3600;

/// Returns the Unix time `seconds` after the start of the test.
fn unix_time_after(seconds: i64) -> i64 {
    NOW.unix_seconds() + seconds
}

/// Connects with a cookie, and with a session token if a session is given.
async fn register(gateway: &TestGateway, cookie: &str, session: Option<&str>) -> Result<Connected, AppError> {
    let token = session.map(|id| jwt(&json!({"sid": id, "exp": unix_time_after(HOUR)})).into());
    let secret = Secret::ClientCookie { cookie: cookie.into(), session_token: token };
    let pasted = PastedSecret { secret, display_name: None, provider_type: None, unchecked: false };
    within(gateway.app.accounts.register_secret(name(SUNO), pasted)).await
}

/// Opens a gateway with an account that has the cookie `c1` of a logged-in browser.
async fn connected_gateway() -> TestGateway {
    let gateway = TestGateway::open().await;
    gateway.provider.add_browser("c1", unix_time_after(HOUR));
    register(&gateway, "c1", None).await.expect("the account connects");
    gateway
}

async fn refresh(gateway: &TestGateway) -> AccountState {
    within(gateway.app.accounts.refresh(&name(SUNO), &alice(), None)).await.expect("a status").state
}

async fn account(gateway: &TestGateway) -> SealedCredential {
    gateway.account(SUNO).await.expect("a connected account")
}

async fn stored_cookie(gateway: &TestGateway) -> String {
    gateway.tokens(SUNO).await.and_then(|(_, cookie)| cookie).expect("a cookie")
}

fn sessions_refreshed(gateway: &TestGateway) -> Vec<Option<String>> {
    gateway.provider.sessions_refreshed()
}

#[tokio::test]
async fn the_cookie_alone_gets_the_session_token() {
    let gateway = connected_gateway().await;
    assert_eq!(sessions_refreshed(&gateway), [None, Some("sess_1".to_owned())]);
    assert!(gateway.app.accounts.status(&name(SUNO), &alice()).await.expect("a status").authenticated);
    assert_eq!(stored_cookie(&gateway).await, "c1");
    assert!(!account(&gateway).await.metadata.cookie_rotates);
}

#[tokio::test]
async fn a_cookie_replaced_before_the_login_is_saved_is_the_one_saved() {
    for (session, replacements) in
        [(Some("sess_1"), &["c2"][..]), (None, &["c2"]), (None, &["c2", "c3"]), (Some("sess_ended"), &["c2", "c3"])]
    {
        let gateway = TestGateway::open().await;
        gateway.provider.add_browser("c1", unix_time_after(HOUR));
        gateway.provider.replace_cookie(replacements);
        let connected = register(&gateway, "c1", session).await.expect("the account connects");
        assert!(connected.authenticated, "{session:?} {replacements:?}");
        assert_eq!(Some(&stored_cookie(&gateway).await.as_str()), replacements.last(), "{session:?}");
        assert!(account(&gateway).await.metadata.cookie_rotates);
    }
}

#[tokio::test]
async fn a_failed_check_that_replaces_the_cookie_saves_the_new_one() {
    let gateway = TestGateway::open().await;
    gateway.provider.add_browser("c1", unix_time_after(HOUR));
    gateway.provider.replace_cookie(&["c2"]);
    gateway.provider.fail_session_requests(&[500]);
    let connected = register(&gateway, "c1", None).await.expect("the provider has accepted the cookie");
    assert!(connected.authenticated);
    assert_eq!(gateway.provider.cookies_presented(), ["c1", "c2", "c2"]);
}

#[tokio::test]
async fn a_refresh_stores_a_new_cookie_with_its_token() {
    let gateway = connected_gateway().await;
    gateway.provider.replace_cookie(&["c2"]);
    assert_eq!(refresh(&gateway).await, AccountState::Active);
    assert_eq!((stored_cookie(&gateway).await.as_str(), account(&gateway).await.generation()), ("c2", Generation(1)));
    assert_eq!(refresh(&gateway).await, AccountState::Active);
    assert_eq!(gateway.provider.cookies_presented().last().map(String::as_str), Some("c2"));
}

#[tokio::test]
async fn a_new_cookie_is_durable_before_it_is_presented() {
    let gateway = TestGateway::open().await;
    gateway.provider.add_browser("c1", unix_time_after(HOUR));
    let unchecked = PastedSecret {
        secret: Secret::ClientCookie { cookie: "c1".into(), session_token: None },
        display_name: None,
        provider_type: None,
        unchecked: true,
    };
    gateway.provider.replace_cookie(&["c2", "c3"]);
    gateway.provider.hang();
    let connected = gateway.app.accounts.register_secret(name(SUNO), unchecked).await.expect("the account connects");
    assert!(!connected.authenticated, "there is no session token yet");
    settle().await;
    gateway.store.fail_to("refresh an account");
    gateway.provider.resume();
    settle().await;
    assert_eq!(sessions_refreshed(&gateway), [None], "nothing is presented while the new cookie is not stored");
    assert_eq!(gateway.journal.unsaved().len(), 1);
    gateway.store.repair();
    gateway.clock.advance(Duration::from_secs(5));
    settle().await;
    assert_eq!(gateway.provider.cookies_presented(), ["c1", "c2"]);
    assert_eq!((stored_cookie(&gateway).await.as_str(), account(&gateway).await.generation()), ("c3", Generation(2)));
}

#[tokio::test]
async fn a_failed_refresh_that_replaces_the_cookie_stores_it() {
    let gateway = connected_gateway().await;
    gateway.provider.replace_cookie(&["c2"]);
    gateway.provider.fail_session_requests(&[500]);
    assert_eq!(refresh(&gateway).await, AccountState::Active);
    assert_eq!((stored_cookie(&gateway).await.as_str(), account(&gateway).await.generation()), ("c2", Generation(1)));
    assert_eq!(refresh(&gateway).await, AccountState::Active);
    assert_eq!(account(&gateway).await.generation(), Generation(2));
}

#[tokio::test]
async fn a_refusal_that_replaces_the_cookie_invalidates_only_the_old_one() {
    let gateway = connected_gateway().await;
    gateway.provider.replace_cookie(&["c2"]);
    gateway.provider.fail_session_requests(&[401]);
    assert_eq!(refresh(&gateway).await, AccountState::Active);
    assert_eq!((stored_cookie(&gateway).await.as_str(), account(&gateway).await.generation()), ("c2", Generation(2)));
}

#[tokio::test]
async fn an_account_needs_reauth_if_the_provider_replaces_cookies_without_a_token() {
    let gateway = connected_gateway().await;
    let before = gateway.provider.cookies_presented().len();
    gateway.provider.replace_cookie(&["c2", "c3", "c4", "c5", "c6"]);
    gateway.provider.fail_session_requests(&[401; 5]);
    assert_eq!(refresh(&gateway).await, AccountState::NeedsReauth);
    let presented = gateway.provider.cookies_presented().split_off(before);
    assert_eq!(presented, ["c1", "c2", "c3", "c4"], "a refresh presents at most four times");
    assert_eq!(stored_cookie(&gateway).await, "c5");
}

/// The clock stands still until the second gateway has started, so the first one does not retry.
#[tokio::test]
async fn a_new_cookie_in_the_journal_survives_a_crash() {
    let gateway = connected_gateway().await;
    gateway.provider.replace_cookie(&["c2"]);
    gateway.provider.fail_session_requests(&[500]);
    gateway.provider.hang();
    let (app, account_name) = (gateway.app.clone(), name(SUNO));
    #[expect(clippy::disallowed_methods, reason = "the test does not wait for this task")]
    tokio::spawn(async move { app.accounts.refresh(&account_name, &alice(), None).await });
    settle().await;
    gateway.store.fail_to("refresh an account");
    gateway.provider.resume();
    settle().await;
    assert_eq!((stored_cookie(&gateway).await.as_str(), gateway.journal.unsaved().len()), ("c1", 1));
    gateway.store.repair();
    let next = gateway.another_gateway(1);
    next.start().await.expect("the gateway starts");
    assert_eq!((stored_cookie(&gateway).await.as_str(), gateway.journal.unsaved().len()), ("c2", 0));
    gateway.clock.advance(Duration::from_secs(60));
    let refreshed = within(next.accounts.refresh(&name(SUNO), &alice(), None)).await.expect("a status");
    assert_eq!((refreshed.state, refreshed.generation), (AccountState::Active, Some(Generation(2))));
}

#[tokio::test]
async fn a_cookie_that_is_known_to_rotate_is_in_doubt_without_a_response() {
    let gateway = connected_gateway().await;
    gateway.provider.time_out_session_requests(1);
    assert_eq!(refresh(&gateway).await, AccountState::Active, "the cookie was never replaced");
    // Longer than the longest pause after a failed refresh.
    gateway.clock.advance(Duration::from_secs(600));
    gateway.provider.replace_cookie(&["c2"]);
    for _ in 0..2 {
        assert_eq!(refresh(&gateway).await, AccountState::Active);
    }
    gateway.provider.time_out_session_requests(1);
    assert_eq!(refresh(&gateway).await, AccountState::InDoubt);
    let before = gateway.provider.cookies_presented().len();
    assert_eq!(refresh(&gateway).await, AccountState::InDoubt);
    assert_eq!(
        gateway.provider.cookies_presented().len(),
        before,
        "the cookie is not presented again while the token is valid"
    );
}

#[tokio::test]
async fn a_late_response_with_a_new_cookie_is_stored() {
    let gateway = connected_gateway().await;
    gateway.provider.replace_cookie(&["c2"]);
    gateway.provider.hang();
    let (app, account_name) = (gateway.app.clone(), name(SUNO));
    #[expect(clippy::disallowed_methods, reason = "the test waits for this task")]
    let refreshing = tokio::spawn(async move { app.accounts.refresh(&account_name, &alice(), None).await });
    // The caller waits for a response for 20 s.
    for _ in 0..30 {
        settle().await;
        gateway.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(within(refreshing).await.expect("no panic").expect("a status").generation, Some(Generation::FIRST));
    gateway.provider.resume();
    settle().await;
    assert_eq!((stored_cookie(&gateway).await.as_str(), account(&gateway).await.generation()), ("c2", Generation(1)));
}

#[tokio::test]
async fn a_cookie_replaced_during_the_check_is_saved_when_the_database_is_back() {
    for is_pasted_again in [false, true] {
        let gateway = TestGateway::open().await;
        gateway.provider.add_browser("c1", unix_time_after(HOUR));
        gateway.provider.replace_cookie(&["c2"]);
        gateway.store.fail_to("save a login");
        let unsaved = register(&gateway, "c1", Some("sess_1")).await;
        assert!(matches!(unsaved, Err(AppError::SecretUnsaved(_))), "{unsaved:?}");
        gateway.store.repair();
        let expected = if is_pasted_again { "c3" } else { "c2" };
        if is_pasted_again {
            gateway.provider.add_browser("c3", unix_time_after(HOUR));
            register(&gateway, "c3", Some("sess_1")).await.expect("the account connects");
        }
        gateway.clock.advance(Duration::from_secs(2));
        settle().await;
        assert_eq!(stored_cookie(&gateway).await, expected, "a later attempt replaces no newer login");
    }
}
