//! The session provider, modelled on Clerk: a browser's long-lived cookie refreshes a short-lived session token.
//! It accepts no bearer token, and the music API accepts no cookie.

use std::sync::Arc;

use hyper::{HeaderMap, Method, Request, header::COOKIE, http::request::Parts};
use serde_json::{Value, json};

use crate::{
    faults::Endpoint,
    http::{ConnectionCut, Origin, Reply, UnreadBody, read_body},
    interference,
    journal::token_sha256,
    provider::{self, Entry, Provider, RefreshRefusal, SessionView},
    refusals,
    site::Site,
};

/// The cookie that authenticates a browser.
const CLIENT_COOKIE: &str = "__client";
/// The attributes of a cookie that replaces another.
const ATTRIBUTES: &str = "Path=/; HttpOnly; Secure; SameSite=None";

/// The maximum request body, in bytes; requests here have almost none.
const BODY_LIMIT: usize = 64 * 1024;

/// The session provider as an origin.
pub(crate) struct SessionsOrigin {
    pub(crate) provider: Arc<Provider>,
}

/// The requested operation.
enum Operation<'a> {
    Refresh { session_id: &'a str },
    Client,
    Unknown,
}

impl<'a> Operation<'a> {
    fn read(method: &Method, path: &'a str) -> Self {
        let refresh = path.strip_prefix("/v1/client/sessions/").and_then(|rest| rest.strip_suffix("/tokens"));
        match (method, refresh) {
            (&Method::POST, Some(session_id)) if !session_id.contains('/') => Self::Refresh { session_id },
            (&Method::GET, None) if path == "/v1/client" => Self::Client,
            _ => Self::Unknown,
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Refresh { .. } => Endpoint::SessionTokens,
            Self::Client => Endpoint::SessionClient,
            Self::Unknown => Endpoint::Sessions,
        }
    }
}

impl Origin for SessionsOrigin {
    async fn answer(&self, request: Request<UnreadBody>) -> Result<Reply, ConnectionCut> {
        let (head, body) = request.into_parts();
        let entry = self.provider.record_arrival(Site::Sessions, &head);
        entry.record_response(self.answer_to(&entry, head, body)).await
    }
}

impl SessionsOrigin {
    async fn answer_to(&self, entry: &Entry, head: Parts, body: UnreadBody) -> Result<Reply, ConnectionCut> {
        let Ok(body) = read_body(body, BODY_LIMIT).await else { return Err(ConnectionCut::Close) };
        entry.record_body(&body);
        let cookie = client_cookie(&head.headers);
        entry.update(|entry| entry.token_sha256 = cookie.map(token_sha256));
        let operation = Operation::read(&head.method, head.uri.path());
        let fault = self.provider.state().faults.next_for(operation.endpoint());
        let decide = || {
            let reply = self.reply(&operation, cookie);
            match provider::rotate_cookie(&self.provider, cookie) {
                Some(new) => reply.header("set-cookie", &format!("{CLIENT_COOKIE}={new}; {ATTRIBUTES}")),
                None => reply,
            }
        };
        interference::apply(fault, entry, (), decide).await
    }
}

impl SessionsOrigin {
    fn reply(&self, operation: &Operation<'_>, cookie: Option<&str>) -> Reply {
        match operation {
            Operation::Refresh { session_id } => {
                refresh_reply(provider::refresh_session(&self.provider, session_id, cookie))
            }
            Operation::Client if cookie.is_some_and(|cookie| !self.provider.state().browsers.has_cookie(cookie)) => {
                refresh_reply(Err(RefreshRefusal::Unauthenticated))
            }
            Operation::Client => {
                let session = cookie.and_then(|cookie| self.provider.state().browsers.session(cookie));
                Reply::json(200, &json!({"response": session.map(client_json), "client": null}))
            }
            Operation::Unknown => Reply::json(404, &refusals::session_error("not_found", "The path does not exist.")),
        }
    }
}

/// Finds the client cookie among the others (RFC 6265 section 4.2.1).
fn client_cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|pairs| pairs.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(name, _)| *name == CLIENT_COOKIE))
        .map(|(_, value)| value)
}

fn refresh_reply(refreshed: Result<String, RefreshRefusal>) -> Reply {
    let refused = |status, code, message| Reply::json(status, &refusals::session_error(code, message));
    match refreshed {
        Ok(jwt) => Reply::json(200, &json!({"jwt": jwt})).header("cache-control", "no-store"),
        Err(RefreshRefusal::Unauthenticated) => {
            refused(401, "authentication_invalid", "Unable to authenticate the request.")
        }
        Err(RefreshRefusal::NoSuchSession) => refused(404, "resource_not_found", "The session was not found."),
        Err(RefreshRefusal::Internal) => refused(500, "internal_error", "The token could not be signed."),
    }
}

/// Returns the JSON of a browser with its one session.
fn client_json(session: SessionView) -> Value {
    let last_active = u64::try_from(session.last_active.as_millis()).unwrap_or(u64::MAX);
    json!({
        "object": "client",
        "id": format!("client_of_{}", session.session_id),
        "sessions": [{
            "object": "session",
            "id": session.session_id,
            "status": "active",
            "last_active_at": last_active,
            "user": {
                "id": session.account.user_id,
                "email_addresses": session.account.email.map(|email| json!({"email_address": email})).as_slice(),
            },
        }],
        "last_active_session_id": session.session_id,
    })
}
