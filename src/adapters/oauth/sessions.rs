//! Requests session tokens from Clerk's frontend API, which Suno uses. A request presents the browser's cookie, and its
//! response contains a JWT. Any response may replace the cookie.

use std::time::Duration;

use async_trait::async_trait;
use cookie::Cookie;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{COOKIE, HeaderValue, SET_COOKIE},
};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    HttpOAuthEndpoint,
    send::{SuccessResponse, finish, send_error, within},
};
use crate::{
    domain::{
        ids::AccountName,
        json::without_byte_order_mark,
        outbound_proxy::ProxyUrl,
        secret::{AccessToken, MAX_PASTED_SECRET_BYTES, RefreshToken},
        session_client::{SessionClient, SessionId, is_cookie_for},
        time::Timestamp,
    },
    ports::{Doubt, SessionEndpoint, SessionOutcome, SessionResponse, TokenEndpointError},
};

#[derive(Deserialize)]
struct SessionToken {
    jwt: SecretString,
}

#[derive(Deserialize)]
struct ClientResponse<'a> {
    #[serde(borrow)]
    response: Option<ClientSessions<'a>>,
}

#[derive(Deserialize)]
struct ClientSessions<'a> {
    last_active_session_id: Option<String>,
    /// Contains session tokens, so it is not copied.
    #[serde(borrow)]
    sessions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ListedSession {
    id: String,
    status: String,
}

/// Time limit of the body after the head. The head may contain the only valid cookie, which must be stored soon.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

#[async_trait]
impl SessionEndpoint for HttpOAuthEndpoint {
    async fn present_cookie(
        &self,
        account: &AccountName,
        client: &SessionClient,
        session: Option<&SessionId>,
        cookie: &RefreshToken,
        timeout: Duration,
    ) -> SessionResponse {
        let (request, proxy) = match self.cookie_request(account, client, session, cookie) {
            Ok(request) => request,
            Err(error) => return error.into(),
        };
        let mut replacement = None;
        let received = within(timeout, async {
            let response = request.send().await.map_err(|error| send_error(&error, proxy))?;
            replacement = new_cookie(&response, client.cookie, cookie, self.clock.now());
            within(BODY_TIMEOUT, finish(response, self.clock.as_ref())).await
        })
        .await;
        let outcome = match (received, session) {
            (Ok(response), Some(_)) => parse(&response).map(token),
            (Ok(response), None) => parse(&response).map(active_session),
            (Err(TokenEndpointError::Rejected { status: 404, .. }), Some(_)) => Ok(SessionOutcome::NoSession),
            (Err(error), _) => Err(error),
        };
        SessionResponse { outcome, replacement }
    }
}

impl HttpOAuthEndpoint {
    fn cookie_request(
        &self,
        account: &AccountName,
        client: &SessionClient,
        session: Option<&SessionId>,
        cookie: &RefreshToken,
    ) -> Result<(RequestBuilder, Option<&ProxyUrl>), TokenEndpointError> {
        let unusable = |why| TokenEndpointError::Unavailable { why };
        let (method, path) = match session {
            Some(id) => (Method::POST, format!("/v1/client/sessions/{}/tokens", id.as_str())),
            None => (Method::GET, "/v1/client".to_owned()),
        };
        let url = client.url.join_path(&path).map_err(|_not_joined| unusable("its URL is not valid"))?;
        let pair = Zeroizing::new(format!("{}={}", client.cookie, cookie.expose_secret()));
        let mut value =
            HeaderValue::from_str(&pair).map_err(|_not_a_header| unusable("the stored cookie is not valid"))?;
        value.set_sensitive(true);
        let (request, proxy) = self.request(account, method, &url);
        Ok((request.header(COOKIE, value), proxy))
    }
}

/// Returns the last cookie of this name that a response sets for this host and does not delete again (RFC 6265, section
/// 5.3). Returns `None` if there is none, or if it is empty, too long or equal to `known`.
fn new_cookie(response: &Response, name: &str, known: &RefreshToken, now: Timestamp) -> Option<RefreshToken> {
    let host = response.url().host_str().unwrap_or_default();
    let cookies = response.headers().get_all(SET_COOKIE).iter().filter_map(|header| header.to_str().ok());
    let cookies = cookies.filter_map(|header| Cookie::parse(header).ok());
    let cookies = cookies.filter(|cookie| cookie.name() == name && is_cookie_for(cookie.domain(), host));
    let last = cookies.fold(None, |last: Option<Cookie<'_>>, cookie| {
        if !has_expired(&cookie, now) {
            return Some(cookie);
        }
        // A cookie with another domain or path is another cookie.
        last.filter(|last| (last.domain(), last.path()) != (cookie.domain(), cookie.path()))
    })?;
    let (new, known) = (RefreshToken::new(last.value_trimmed()), known.expose_secret());
    let text = new.expose_secret();
    let is_new = !text.is_empty() && text != known && text.len() <= MAX_PASTED_SECRET_BYTES;
    is_new.then_some(new)
}

/// Returns whether the cookie is already expired. Servers delete a cookie in this way.
fn has_expired(cookie: &Cookie<'_>, now: Timestamp) -> bool {
    match cookie.max_age() {
        Some(age) => !age.is_positive(),
        None => cookie.expires_datetime().is_some_and(|at| at.unix_timestamp() <= now.unix_seconds()),
    }
}

fn token(parsed: SessionToken) -> SessionOutcome {
    SessionOutcome::Token(AccessToken::new(parsed.jwt.expose_secret()))
}

fn active_session(parsed: ClientResponse<'_>) -> SessionOutcome {
    let id = parsed.response.and_then(|client| {
        let last_active = client.last_active_session_id.as_deref().and_then(SessionId::parse);
        last_active.or_else(|| first_active(client.sessions?))
    });
    id.map_or(SessionOutcome::NoSession, SessionOutcome::Active)
}

/// Returns the id of the first active session. After the last active session has ended, Clerk names none, although the
/// browser may have others.
fn first_active(sessions: &RawValue) -> Option<SessionId> {
    let sessions: Vec<ListedSession> = serde_json::from_str(sessions.get()).ok()?;
    SessionId::parse(&sessions.into_iter().find(|session| session.status == "active")?.id)
}

fn parse<'a, T: Deserialize<'a>>(response: &'a SuccessResponse) -> Result<T, TokenEndpointError> {
    let unreadable = || TokenEndpointError::Indeterminate(Doubt::Unreadable(StatusCode::as_u16(&response.status)));
    serde_json::from_slice(without_byte_order_mark(&response.body)).map_err(|_| unreadable())
}
