//! The endpoints under test, each with a provider that issues codes and tokens.

use std::time::Duration;

use goclaw::{
    adapters::oauth::HttpOAuthEndpoint,
    domain::{
        authorize_url::authorize_url,
        oauth_client::OAuthClient,
        secret::{AuthorizationCode, OAuthState, PkceVerifier, RefreshToken},
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{OAuthEndpoint, TokenEndpointError},
};
use goclaw_simulator::{Endpoint, Fault, FaultOrder, Options, Simulator, Site};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::support::outbound::{account, outbound};
use crate::{
    oauth_endpoint::client_of,
    support::{
        fakes::{FakeProvider, RefreshFault, Reply, within},
        gateway::http,
    },
};

const TIMEOUT: Duration = Duration::from_secs(15);

/// A fault of the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndpointFault {
    /// The provider rejects the code.
    Refused,
    /// HTTP 429 before the provider acts.
    RateLimited,
    /// The connection breaks before the provider acts.
    RequestLost,
    /// The provider acts and its response is lost.
    ResponseLost,
    /// The provider accepts no connection.
    NotReached,
    /// The provider acts and sends an unreadable response.
    Unreadable,
}

pub(super) trait Fixture {
    type Port: OAuthEndpoint;

    async fn open() -> Self;

    fn endpoint(&self) -> &Self::Port;

    fn client(&self) -> OAuthClient;

    /// Approves an authorization request and returns the redirect address.
    async fn approve(&self, auth_url: &SecretString) -> String;

    /// Injects a fault into the next exchange or refresh.
    async fn inject(&self, fault: EndpointFault);

    /// Ends all faults.
    async fn recover(&self);

    fn fail_next_revocation(&self);

    /// Makes all further requests hang.
    fn hang(&self);

    /// Makes the next refresh keep the refresh token.
    fn keep_refresh_token(&self);

    /// Counts the requests so far. Requests that did not reach the provider may be missing.
    fn requests(&self) -> usize;

    /// Returns an approved code for `verifier`.
    async fn approved_grant(&self, verifier: u8) -> CodeGrant {
        let verifier = PkceVerifier::from_bytes(&[verifier; 64]);
        let auth_url = authorize_url(&self.client(), &verifier.challenge(), &OAuthState::new("state"));
        let back = Url::parse(&self.approve(&auth_url).await).expect("an address");
        let (_, code) = back.query_pairs().find(|(name, _)| name == "code").expect("a code");
        CodeGrant { code: AuthorizationCode::new(code), verifier }
    }

    async fn exchange(&self, grant: CodeGrant) -> Result<TokenResponse, TokenEndpointError> {
        within(self.endpoint().exchange_code(account(), &self.client(), grant)).await
    }

    async fn refresh(&self, token: &RefreshToken) -> Result<TokenResponse, TokenEndpointError> {
        within(self.endpoint().refresh(account(), &self.client(), token, TIMEOUT)).await
    }

    /// Completes a login and returns its refresh token.
    async fn sign_in(&self) -> RefreshToken {
        let tokens = self.exchange(self.approved_grant(7).await).await.expect("tokens");
        assert!(tokens.access_token.is_some());
        tokens.refresh_token.expect("a refresh token")
    }
}

pub(super) struct Fake(FakeProvider);

impl Fixture for Fake {
    type Port = FakeProvider;

    async fn open() -> Self {
        Self(FakeProvider::new())
    }

    fn endpoint(&self) -> &FakeProvider {
        &self.0
    }

    fn client(&self) -> OAuthClient {
        client_of("https://issuer.example")
    }

    async fn approve(&self, auth_url: &SecretString) -> String {
        self.0.approve(auth_url)
    }

    async fn inject(&self, fault: EndpointFault) {
        let (reply, refresh_fault) = match fault {
            EndpointFault::Refused => (Reply::Refused, None),
            EndpointFault::RateLimited => (Reply::HOUR, Some(RefreshFault::RateLimited)),
            EndpointFault::RequestLost => (Reply::HOUR, Some(RefreshFault::RequestLost)),
            EndpointFault::ResponseLost => (Reply::TimedOut, Some(RefreshFault::ResponseLost)),
            EndpointFault::NotReached => (Reply::Unavailable, Some(RefreshFault::NotReached)),
            EndpointFault::Unreadable => (Reply::Unreadable, None),
        };
        self.0.reply_with(reply);
        self.0.queue_refresh_faults(refresh_fault.as_slice());
    }

    async fn recover(&self) {
        self.0.reply_with(Reply::HOUR);
    }

    fn fail_next_revocation(&self) {
        self.0.fail_revocations(true);
    }

    fn hang(&self) {
        self.0.hang();
        self.0.hang_revocations();
    }

    fn keep_refresh_token(&self) {
        self.0.queue_refresh_faults(&[RefreshFault::NotRotated]);
    }

    fn requests(&self) -> usize {
        self.0.exchanges() + self.0.presented().len() + self.0.revocation_requests()
    }
}

pub(super) struct Http {
    endpoint: HttpOAuthEndpoint,
    provider: Simulator,
}

impl Fixture for Http {
    type Port = HttpOAuthEndpoint;

    async fn open() -> Self {
        let _ = http();
        let provider = Simulator::start(Options::default()).await.expect("the simulator starts");
        Self {
            endpoint: HttpOAuthEndpoint::new(&outbound(), std::sync::Arc::new(goclaw::adapters::system::SystemClock))
                .expect("a client"),
            provider,
        }
    }

    fn endpoint(&self) -> &HttpOAuthEndpoint {
        &self.endpoint
    }

    fn client(&self) -> OAuthClient {
        client_of(self.provider.issuer())
    }

    async fn approve(&self, auth_url: &SecretString) -> String {
        let response = http().get(auth_url.expose_secret()).send().await.expect("a response");
        response.headers()["location"].to_str().expect("text").to_owned()
    }

    async fn inject(&self, fault: EndpointFault) {
        let fault = match fault {
            EndpointFault::Refused => Fault::Status {
                status: 400,
                body: r#"{"error":"invalid_grant"}"#.to_owned(),
                content_type: "application/json".to_owned(),
                retry_after: None,
            },
            EndpointFault::RateLimited => Fault::too_many_requests(None),
            EndpointFault::RequestLost => Fault::ResetBefore,
            EndpointFault::ResponseLost => Fault::HangAfterCommit,
            EndpointFault::NotReached => return self.provider.take_down(Site::Auth).await,
            EndpointFault::Unreadable => Fault::HugeBody,
        };
        self.provider.queue_fault(FaultOrder::once(Endpoint::Token, fault));
    }

    async fn recover(&self) {
        self.provider.bring_back(Site::Auth).await;
    }

    fn fail_next_revocation(&self) {
        self.provider.queue_fault(FaultOrder::once(Endpoint::Revoke, Fault::service_unavailable(None)));
    }

    fn hang(&self) {
        for endpoint in [Endpoint::Token, Endpoint::Revoke] {
            self.provider.queue_fault(FaultOrder::standing(endpoint, Fault::Hang));
        }
    }

    fn keep_refresh_token(&self) {
        self.provider.update_settings(|settings| settings.omit_refresh_token = true);
    }

    fn requests(&self) -> usize {
        let is_oauth_request = |path: &str| path == "/oauth/token" || path == "/oauth/revoke";
        self.provider.journal().iter().filter(|entry| is_oauth_request(&entry.path)).count()
    }
}
