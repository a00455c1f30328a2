//! Tests refreshes: rotation, the reuse policies, and every refusal.

use std::time::Duration;

use goclaw_simulator::{Endpoint, Fault, FaultOrder, RefreshTokenState, ReusePolicy, RevocationCause, TokenStatus};

use crate::client::{CLIENT_ID, Fixture, jwt_part, refused};

#[tokio::test]
async fn every_refresh_rotates_and_keeps_the_old_access_token_valid() {
    let fixture = Fixture::new().await;
    let first = fixture.sign_in().await;
    let second = fixture.refresh(&first.refresh).await.tokens();
    let third = fixture.refresh(&second.refresh).await.tokens();
    assert!(first.refresh != second.refresh && second.refresh != third.refresh);
    assert!(first.access != second.access && second.access != third.access);
    assert_eq!(fixture.simulator.token_status(&first.access), TokenStatus::Live);
    let ledger = &fixture.simulator.ledger()[0];
    assert_eq!((ledger.rotations, ledger.reuse_errors, ledger.max_concurrent_refreshes), (2, 0, 1));
    let presentations: Vec<_> = ledger.refresh_tokens.iter().map(|token| (token.presentations, token.state)).collect();
    assert_eq!(
        presentations,
        [(1, RefreshTokenState::Spent), (1, RefreshTokenState::Spent), (0, RefreshTokenState::Current)]
    );
}

#[tokio::test]
async fn a_refresh_accepts_a_form() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let form = [("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", &tokens.refresh)];
    assert_eq!(fixture.token_form(&form).await.status, 200);
}

#[tokio::test]
async fn reuse_revokes_the_family_with_its_access_tokens() {
    let fixture = Fixture::new().await;
    let first = fixture.sign_in().await;
    let bystander = fixture.sign_in().await;
    let second = fixture.refresh(&first.refresh).await.tokens();
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), refused(401, "refresh_token_reused"));
    assert_eq!(fixture.simulator.token_status(&second.access), TokenStatus::Revoked);
    assert_eq!(fixture.refresh(&second.refresh).await.refusal(), refused(401, "refresh_token_invalidated"));
    let ledger = &fixture.simulator.ledger()[0];
    assert_eq!((ledger.reuse_errors, ledger.revoked), (1, Some(RevocationCause::RefreshTokenReused)));
    assert_eq!(fixture.refresh(&bystander.refresh).await.status, 200, "another family is not touched");
}

#[tokio::test]
async fn refuse_only_keeps_the_family_valid() {
    let fixture = Fixture::with(|settings| settings.reuse = ReusePolicy::RefuseOnly).await;
    let first = fixture.sign_in().await;
    let second = fixture.refresh(&first.refresh).await.tokens();
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), refused(401, "refresh_token_reused"));
    assert_eq!(fixture.refresh(&second.refresh).await.status, 200);
}

#[tokio::test]
async fn reuse_works_within_the_grace_window_and_revokes_the_family_after_it() {
    let fixture = Fixture::with(|settings| settings.reuse = ReusePolicy::Grace(Duration::from_secs(60))).await;
    let first = fixture.sign_in().await;
    let second = fixture.refresh(&first.refresh).await.tokens();
    let again = fixture.refresh(&first.refresh).await.tokens();
    assert_eq!(fixture.refresh(&second.refresh).await.status, 200);
    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = 61);
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), refused(401, "refresh_token_reused"));
    assert_eq!(fixture.refresh(&again.refresh).await.refusal(), refused(401, "refresh_token_invalidated"));
}

#[tokio::test]
async fn each_kind_of_invalid_token_has_its_own_error() {
    let fixture = Fixture::with(|settings| settings.refresh_lifetime = Duration::from_secs(100)).await;
    let empty = fixture.refresh("").await;
    assert_eq!(empty.status, 400);
    assert!(empty.text.contains("Expected a string with minimum length 1"));
    assert_eq!(fixture.refresh("rt_garbage").await.refusal(), refused(401, ""));

    let tokens = fixture.sign_in().await;
    let form = [("grant_type", "refresh_token"), ("client_id", "app_unknown"), ("refresh_token", &tokens.refresh)];
    assert_eq!(fixture.token_form(&form).await.refusal(), refused(401, "invalid_client"));

    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = 101);
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), refused(401, "refresh_token_expired"));
    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = 0);
    fixture.simulator.revoke_all();
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), refused(401, "refresh_token_invalidated"));
}

#[tokio::test]
async fn responses_can_omit_members_or_belong_to_another_account() {
    let fixture = Fixture::with(|settings| {
        settings.omit_id_token = true;
        settings.omit_refresh_token = true;
    })
    .await;
    let code = fixture.code().await;
    let signed_in = fixture.exchange(&code).await.json();
    assert!(signed_in.get("id_token").is_none() && signed_in.get("refresh_token").is_none());

    fixture.simulator.update_settings(|settings| {
        settings.omit_refresh_token = false;
        settings.omit_id_token = false;
    });
    let tokens = fixture.sign_in().await;
    fixture.simulator.update_settings(|settings| settings.omit_refresh_token = true);
    assert!(fixture.refresh(&tokens.refresh).await.json().get("refresh_token").is_none());
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, 200, "without a rotation the refresh token stays valid");

    fixture.simulator.update_settings(|settings| settings.answer_for_account = Some(1));
    let foreign = fixture.refresh(&tokens.refresh).await.tokens();
    let claims = jwt_part(&foreign.id, 1);
    assert_eq!(claims["https://api.openai.com/auth"]["chatgpt_user_id"], "user-simulated-2");
}

#[tokio::test]
async fn the_ledger_counts_overlapping_refreshes() {
    let fixture = Fixture::with(|settings| settings.reuse = ReusePolicy::RefuseOnly).await;
    let tokens = fixture.sign_in().await;
    let slow = Fault::Delay { by: Duration::from_millis(300) };
    fixture.simulator.queue_fault(FaultOrder::next(2, Endpoint::Refresh, slow));
    let (one, other) = tokio::join!(fixture.refresh(&tokens.refresh), fixture.refresh(&tokens.refresh));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(fixture.simulator.ledger()[0].max_concurrent_refreshes, 2);
}
