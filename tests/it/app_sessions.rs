//! Tests of session tokens: they are refreshed with the client cookie, and expire without one.

use std::time::Duration;

use goclaw::{
    app::{AppError, PastedSecret, Secret},
    domain::{credential::AccountState, ids::Generation},
};
use secrecy::SecretString;
use serde_json::json;

use crate::support::fakes::{NOW, TestGateway, alice, jwt, name, settle, within};

const SUNO: &str = "suno";
const HOUR: Duration = Duration::from_secs(3600);

/// Returns the Unix time `seconds` after the start of the test.
fn unix_time_after(seconds: i64) -> i64 {
    NOW.unix_seconds() + seconds
}

async fn register(gateway: &TestGateway, seconds: i64, cookie: Option<&str>) -> Result<(), AppError> {
    let pasted = pasted_secret(seconds, cookie);
    gateway.app.accounts.register_secret(name(SUNO), pasted).await.map(drop)
}

fn pasted_secret(seconds: i64, cookie: Option<&str>) -> PastedSecret {
    let token = SecretString::from(jwt(&json!({"sid": "sess_1", "exp": unix_time_after(seconds)})));
    let secret = match cookie {
        Some(cookie) => Secret::ClientCookie { cookie: cookie.into(), session_token: Some(token) },
        None => Secret::SessionToken(token),
    };
    PastedSecret { secret, display_name: None, provider_type: None, unchecked: false }
}

/// Returns the account's state, whether it is authenticated, and its generation.
async fn status(gateway: &TestGateway) -> (AccountState, bool, Option<Generation>) {
    let status = gateway.app.accounts.status(&name(SUNO), &alice()).await.expect("a status");
    (status.state, status.authenticated, status.generation)
}

async fn advance_by(gateway: &TestGateway, time: Duration) {
    for _ in 0..time.as_secs() / 30 {
        gateway.clock.advance(Duration::from_secs(30));
        settle().await;
    }
}

#[tokio::test]
async fn a_token_without_a_cookie_expires_and_needs_reauth() {
    let gateway = TestGateway::open().await;
    register(&gateway, 3600, None).await.expect("the account connects");
    let refused = gateway.app.accounts.refresh(&name(SUNO), &alice(), None).await;
    assert!(matches!(refused, Err(AppError::NothingToRefresh(_))));
    advance_by(&gateway, HOUR).await;
    assert_eq!(status(&gateway).await, (AccountState::NeedsReauth, false, Some(Generation::FIRST)));
    assert!(matches!(within(gateway.app.tokens.usable(&name(SUNO))).await, Err(AppError::NeedsReauth(_))));
    assert!(gateway.provider.sessions_refreshed().is_empty());
}

#[tokio::test]
async fn a_token_with_a_cookie_is_refreshed_before_its_expiry() {
    let gateway = TestGateway::open().await;
    gateway.provider.add_browser("cookie-1", unix_time_after(3600));
    register(&gateway, 60, Some("cookie-1")).await.expect("the account connects");
    gateway.provider.add_browser("cookie-1", unix_time_after(2 * 3600));
    advance_by(&gateway, HOUR).await;
    assert_eq!(status(&gateway).await, (AccountState::Active, true, Some(Generation(1))));
    gateway.provider.add_browser("cookie-1", unix_time_after(3 * 3600));
    advance_by(&gateway, HOUR).await;
    assert_eq!(status(&gateway).await, (AccountState::Active, true, Some(Generation(2))));
    let session = Some("sess_1".to_owned());
    assert_eq!(
        gateway.provider.sessions_refreshed(),
        [session.clone(), session.clone(), session],
        "one request at the login, one in each hour"
    );
}

#[tokio::test]
async fn an_expired_token_needs_a_cookie_and_is_replaced_at_once() {
    let gateway = TestGateway::open().await;
    gateway.provider.add_browser("cookie-1", unix_time_after(3600));
    assert!(matches!(register(&gateway, -10, None).await, Err(AppError::ExpiredSecret(_))));
    register(&gateway, -10, Some("cookie-1")).await.expect("the account connects");
    assert_eq!(status(&gateway).await, (AccountState::Active, true, Some(Generation::FIRST)));
}

#[tokio::test]
async fn an_outage_causes_no_doubt_because_cookies_are_reusable() {
    let gateway = TestGateway::open().await;
    gateway.provider.add_browser("cookie-1", unix_time_after(3600));
    register(&gateway, 3600, Some("cookie-1")).await.expect("the account connects");
    gateway.provider.add_browser("cookie-1", unix_time_after(2 * 3600));
    gateway.provider.time_out_session_requests(3);
    let after = within(gateway.app.accounts.refresh(&name(SUNO), &alice(), None)).await.expect("a status");
    assert_eq!(after.state, AccountState::Active);
    assert!(after.reason.expect("a reason").contains("The last refresh failed"));
    advance_by(&gateway, HOUR).await;
    assert_eq!(status(&gateway).await, (AccountState::Active, true, Some(Generation(1))));
}

#[tokio::test]
async fn a_rejected_cookie_needs_reauth() {
    let gateway = TestGateway::open().await;
    let unchecked = PastedSecret { unchecked: true, ..pasted_secret(3600, Some("unknown-cookie")) };
    gateway.app.accounts.register_secret(name(SUNO), unchecked).await.expect("the account connects");
    let after = within(gateway.app.accounts.refresh(&name(SUNO), &alice(), None)).await.expect("a status");
    assert_eq!((after.state, after.authenticated), (AccountState::NeedsReauth, true));
    for invalid in ["a;b", "a b", ""] {
        let refused = register(&gateway, 3600, Some(invalid)).await;
        assert!(matches!(refused, Err(AppError::InvalidSecret(_))), "{invalid}");
    }
}

#[tokio::test]
async fn a_secret_that_is_rejected_or_cannot_be_checked_is_not_saved() {
    let gateway = TestGateway::open().await;
    let refused = register(&gateway, 3600, Some("unknown-cookie")).await;
    assert!(matches!(refused, Err(AppError::SecretRefused { what: "client cookie", .. })), "{refused:?}");
    gateway.provider.time_out_session_requests(1);
    let unknown = register(&gateway, 3600, Some("cookie-1")).await;
    assert!(matches!(unknown, Err(AppError::NotChecked(_))), "{unknown:?}");
    gateway.upstream.refuse_all();
    let refused = register(&gateway, 3600, None).await;
    assert!(matches!(refused, Err(AppError::SecretRefused { what: "session token", .. })), "{refused:?}");
    assert_eq!(gateway.store.contents(), (vec![], vec![]));
}
