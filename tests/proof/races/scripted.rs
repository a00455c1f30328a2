//! The scripted races, each held at its worst moment.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    CaseFuture,
    pair::{Pair, Revocation},
};
use crate::{decorated::Sabotage, races_and_faults::Totals, support::gateway::eventually};

pub(super) fn cases(sabotage: Option<Sabotage>) -> Vec<(&'static str, CaseFuture<()>)> {
    vec![
        ("logout while a code is redeemed", Box::pin(logout_during_exchange(sabotage))),
        ("a newer login while an older code is redeemed", Box::pin(newer_login_during_exchange(sabotage))),
        ("logout while a refresh is answered", Box::pin(logout_during_refresh(Revocation::OfGrant, sabotage))),
        (
            "login while a refresh is answered, one family revoked",
            Box::pin(login_during_refresh(Revocation::OfFamily, sabotage)),
        ),
        (
            "login while a refresh is answered, none revoked",
            Box::pin(login_during_refresh(Revocation::OfGrant, sabotage)),
        ),
    ]
}

/// Starts a pair with a connected account. Returns the pair and the login's id.
async fn start_signed_in(revocation: Revocation, sabotage: Option<Sabotage>) -> (Arc<Pair>, String) {
    let pair = Pair::start(revocation, sabotage).await;
    let (id, status) = pair.login(0).await;
    assert_eq!(status, 200);
    (pair, id)
}

/// Starts a slow code exchange and returns once the provider has the code.
async fn start_slow_exchange(pair: &Arc<Pair>, login: (String, String)) -> JoinSet<u16> {
    let delay = json!({"endpoint": "code_exchange", "fault": {"kind": "delay", "by": "1500ms"}});
    pair.command("/faults", &delay).await;
    let (mut paste, shared) = (JoinSet::new(), Arc::clone(pair));
    paste.spawn(async move { shared.paste(1, &login).await });
    let look = || async { (pair.query("/faults").await == json!([])).then_some(()) };
    eventually("the code to arrive at the provider", look).await;
    paste
}

async fn status_of(mut running: JoinSet<u16>) -> u16 {
    running.join_next().await.expect("one").expect("it ends")
}

/// Checks the stored login against the history, and that no token was reused.
async fn judge(pair: &Pair) {
    assert_eq!(pair.problem().await, None);
    let totals = Totals::of(&pair.provider).await;
    assert_eq!((totals.reuse, totals.under_way), (0, 0));
}

async fn logout_during_exchange(sabotage: Option<Sabotage>) {
    let pair = Pair::start(Revocation::OfGrant, sabotage).await;
    let login = pair.start_login(0).await;
    let paste = start_slow_exchange(&pair, login).await;
    assert_eq!(pair.logout(0).await, 200);
    assert!(pair.is_logged_out().await);
    let status = status_of(paste).await;
    assert!([409, 410].contains(&status), "the paste was answered {status}");
    assert!(pair.is_logged_out().await, "the logout is final");
    judge(&pair).await;
    wait_until_all_revoked(&pair).await;
}

async fn newer_login_during_exchange(sabotage: Option<Sabotage>) {
    let pair = Pair::start(Revocation::OfGrant, sabotage).await;
    let older = pair.start_login(0).await;
    let paste = start_slow_exchange(&pair, older.clone()).await;
    let (newer, status) = pair.login(1).await;
    assert_ne!(newer, older.0, "a login in its exchange is not returned again");
    assert_eq!(status, 200);
    let older_ended = status_of(paste).await;
    assert!(pair.is_logged_in_with(&newer).await, "the older login, answered {older_ended}, overwrote the newer one");
    judge(&pair).await;
}

/// Starts a refresh and returns once the provider has rotated the token.
async fn start_held_refresh(pair: &Arc<Pair>) -> JoinSet<u16> {
    pair.command("/stops", &json!({"step": "rotated"})).await;
    let (mut refresh, shared) = (JoinSet::new(), Arc::clone(pair));
    refresh.spawn(async move { shared.refresh(0).await });
    pair.command("/stops/await", &json!({"step": "rotated"})).await;
    refresh
}

async fn release(pair: &Pair, refresh: JoinSet<u16>) -> u16 {
    pair.command("/stops/release", &json!({"release": "continue"})).await;
    status_of(refresh).await
}

async fn logout_during_refresh(revocation: Revocation, sabotage: Option<Sabotage>) {
    let (pair, _) = start_signed_in(revocation, sabotage).await;
    let refresh = start_held_refresh(&pair).await;
    assert_eq!(pair.logout(1).await, 200);
    assert!(pair.is_logged_out().await);
    release(&pair, refresh).await;
    assert!(pair.is_logged_out().await, "the logout is final");
    judge(&pair).await;
    wait_until_all_revoked(&pair).await;
}

async fn login_during_refresh(revocation: Revocation, sabotage: Option<Sabotage>) {
    let (pair, _) = start_signed_in(revocation, sabotage).await;
    let refresh = start_held_refresh(&pair).await;
    let (newer, status) = pair.login(1).await;
    assert_eq!(status, 200);
    release(&pair, refresh).await;
    assert!(pair.is_logged_in_with(&newer).await, "{:?}", pair.statuses().await);
    judge(&pair).await;
    let families = pair.query("/ledger").await;
    let revoked: Vec<&Value> = families.as_array().expect("families").iter().map(|family| &family["revoked"]).collect();
    let older = if revocation == Revocation::OfFamily { json!("revoked_by_client") } else { Value::Null };
    assert_eq!(revoked, [&older, &Value::Null], "the revoked logins");
    assert_eq!(pair.refresh(0).await, 200);
    assert!(pair.is_logged_in_with(&newer).await, "the newer login is still active");
}

/// Waits until every login is revoked at the provider, which may happen in the background.
async fn wait_until_all_revoked(pair: &Pair) {
    let look = || async {
        let families = pair.query("/ledger").await;
        let all = families.as_array().expect("families").iter().all(|family| family["revoked"] == "revoked_by_client");
        all.then_some(())
    };
    eventually("the revocation of every login", look).await;
}
