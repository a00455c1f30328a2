//! Tests the revocation endpoint: what each token revokes, and that responses reveal nothing.

use goclaw_simulator::{Endpoint, Fault, FaultOrder, RevocationCause, TokenStatus};

use crate::client::{Answer, Fixture, refused};

#[tokio::test]
async fn revoking_a_refresh_token_revokes_its_family() {
    let fixture = Fixture::new().await;
    let first = fixture.sign_in().await;
    let second = fixture.refresh(&first.refresh).await.tokens();
    let answer = fixture.revoke(&second.refresh).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    for token in [&first.access, &second.access, &second.refresh] {
        assert_eq!(fixture.simulator.token_status(token), TokenStatus::Revoked);
    }
    assert_eq!(fixture.refresh(&second.refresh).await.refusal(), refused(401, "refresh_token_invalidated"));
    assert_eq!(fixture.simulator.ledger()[0].revoked, Some(RevocationCause::RevokedByClient));
}

#[tokio::test]
async fn a_revocation_of_the_grant_ends_all_families_of_the_user() {
    let fixture = Fixture::new().await;
    let (first, second) = (fixture.sign_in().await, fixture.sign_in().await);
    assert_eq!(fixture.post_control("/settings", serde_json::json!({"revocation_ends_grant": true})).await.status, 200);
    assert_eq!(fixture.revoke(&first.refresh).await.status, 200);
    assert_eq!(fixture.simulator.token_status(&second.refresh), TokenStatus::Revoked);
}

#[tokio::test]
async fn revoking_an_access_token_revokes_only_it() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    assert_eq!(fixture.revoke(&tokens.access).await.status, 200);
    assert_eq!(fixture.simulator.token_status(&tokens.access), TokenStatus::Revoked);
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn unknown_and_known_tokens_get_the_same_response() {
    let fixture = Fixture::new().await;
    let answer = fixture.revoke("rt_never_issued").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let tokens = fixture.sign_in().await;
    let url = format!("{}/oauth/revoke", fixture.simulator.issuer());
    let form = [("token", tokens.refresh.as_str()), ("token_type_hint", "access_token")];
    assert_eq!(Answer::of(fixture.http.post(url).form(&form).send().await.unwrap()).await.status, 200);
    assert_eq!(fixture.simulator.token_status(&tokens.access), TokenStatus::Revoked, "a wrong hint changes nothing");
}

#[tokio::test]
async fn a_failed_revocation_revokes_nothing() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Revoke, Fault::internal_server_error()));
    assert_eq!(fixture.revoke(&tokens.refresh).await.status, 500);
    assert_eq!(fixture.simulator.token_status(&tokens.access), TokenStatus::Live);
}
