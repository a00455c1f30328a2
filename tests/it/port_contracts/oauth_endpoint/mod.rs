//! Contract of `OAuthEndpoint`, for the fake and for the HTTP adapter against the simulator. `oauth_endpoint.rs` tests
//! how the adapter handles each kind of invalid response.

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
use crate::support::outbound::account;
use fixtures::{EndpointFault, Fake, Fixture, Http};

contract!(fake: Fake, http_client: Http; [
    a_code_is_redeemed_once_and_only_with_its_verifier,
    a_refresh_rotates_and_token_reuse_ends_the_login,
    an_unknown_refresh_token_is_rejected,
    without_a_new_refresh_token_the_old_one_remains_valid,
    each_exchange_fault_has_its_error_and_takes_at_most_one_request,
    each_refresh_fault_has_its_error_and_takes_at_most_one_request,
    a_refresh_ends_within_its_timeout,
    an_exchange_and_a_revocation_have_their_own_timeouts,
    a_revoked_token_is_rejected,
    a_failed_revocation_is_an_error_and_the_token_still_works,
    without_a_revocation_endpoint_no_request_is_sent,
]);

/// Well above the timeout in `a_refresh_ends_within_its_timeout`, and well below the adapter's own timeout.
const SOON: Duration = Duration::from_secs(8);
/// Above every timeout of the adapter.
const LONGEST: Duration = Duration::from_secs(30);

async fn a_code_is_redeemed_once_and_only_with_its_verifier<F: Fixture>() {
    let fixture = F::open().await;
    let copy = |grant: &CodeGrant, verifier: u8| CodeGrant {
        code: AuthorizationCode::new(grant.code.expose_secret()),
        verifier: PkceVerifier::from_bytes(&[verifier; 64]),
    };
    let grant = fixture.approved_grant(7).await;
    let again = copy(&grant, 7);
    let tokens = fixture.exchange(grant).await.expect("tokens");
    assert!(tokens.access_token.is_some() && tokens.refresh_token.is_some() && tokens.id_token.is_some());
    let unknown = CodeGrant { code: AuthorizationCode::new("made up"), ..copy(&again, 7) };
    let wrong_verifier = copy(&fixture.approved_grant(7).await, 8);
    for (what, grant) in [("again", again), ("unknown", unknown), ("another verifier", wrong_verifier)] {
        let refused = fixture.exchange(grant).await.expect_err("the exchange is refused");
        let is_expected = matches!(refused, TokenEndpointError::Rejected { status: 400, code: "invalid_grant" });
        assert!(is_expected, "{what}: {refused:?}");
    }
}

async fn a_refresh_rotates_and_token_reuse_ends_the_login<F: Fixture>() {
    let fixture = F::open().await;
    let first = fixture.sign_in().await;
    let second = fixture.refresh(&first).await.expect("tokens").refresh_token.expect("a new one");
    assert_ne!(first.expose_secret(), second.expose_secret());
    let third = fixture.refresh(&second).await.expect("tokens").refresh_token.expect("a new one");
    let reused = fixture.refresh(&first).await.expect_err("the token was used");
    assert!(matches!(reused, TokenEndpointError::Rejected { status: 401, code: "refresh_token_reused" }), "{reused:?}");
    let ended = fixture.refresh(&third).await.expect_err("the login has ended");
    assert!(matches!(ended, TokenEndpointError::Rejected { .. }), "{ended:?}");
}

async fn an_unknown_refresh_token_is_rejected<F: Fixture>() {
    let fixture = F::open().await;
    let refused = fixture.refresh(&RefreshToken::new("made up")).await.expect_err("the refresh is refused");
    assert!(matches!(refused, TokenEndpointError::Rejected { .. }), "{refused:?}");
}

async fn without_a_new_refresh_token_the_old_one_remains_valid<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.sign_in().await;
    fixture.keep_refresh_token();
    let tokens = fixture.refresh(&token).await.expect("tokens");
    assert!(tokens.access_token.is_some() && tokens.refresh_token.is_none());
    fixture.refresh(&token).await.expect("the old token is valid");
}

async fn each_exchange_fault_has_its_error_and_takes_at_most_one_request<F: Fixture>() {
    for (fault, expected) in [
        (EndpointFault::Refused, "Rejected { status: 400, code: \"invalid_grant\" }"),
        (EndpointFault::Unreadable, "Indeterminate(Unreadable(200))"),
        (EndpointFault::NotReached, "Unreachable(ConnectError { problem: Refused"),
    ] {
        let fixture = F::open().await;
        let grant = fixture.approved_grant(7).await;
        fixture.inject(fault).await;
        let error = fixture.exchange(grant).await.expect_err("the exchange fails");
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        fixture.recover().await;
        assert!(fixture.requests() <= 1, "{fault:?}");
    }
}

async fn each_refresh_fault_has_its_error_and_takes_at_most_one_request<F: Fixture>() {
    for (fault, expected, is_used) in [
        (EndpointFault::RateLimited, "RateLimited { retry_after: None }", false),
        (EndpointFault::RequestLost, "Indeterminate(ConnectionLost)", false),
        (EndpointFault::ResponseLost, "Indeterminate(TimedOut)", true),
        (EndpointFault::NotReached, "Unreachable(ConnectError { problem: Refused", false),
    ] {
        let fixture = F::open().await;
        let token = fixture.sign_in().await;
        let before = fixture.requests();
        fixture.inject(fault).await;
        let call_timeout = Duration::from_millis(500);
        let refreshed = within(fixture.endpoint().refresh(account(), &fixture.client(), &token, call_timeout)).await;
        let error = refreshed.expect_err("the refresh fails");
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        fixture.recover().await;
        assert!(fixture.requests() <= before + 1, "{fault:?}");
        // The error must agree with whether the provider has used the token.
        assert_eq!(fixture.refresh(&token).await.is_err(), is_used, "{fault:?}");
    }
}

async fn a_refresh_ends_within_its_timeout<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.sign_in().await;
    fixture.hang();
    let call_timeout = Duration::from_millis(300);
    let client = fixture.client();
    let refresh = timeout(SOON, fixture.endpoint().refresh(account(), &client, &token, call_timeout)).await;
    let error = refresh.expect("the refresh ends soon after its timeout").expect_err("there is no response");
    assert!(matches!(error, TokenEndpointError::Indeterminate(Doubt::TimedOut)), "{error:?}");
}

async fn an_exchange_and_a_revocation_have_their_own_timeouts<F: Fixture>() {
    let fixture = F::open().await;
    let (token, grant) = (fixture.sign_in().await, fixture.approved_grant(8).await);
    fixture.hang();
    let (client, endpoint) = (fixture.client(), fixture.endpoint());
    let both = async {
        tokio::join!(endpoint.exchange_code(account(), &client, grant), endpoint.revoke(account(), &client, &token))
    };
    let (exchanged, revoked) = timeout(LONGEST, both).await.expect("both end");
    for error in [exchanged.expect_err("there is no response"), revoked.expect_err("there is no response")] {
        assert!(matches!(error, TokenEndpointError::Indeterminate(Doubt::TimedOut)), "{error:?}");
    }
}

async fn a_revoked_token_is_rejected<F: Fixture>() {
    let fixture = F::open().await;
    let (revoked, other) = (fixture.sign_in().await, fixture.sign_in().await);
    for _ in 0..2 {
        // RFC 7009 section 2.2: revoking a revoked token succeeds.
        within(fixture.endpoint().revoke(account(), &fixture.client(), &revoked))
            .await
            .expect("the revocation is confirmed");
    }
    let refused = fixture.refresh(&revoked).await.expect_err("the token is revoked");
    assert!(matches!(refused, TokenEndpointError::Rejected { .. }), "{refused:?}");
    fixture.refresh(&other).await.expect("another login's token works");
}

async fn a_failed_revocation_is_an_error_and_the_token_still_works<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.sign_in().await;
    fixture.fail_next_revocation();
    let failed = within(fixture.endpoint().revoke(account(), &fixture.client(), &token))
        .await
        .expect_err("the revocation fails");
    assert!(matches!(failed, TokenEndpointError::Indeterminate(Doubt::ServerError(503))), "{failed:?}");
    fixture.refresh(&token).await.expect("the token is valid");
}

async fn without_a_revocation_endpoint_no_request_is_sent<F: Fixture>() {
    let fixture = F::open().await;
    let token = fixture.sign_in().await;
    let before = fixture.requests();
    let client = OAuthClient { revoke_url: None, ..fixture.client() };
    let refused =
        within(fixture.endpoint().revoke(account(), &client, &token)).await.expect_err("there is no endpoint");
    assert!(matches!(refused, TokenEndpointError::Unavailable { .. }), "{refused:?}");
    assert_eq!(fixture.requests(), before);
    fixture.refresh(&token).await.expect("the token is valid");
}
