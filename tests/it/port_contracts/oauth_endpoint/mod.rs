//! The contract of `OAuthEndpoint`: over the provider in memory, and over the HTTP adapter against the simulator. What the
//! adapter makes of every kind of bad answer is in `oauth_endpoint.rs` beside this folder.

mod fixtures;

use std::time::Duration;

use goclaw::{
    domain::{
        oauth_client::OAuthClient,
        secret::{AuthorizationCode, PkceVerifier, RefreshToken},
        token_response::CodeGrant,
    },
    ports::{Doubt, OAuthEndpoint, TokenEndpointError},
};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::contract;
use crate::support::fakes::within;
use fixtures::{EndpointFault, Fake, Fixture, Http};

contract!(fake: Fake, http_client: Http; [
    a_code_is_redeemed_once_and_by_its_verifier_alone,
    a_refresh_rotates_and_a_token_that_was_used_ends_the_login,
    a_token_that_was_never_issued_is_refused,
    an_answer_without_a_refresh_token_leaves_the_old_one_in_force,
    every_trouble_of_an_exchange_has_its_kind_and_costs_one_request_at_most,
    every_trouble_of_a_refresh_has_its_kind_and_costs_one_request_at_most,
    a_refresh_ends_within_its_limit,
    an_exchange_and_a_revocation_end_without_a_limit_of_the_caller,
    a_revoked_token_no_longer_works,
    a_revocation_that_failed_is_an_error_and_the_token_still_works,
    without_a_revocation_endpoint_nothing_is_asked,
]);

/// Long after a short limit, and long before the adapter's own one.
const SOON: Duration = Duration::from_secs(8);
/// Above the longest time the adapter takes for anything.
const LONGEST: Duration = Duration::from_secs(30);

async fn a_code_is_redeemed_once_and_by_its_verifier_alone<F: Fixture>() {
    let fixture = F::open().await;
    let copy = |grant: &CodeGrant, verifier: u8| CodeGrant {
        code: AuthorizationCode::new(grant.code.expose_secret()),
        verifier: PkceVerifier::from_bytes(&[verifier; 64]),
    };
    let grant = fixture.approved(7).await;
    let again = copy(&grant, 7);
    let tokens = fixture.exchange(grant).await.expect("tokens");
    assert!(tokens.access_token.is_some() && tokens.refresh_token.is_some() && tokens.id_token.is_some());
    let unknown = CodeGrant { code: AuthorizationCode::new("made up"), ..copy(&again, 7) };
    let others = copy(&fixture.approved(7).await, 8);
    for (what, grant) in [("again", again), ("unknown", unknown), ("another verifier", others)] {
        let refused = fixture.exchange(grant).await.expect_err("it is refused");
        let is_expected = matches!(refused, TokenEndpointError::Rejected { status: 400, code: "invalid_grant" });
        assert!(is_expected, "{what}: {refused:?}");
    }
}

async fn a_refresh_rotates_and_a_token_that_was_used_ends_the_login<F: Fixture>() {
    let fixture = F::open().await;
    let first = fixture.signed_in().await;
    let second = fixture.refresh(&first).await.expect("tokens").refresh_token.expect("a new one");
    assert_ne!(first.expose_secret(), second.expose_secret());
    let third = fixture.refresh(&second).await.expect("tokens").refresh_token.expect("a new one");
    let reused = fixture.refresh(&first).await.expect_err("it was used");
    assert!(matches!(reused, TokenEndpointError::Rejected { status: 401, code: "refresh_token_reused" }), "{reused:?}");
    let ended = fixture.refresh(&third).await.expect_err("the login has ended");
    assert!(matches!(ended, TokenEndpointError::Rejected { .. }), "{ended:?}");
}

async fn a_token_that_was_never_issued_is_refused<F: Fixture>() {
    let fixture = F::open().await;
    let refused = fixture.refresh(&RefreshToken::new("made up")).await.expect_err("it is refused");
    assert!(matches!(refused, TokenEndpointError::Rejected { .. }), "{refused:?}");
}

async fn an_answer_without_a_refresh_token_leaves_the_old_one_in_force<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.signed_in().await;
    fixture.keep_refresh_token();
    let tokens = fixture.refresh(&token).await.expect("tokens");
    assert!(tokens.access_token.is_some() && tokens.refresh_token.is_none());
    fixture.refresh(&token).await.expect("it is in force");
}

async fn every_trouble_of_an_exchange_has_its_kind_and_costs_one_request_at_most<F: Fixture>() {
    for (fault, expected) in [
        (EndpointFault::Refused, "Rejected { status: 400, code: \"invalid_grant\" }"),
        (EndpointFault::Unreadable, "Indeterminate(Unreadable(200))"),
        (EndpointFault::NotReached, "Unavailable { why: \"no connection could be made\" }"),
    ] {
        let fixture = F::open().await;
        let grant = fixture.approved(7).await;
        fixture.inject(fault).await;
        let error = fixture.exchange(grant).await.expect_err("it goes wrong");
        assert_eq!(format!("{error:?}"), expected);
        fixture.recover().await;
        assert!(fixture.requests() <= 1, "{fault:?}");
    }
}

async fn every_trouble_of_a_refresh_has_its_kind_and_costs_one_request_at_most<F: Fixture>() {
    for (fault, expected, is_used) in [
        (EndpointFault::RateLimited, "RateLimited { retry_after: None }", false),
        (EndpointFault::RequestLost, "Indeterminate(ConnectionLost)", false),
        (EndpointFault::AnswerLost, "Indeterminate(TimedOut)", true),
        (EndpointFault::NotReached, "Unavailable { why: \"no connection could be made\" }", false),
    ] {
        let fixture = F::open().await;
        let token = fixture.signed_in().await;
        let before = fixture.requests();
        fixture.inject(fault).await;
        let limit = Duration::from_millis(500);
        let refreshed = within(fixture.endpoint().refresh(&fixture.client(), &token, limit)).await;
        assert_eq!(format!("{:?}", refreshed.expect_err("it goes wrong")), expected);
        fixture.recover().await;
        assert!(fixture.requests() <= before + 1, "{fault:?}");
        // Whether the provider acted is what the error's kind is about.
        assert_eq!(fixture.refresh(&token).await.is_err(), is_used, "{fault:?}");
    }
}

async fn a_refresh_ends_within_its_limit<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.signed_in().await;
    fixture.hang();
    let limit = Duration::from_millis(300);
    let client = fixture.client();
    let refresh = timeout(SOON, fixture.endpoint().refresh(&client, &token, limit)).await;
    let error = refresh.expect("it ends soon after its limit").expect_err("nobody answers");
    assert!(matches!(error, TokenEndpointError::Indeterminate(Doubt::TimedOut)), "{error:?}");
}

async fn an_exchange_and_a_revocation_end_without_a_limit_of_the_caller<F: Fixture>() {
    let fixture = F::open().await;
    let (token, grant) = (fixture.signed_in().await, fixture.approved(8).await);
    fixture.hang();
    let (client, endpoint) = (fixture.client(), fixture.endpoint());
    let both = async { tokio::join!(endpoint.exchange_code(&client, grant), endpoint.revoke(&client, &token)) };
    let (exchanged, revoked) = timeout(LONGEST, both).await.expect("both end");
    for error in [exchanged.expect_err("nobody answers"), revoked.expect_err("nobody answers")] {
        assert!(matches!(error, TokenEndpointError::Indeterminate(Doubt::TimedOut)), "{error:?}");
    }
}

async fn a_revoked_token_no_longer_works<F: Fixture>() {
    let fixture = F::open().await;
    let (revoked, other) = (fixture.signed_in().await, fixture.signed_in().await);
    for _ in 0..2 {
        // RFC 7009 section 2.2: a token that is revoked already is no error.
        within(fixture.endpoint().revoke(&fixture.client(), &revoked)).await.expect("it is confirmed");
    }
    let refused = fixture.refresh(&revoked).await.expect_err("it is revoked");
    assert!(matches!(refused, TokenEndpointError::Rejected { .. }), "{refused:?}");
    fixture.refresh(&other).await.expect("another login's token works");
}

async fn a_revocation_that_failed_is_an_error_and_the_token_still_works<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.signed_in().await;
    fixture.fail_revocation();
    let failed = within(fixture.endpoint().revoke(&fixture.client(), &token)).await.expect_err("it fails");
    assert!(matches!(failed, TokenEndpointError::Indeterminate(Doubt::ServerError(503))), "{failed:?}");
    fixture.refresh(&token).await.expect("it works");
}

async fn without_a_revocation_endpoint_nothing_is_asked<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.signed_in().await;
    let before = fixture.requests();
    let client = OAuthClient { revoke_url: None, ..fixture.client() };
    let refused = within(fixture.endpoint().revoke(&client, &token)).await.expect_err("there is no endpoint");
    assert!(matches!(refused, TokenEndpointError::Unavailable { .. }), "{refused:?}");
    assert_eq!(fixture.requests(), before);
    fixture.refresh(&token).await.expect("it works");
}
