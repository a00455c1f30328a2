//! Session tokens: refreshed with the browser's cookie where there is one, and otherwise told truthfully to have ended.

use std::time::Duration;

use goclaw::{
    app::{AppError, PastedSecret},
    domain::{credential::AccountState, ids::Generation, provider::AuthMethod},
};
use serde_json::json;

use crate::support::fakes::{NOW, Stage, alice, jwt, name, settle, within};

const SUNO: &str = "suno";
const HOUR: Duration = Duration::from_secs(3600);

/// The end of a token, `seconds` from the beginning.
fn until(seconds: i64) -> i64 {
    NOW.unix_seconds() + seconds
}

async fn hand_in(stage: &Stage, seconds: i64, cookie: Option<&str>) -> Result<(), AppError> {
    let pasted = pasted(seconds, cookie);
    stage.app.accounts.register_secret(name(SUNO), pasted).await.map(drop)
}

fn pasted(seconds: i64, cookie: Option<&str>) -> PastedSecret {
    PastedSecret {
        method: AuthMethod::SessionToken,
        secret: jwt(&json!({"sid": "sess_1", "exp": until(seconds)})).into(),
        client_cookie: cookie.map(Into::into),
        display_name: None,
        provider_type: None,
        unchecked: false,
    }
}

/// The state, whether it is authenticated, and how often it was refreshed.
async fn status(stage: &Stage) -> (AccountState, bool, Option<Generation>) {
    let status = stage.app.accounts.status(&name(SUNO), &alice()).await.expect("a status");
    (status.state, status.authenticated, status.generation)
}

async fn pass(stage: &Stage, time: Duration) {
    for _ in 0..time.as_secs() / 30 {
        stage.clock.advance(Duration::from_secs(30));
        settle().await;
    }
}

#[tokio::test]
async fn a_token_without_a_cookie_ends_and_its_owner_is_told() {
    let stage = Stage::open().await;
    hand_in(&stage, 3600, None).await.expect("it connects");
    let refused = stage.app.accounts.refresh(&name(SUNO), &alice(), None).await;
    assert!(matches!(refused, Err(AppError::NothingToRefresh(_))));
    pass(&stage, HOUR).await;
    assert_eq!(status(&stage).await, (AccountState::NeedsReauth, false, Some(Generation::FIRST)));
    assert!(matches!(within(stage.app.tokens.usable(&name(SUNO))).await, Err(AppError::NeedsReauth(_))));
    assert!(stage.provider.sessions_refreshed().is_empty());
}

#[tokio::test]
async fn a_token_with_a_cookie_is_refreshed_before_it_ends_with_the_same_cookie_every_time() {
    let stage = Stage::open().await;
    stage.provider.knows_browser("cookie-1", until(2 * 3600));
    hand_in(&stage, 3600, Some("cookie-1")).await.expect("it connects");
    pass(&stage, HOUR).await;
    assert_eq!(status(&stage).await, (AccountState::Active, true, Some(Generation(1))));
    stage.provider.knows_browser("cookie-1", until(3 * 3600));
    pass(&stage, HOUR).await;
    assert_eq!(status(&stage).await, (AccountState::Active, true, Some(Generation(2))));
    let session = Some("sess_1".to_owned());
    assert_eq!(stage.provider.sessions_refreshed(), [session.clone(), session.clone(), session], "it was checked, too");
}

#[tokio::test]
async fn a_token_that_is_over_is_taken_with_a_cookie_alone_and_refreshed_at_once() {
    let stage = Stage::open().await;
    stage.provider.knows_browser("cookie-1", until(3600));
    assert!(matches!(hand_in(&stage, -10, None).await, Err(AppError::ExpiredSecret(_))));
    hand_in(&stage, -10, Some("cookie-1")).await.expect("it connects");
    settle().await;
    assert_eq!(status(&stage).await, (AccountState::Active, true, Some(Generation(1))));
}

#[tokio::test]
async fn an_outage_leaves_no_doubt_since_a_cookie_is_not_spent() {
    let stage = Stage::open().await;
    stage.provider.knows_browser("cookie-1", until(2 * 3600));
    hand_in(&stage, 3600, Some("cookie-1")).await.expect("it connects");
    stage.provider.session_timeouts(3);
    let after = within(stage.app.accounts.refresh(&name(SUNO), &alice(), None)).await.expect("a status");
    assert_eq!(after.state, AccountState::Active);
    assert!(after.reason.expect("it says so").contains("did not get through"));
    pass(&stage, HOUR).await;
    assert_eq!(status(&stage).await, (AccountState::Active, true, Some(Generation(1))));
}

#[tokio::test]
async fn a_cookie_that_is_refused_needs_its_owner() {
    let stage = Stage::open().await;
    let unchecked = PastedSecret { unchecked: true, ..pasted(3600, Some("cookie-of-nobody")) };
    stage.app.accounts.register_secret(name(SUNO), unchecked).await.expect("it connects");
    let after = within(stage.app.accounts.refresh(&name(SUNO), &alice(), None)).await.expect("a status");
    assert_eq!((after.state, after.authenticated), (AccountState::NeedsReauth, true));
    for bad in ["a;b", "a b", ""] {
        assert!(matches!(hand_in(&stage, 3600, Some(bad)).await, Err(AppError::InvalidSecret(_))), "{bad}");
    }
}

#[tokio::test]
async fn what_is_not_taken_or_cannot_be_asked_about_is_not_saved() {
    let stage = Stage::open().await;
    let refused = hand_in(&stage, 3600, Some("cookie-of-nobody")).await;
    assert!(matches!(refused, Err(AppError::SecretRefused { what: "client cookie", .. })), "{refused:?}");
    stage.provider.session_timeouts(1);
    let unknown = hand_in(&stage, 3600, Some("cookie-1")).await;
    assert!(matches!(unknown, Err(AppError::NotChecked(_))), "{unknown:?}");
    stage.upstream.refuse_all();
    let refused = hand_in(&stage, 3600, None).await;
    assert!(matches!(refused, Err(AppError::SecretRefused { what: "session token", .. })), "{refused:?}");
    assert_eq!(stage.store.contents(), (vec![], vec![]));
}
