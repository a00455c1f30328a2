//! The fake session provider. A signed-in browser's cookie gets session tokens any number of times, until the provider
//! replaces the cookie.

use std::{collections::VecDeque, time::Duration};

use async_trait::async_trait;
use goclaw::{
    domain::{
        ids::AccountName,
        secret::{AccessToken, RefreshToken},
        session_client::{SessionClient, SessionId},
    },
    ports::{Doubt, SessionEndpoint, SessionOutcome, SessionResponse, TokenEndpointError},
};
use http_message::HeaderValue;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{FakeProvider, jwt};

/// The id of the only session.
const SESSION: &str = "sess_1";

#[derive(Default)]
pub(super) struct Sessions {
    /// The cookies of browsers that are signed in.
    pub(super) cookies: Vec<String>,
    /// The cookies that replace the presented one, for the next responses.
    pub(super) replacements: VecDeque<String>,
    /// How many of the next requests time out.
    pub(super) timeouts: usize,
    /// The error statuses of the next responses.
    pub(super) failures: VecDeque<u16>,
    /// The session ids in the requests, in order.
    pub(super) refreshed: Vec<Option<String>>,
    /// The cookies that were presented, in order.
    pub(super) presented: Vec<String>,
    /// The expiry of issued tokens, in Unix seconds.
    pub(super) until: i64,
    pub(super) is_gone: bool,
}

impl Sessions {
    fn reply(&mut self, session: Option<&str>) -> Result<SessionOutcome, TokenEndpointError> {
        match self.failures.pop_front() {
            Some(401) => return Err(TokenEndpointError::Rejected { status: 401, code: "unknown" }),
            Some(status) => return Err(TokenEndpointError::Indeterminate(Doubt::ServerError(status))),
            None => {}
        }
        Ok(match session {
            Some(SESSION) => {
                // `n` makes each token unique.
                let claims = json!({"sid": SESSION, "exp": self.until, "n": self.refreshed.len()});
                SessionOutcome::Token(AccessToken::new(jwt(&claims)))
            }
            Some(_) => SessionOutcome::NoSession,
            None => SessionOutcome::Active(SessionId::parse(SESSION).expect("an id")),
        })
    }
}

#[async_trait]
impl SessionEndpoint for FakeProvider {
    async fn present_cookie(
        &self,
        _account: &AccountName,
        _client: &SessionClient,
        session: Option<&SessionId>,
        cookie: &RefreshToken,
        limit: Duration,
    ) -> SessionResponse {
        tokio::task::yield_now().await;
        if HeaderValue::from_str(cookie.expose_secret()).is_err() {
            return TokenEndpointError::Unavailable { why: "the stored cookie is not a valid header value" }.into();
        }
        if self.sessions().is_gone {
            return TokenEndpointError::Unreachable(super::connection_refused()).into();
        }
        if let Err(error) = self.wait_while_hanging(limit).await {
            return error.into();
        }
        let mut sessions = self.sessions();
        let session = session.map(SessionId::as_str);
        sessions.refreshed.push(session.map(str::to_owned));
        sessions.presented.push(cookie.expose_secret().to_owned());
        if sessions.timeouts > 0 {
            sessions.timeouts -= 1;
            return TokenEndpointError::Indeterminate(Doubt::TimedOut).into();
        }
        let Some(index) = sessions.cookies.iter().position(|known| known == cookie.expose_secret()) else {
            return TokenEndpointError::Rejected { status: 401, code: "unknown" }.into();
        };
        let replacement = sessions.replacements.pop_front();
        if let Some(new) = &replacement {
            sessions.cookies[index].clone_from(new);
        }
        SessionResponse { outcome: sessions.reply(session), replacement: replacement.map(RefreshToken::new) }
    }
}
