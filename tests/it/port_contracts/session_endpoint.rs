//! Contract of `SessionEndpoint`, for the fake and for the HTTP adapter against the simulator.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goclaw::{
    adapters::oauth::HttpOAuthEndpoint,
    domain::{
        oauth_client::EndpointUrl,
        secret::{AccessToken, RefreshToken},
        session_client::{SessionClient, SessionId},
    },
    ports::{ConnectProblem, Doubt, SessionEndpoint, SessionOutcome, SessionResponse, TokenEndpointError},
};
use goclaw_simulator::{CookieRotation, Endpoint, Fault, FaultOrder, Options, Simulator, Site};
use reqwest::{StatusCode, header::SET_COOKIE};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::timeout;

use super::{contract, scripted_server::ScriptedServer};
use crate::support::outbound::{account, outbound};
use crate::support::{
    fakes::{FakeProvider, NOW, ScriptedResponse, within},
    gateway::http,
};

contract!(fake: Fake, http_client: Http; [
    a_cookie_refreshes_its_session_repeatedly,
    without_a_session_id_the_reply_names_the_last_active_session,
    a_missing_session_is_a_reply_and_not_an_error,
    a_replacement_cookie_is_returned_with_every_outcome,
    a_signed_out_cookie_is_rejected,
    an_invalid_cookie_header_is_not_sent,
    a_timed_out_request_is_indeterminate_and_leaves_the_cookie_valid,
    a_refused_connection_is_an_unreachable_error,
]);

const TIMEOUT: Duration = Duration::from_secs(15);
/// Longer than the timeout in the test that uses it, and shorter than the adapter's own timeout.
const SOON: Duration = Duration::from_secs(8);

trait Fixture {
    type Port: SessionEndpoint;

    async fn open() -> Self;

    fn endpoint(&self) -> &Self::Port;

    fn client(&self) -> SessionClient;

    /// Signs in a browser and returns its session id and cookie.
    fn sign_in(&self) -> (String, RefreshToken);

    fn sign_out(&self, session: &str, cookie: &RefreshToken);

    /// Makes the next response replace the session's cookie.
    fn replace_cookie(&self, session: &str);

    /// Makes the next response a server error.
    fn fail_once(&self);

    fn hang_once(&self);

    /// Ends the faults, so that requests succeed again.
    fn recover(&self);

    async fn stop(&self);

    async fn present_cookie(&self, session: Option<&str>, cookie: &RefreshToken) -> SessionResponse {
        let session = session.map(|id| SessionId::parse(id).expect("an id"));
        within(self.endpoint().present_cookie(account(), &self.client(), session.as_ref(), cookie, TIMEOUT)).await
    }

    /// Returns the outcome of a request that does not replace the cookie.
    async fn outcome(
        &self,
        session: Option<&str>,
        cookie: &RefreshToken,
    ) -> Result<SessionOutcome, TokenEndpointError> {
        let response = self.present_cookie(session, cookie).await;
        assert!(response.replacement.is_none());
        response.outcome
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

    fn replace_cookie(&self, _session: &str) {
        let new = format!("new-{}", self.0.cookies_presented().len());
        self.0.replace_cookie(&[&new]);
    }

    fn fail_once(&self) {
        self.0.fail_session_requests(&[500]);
    }

    fn hang_once(&self) {
        self.0.hang();
    }

    fn recover(&self) {
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
            endpoint: HttpOAuthEndpoint::new(&outbound(), std::sync::Arc::new(goclaw::adapters::system::SystemClock))
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

    fn replace_cookie(&self, session: &str) {
        assert!(self.provider.set_cookie_rotation(session, CookieRotation::Once));
    }

    fn fail_once(&self) {
        let fault = Fault::StatusAfterCommit { status: 500, body: "{}".to_owned() };
        self.provider.queue_fault(FaultOrder::once(Endpoint::Sessions, fault));
    }

    fn hang_once(&self) {
        self.provider.queue_fault(FaultOrder::once(Endpoint::Sessions, Fault::Hang));
    }

    fn recover(&self) {
        self.provider.clear_faults();
    }

    async fn stop(&self) {
        self.provider.take_down(Site::Sessions).await;
    }
}

/// Returns the session id in a token's claims.
fn session_of(reply: SessionOutcome) -> String {
    let SessionOutcome::Token(token) = reply else { panic!("expected a token, got {reply:?}") };
    let claims = AccessToken::expose_secret(&token).split('.').nth(1).expect("a JWT");
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON");
    claims["sid"].as_str().expect("a session").to_owned()
}

async fn a_cookie_refreshes_its_session_repeatedly<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    for _ in 0..3 {
        assert_eq!(session_of(fixture.outcome(Some(&session), &cookie).await.expect("a token")), session);
    }
}

async fn without_a_session_id_the_reply_names_the_last_active_session<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    let reply = fixture.outcome(None, &cookie).await.expect("a session");
    assert!(matches!(&reply, SessionOutcome::Active(id) if id.as_str() == session), "{reply:?}");
}

async fn a_missing_session_is_a_reply_and_not_an_error<F: Fixture>() {
    let fixture = F::open().await;
    let (_, cookie) = fixture.sign_in();
    let reply = fixture.outcome(Some("sess_unknown"), &cookie).await.expect("a reply");
    assert!(matches!(reply, SessionOutcome::NoSession), "{reply:?}");
}

async fn a_replacement_cookie_is_returned_with_every_outcome<F: Fixture>() {
    let fixture = F::open().await;
    let (session, mut cookie) = fixture.sign_in();
    for (requested, fails) in
        [(Some(session.as_str()), false), (None, false), (Some("sess_unknown"), false), (None, true)]
    {
        fixture.replace_cookie(&session);
        if fails {
            fixture.fail_once();
        }
        let response = fixture.present_cookie(requested, &cookie).await;
        assert_eq!(response.outcome.is_err(), fails, "{requested:?}");
        let new = response.replacement.expect("a new cookie");
        let refused = fixture.outcome(Some(&session), &cookie).await.expect_err("the old cookie is invalid");
        assert!(matches!(refused, TokenEndpointError::Rejected { status: 401, .. }), "{refused:?}");
        cookie = new;
    }
    assert_eq!(session_of(fixture.outcome(Some(&session), &cookie).await.expect("a token")), session);
}

async fn a_signed_out_cookie_is_rejected<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    fixture.sign_out(&session, &cookie);
    for cookie in [cookie, RefreshToken::new("made-up")] {
        let refused = fixture.outcome(Some(&session), &cookie).await.expect_err("the cookie is not signed in");
        assert!(matches!(refused, TokenEndpointError::Rejected { status: 401, .. }), "{refused:?}");
    }
}

async fn an_invalid_cookie_header_is_not_sent<F: Fixture>() {
    let fixture = F::open().await;
    let (session, _) = fixture.sign_in();
    let refused = fixture.outcome(Some(&session), &RefreshToken::new("two\nlines")).await.expect_err("no cookie");
    assert!(matches!(refused, TokenEndpointError::Unavailable { .. }), "{refused:?}");
}

async fn a_timed_out_request_is_indeterminate_and_leaves_the_cookie_valid<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    fixture.hang_once();
    let (client, id) = (fixture.client(), SessionId::parse(&session).expect("an id"));
    let response = timeout(
        SOON,
        fixture.endpoint().present_cookie(account(), &client, Some(&id), &cookie, Duration::from_millis(300)),
    )
    .await;
    let error = response.expect("it ends soon after its timeout").outcome.expect_err("there is no response");
    assert!(matches!(error, TokenEndpointError::Indeterminate(Doubt::TimedOut)), "{error:?}");
    fixture.recover();
    assert_eq!(session_of(fixture.outcome(Some(&session), &cookie).await.expect("a token")), session);
}

async fn a_refused_connection_is_an_unreachable_error<F: Fixture>() {
    let fixture = F::open().await;
    let (session, cookie) = fixture.sign_in();
    fixture.stop().await;
    let error = fixture.outcome(Some(&session), &cookie).await.expect_err("there is no connection");
    assert!(
        matches!(&error, TokenEndpointError::Unreachable(why) if why.problem == ConnectProblem::Refused),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_active_session_is_used_if_the_response_names_no_last_one() {
    let _ = http();
    let endpoint = HttpOAuthEndpoint::new(&outbound(), std::sync::Arc::new(goclaw::adapters::system::SystemClock))
        .expect("a client");
    for (members, expected) in [
        (
            r#""last_active_session_id": null, "sessions": [{"id": "a", "status": "ended"}, {"id": "b", "status": "active"}]"#,
            Some("b"),
        ),
        (r#""sessions": [{"id": "a", "status": "active"}], "last_active_session_id": "b""#, Some("b")),
        (r#""last_active_session_id": null, "sessions": [{"id": "a", "status": "ended"}]"#, None),
        (r#""last_active_session_id": "", "sessions": [{"id": "a", "status": "active"}]"#, Some("a")),
        (r#""sessions": null"#, None),
    ] {
        let body = format!("\u{feff}{{\"response\": {{{members}}}}}");
        let server = ScriptedServer::start(ScriptedResponse::whole(StatusCode::OK, body)).await;
        let client = SessionClient { url: EndpointUrl::parse(&server.base).expect("an address"), cookie: "__client" };
        let cookie = RefreshToken::new("cookie");
        let response = within(endpoint.present_cookie(account(), &client, None, &cookie, TIMEOUT)).await;
        let active = match response.outcome {
            Ok(SessionOutcome::Active(id)) => Some(id.as_str().to_owned()),
            Ok(SessionOutcome::NoSession) => None,
            Ok(SessionOutcome::Token(_)) => panic!("{members}: a token"),
            Err(error) => panic!("{members}: {error}"),
        };
        assert_eq!(active.as_deref(), expected, "{members}");
    }
}

#[tokio::test]
async fn a_set_cookie_header_counts_only_for_this_host_and_before_it_expires() {
    let _ = http();
    let endpoint = HttpOAuthEndpoint::new(&outbound(), std::sync::Arc::new(goclaw::adapters::system::SystemClock))
        .expect("a client");
    for (set_cookie, expected) in [
        ("__client=new; Path=/; HttpOnly; Secure", Some("new")),
        ("__client=\"new\"; Domain=127.0.0.1; Max-Age=600", Some("new")),
        ("__client=new; Expires=Wed, 21 Oct 2099 07:28:00 GMT", Some("new")),
        ("__client=new; Domain=elsewhere.example", None),
        ("__client=new; Domain=0.0.1", None),
        ("__client=new; Domain=7.0.0.1", None),
        ("__client=gone; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("__client=gone; Max-Age=0", None),
        ("__client=; Path=/", None),
        ("__other=new", None),
        ("__client=old; Max-Age=0\n__client=new", Some("new")),
        ("__client=new\n__client=gone; Max-Age=0", None),
        ("__client=new\n__client=gone; Domain=127.0.0.1; Max-Age=0", Some("new")),
    ] {
        let mut script = ScriptedResponse::whole(StatusCode::OK, r#"{"jwt":"a-token"}"#);
        for header in set_cookie.lines() {
            script.headers.append(SET_COOKIE, header.parse().expect("a header"));
        }
        let server = ScriptedServer::start(script).await;
        let client = SessionClient { url: EndpointUrl::parse(&server.base).expect("an address"), cookie: "__client" };
        let session = SessionId::parse("sess_1").expect("an id");
        let response =
            within(endpoint.present_cookie(account(), &client, Some(&session), &RefreshToken::new("old"), TIMEOUT))
                .await;
        let replacement = response.replacement.as_ref().map(|cookie| cookie.expose_secret());
        assert_eq!(replacement, expected, "{set_cookie}");
    }
}
