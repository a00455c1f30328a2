//! Contract of `SessionEndpoint`, for the fake and for the HTTP adapter against the simulator.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goclaw::{
    adapters::oauth::HttpOAuthEndpoint,
    domain::{
        oauth_client::EndpointUrl, secret::RefreshToken, session_client::SessionClient, token_response::TokenResponse,
    },
    ports::{ConnectProblem, Doubt, SessionEndpoint, TokenEndpointError},
};
use goclaw_simulator::{Endpoint, Fault, FaultOrder, Options, Simulator, Site};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::timeout;

use super::contract;
use crate::support::{
    fakes::{FakeProvider, NOW, within},
    gateway::http,
};

contract!(fake: Fake, http_client: Http; [
    a_cookie_refreshes_its_session_repeatedly,
    an_unknown_session_selects_the_last_active_one,
    a_signed_out_cookie_is_rejected,
    an_invalid_cookie_header_is_not_sent,
    a_refresh_ends_within_its_limit_and_consumes_nothing,
    an_unreachable_provider_is_unavailable,
]);

const LIMIT: Duration = Duration::from_secs(15);
/// Well above the test's short limit and well below the adapter's own timeout.
const SOON: Duration = Duration::from_secs(8);

trait Fixture {
    type Port: SessionEndpoint;

    async fn open() -> Self;

    fn endpoint(&self) -> &Self::Port;

    fn client(&self) -> SessionClient;

    /// Signs a browser in; returns the session and the cookie.
    fn sign_in(&self) -> (String, RefreshToken);

    /// Signs the session's browser out.
    fn sign_out(&self, session: &str, cookie: &RefreshToken);

    /// Lets the next request hang.
    fn hang_once(&self);

    /// Lets requests succeed again.
    fn resume(&self);

    async fn stop(&self);

    async fn refresh(&self, session: Option<&str>, cookie: &RefreshToken) -> Result<TokenResponse, TokenEndpointError> {
        within(self.endpoint().refresh(&self.client(), session, cookie, LIMIT)).await
    }
}

struct Fake(FakeProvider);

impl Fixture for Fake {
    type Port = FakeProvider;

    async fn open() -> Self {
        Self(FakeProvider::new())
    }

    fn endpoint(&self) -> &FakeProvider {
        &self.0
    }

    fn client(&self) -> SessionClient {
        SessionClient { url: EndpointUrl::parse("https://sessions.example").expect("an address"), cookie: "__client" }
    }

    fn sign_in(&self) -> (String, RefreshToken) {
        self.0.add_browser("cookie-1", NOW.unix_seconds());
        ("sess_1".to_owned(), RefreshToken::new("cookie-1"))
    }

    fn sign_out(&self, _session: &str, cookie: &RefreshToken) {
        self.0.remove_browser(cookie.expose_secret());
    }

    fn hang_once(&self) {
        self.0.hang();
    }

    fn resume(&self) {
        self.0.resume();
    }

    async fn stop(&self) {
        self.0.stop_sessions();
    }
}

struct Http {
    endpoint: HttpOAuthEndpoint,
    provider: Simulator,
}

impl Fixture for Http {
    type Port = HttpOAuthEndpoint;

    async fn open() -> Self {
        let _ = http();
        let provider = Simulator::start(Options::default()).await.expect("it starts");
        Self {
            endpoint: HttpOAuthEndpoint::new(std::sync::Arc::new(goclaw::adapters::system::SystemClock))
                .expect("a client"),
            provider,
        }
    }

    fn endpoint(&self) -> &HttpOAuthEndpoint {
        &self.endpoint
    }

    fn client(&self) -> SessionClient {
        SessionClient { url: EndpointUrl::parse(self.provider.sessions_url()).expect("an address"), cookie: "__client" }
    }

    fn sign_in(&self) -> (String, RefreshToken) {
        let browser = self.provider.sign_in_browser(0).expect("an account");
        (browser.session_id, RefreshToken::new(browser.client_cookie))
    }

    fn sign_out(&self, session: &str, _cookie: &RefreshToken) {
        assert!(self.provider.revoke_browser(session));
    }

    fn hang_once(&self) {
        self.provider.queue_fault(FaultOrder::once(Endpoint::Sessions, Fault::Hang));
    }

    fn resume(&self) {
        self.provider.clear_faults();
    }

    async fn stop(&self) {
        self.provider.take_down(Site::Sessions).await;
    }
}

/// Returns the session of a refreshed token, and checks that the cookie was not replaced.
fn session_of(grant: &TokenResponse) -> String {
    assert!(grant.refresh_token.is_none());
    let token = grant.access_token.as_ref().expect("a token").expose_secret();
    let claims = token.split('.').nth(1).expect("a JWT");
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON");
    claims["sid"].as_str().expect("a session").to_owned()
}

async fn a_cookie_refreshes_its_session_repeatedly<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    for _ in 0..3 {
        let grant = fixture.refresh(Some(&session), &cookie).await.expect("a token");
        assert_eq!(session_of(&grant), session);
    }
}

async fn an_unknown_session_selects_the_last_active_one<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    for other in [None, Some("sess_over"), Some(""), Some("../../oauth/token")] {
        let grant = fixture.refresh(other, &cookie).await.expect("a token");
        assert_eq!(session_of(&grant), session, "{other:?}");
    }
}

async fn a_signed_out_cookie_is_rejected<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    fixture.sign_out(&session, &cookie);
    for cookie in [cookie, RefreshToken::new("made-up")] {
        for session in [None, Some(session.as_str())] {
            let refused = fixture.refresh(session, &cookie).await.expect_err("the cookie is not signed in");
            assert!(matches!(refused, TokenEndpointError::Rejected { status: 401, .. }), "{session:?}: {refused:?}");
        }
    }
}

async fn an_invalid_cookie_header_is_not_sent<F: Fixture>() {
    let fixture = F::open().await;
    let (session, _) = fixture.sign_in();
    let refused = fixture.refresh(Some(&session), &RefreshToken::new("two\nlines")).await.expect_err("no cookie");
    assert!(matches!(refused, TokenEndpointError::Unavailable { .. }), "{refused:?}");
}

async fn a_refresh_ends_within_its_limit_and_consumes_nothing<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    fixture.hang_once();
    let limit = Duration::from_millis(300);
    let client = fixture.client();
    let refresh = timeout(SOON, fixture.endpoint().refresh(&client, Some(&session), &cookie, limit)).await;
    let error = refresh.expect("it ends soon after its limit").expect_err("there is no response");
    assert!(matches!(error, TokenEndpointError::Indeterminate(Doubt::TimedOut)), "{error:?}");
    fixture.resume();
    assert_eq!(session_of(&fixture.refresh(Some(&session), &cookie).await.expect("a token")), session);
}

async fn an_unreachable_provider_is_unavailable<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    fixture.stop().await;
    let error = fixture.refresh(Some(&session), &cookie).await.expect_err("there is no connection");
    assert!(
        matches!(&error, TokenEndpointError::Unreachable(why) if why.problem == ConnectProblem::Refused),
        "{error:?}"
    );
}
