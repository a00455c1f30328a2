//! The identity provider of browser sessions. A valid cookie refreshes a session token any number of times.

use std::time::Duration;

use async_trait::async_trait;
use goclaw::{
    domain::{
        secret::{AccessToken, RefreshToken},
        session_client::SessionClient,
        token_response::TokenResponse,
    },
    ports::{Doubt, SessionEndpoint, TokenEndpointError},
};
use http_message::HeaderValue;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{FakeProvider, jwt};

#[derive(Default)]
pub(super) struct Sessions {
    /// The cookies of browsers that are signed in.
    pub(super) cookies: Vec<String>,
    /// The number of next refreshes that time out.
    pub(super) timeouts: usize,
    /// The sessions that refreshes named, in order.
    pub(super) refreshed: Vec<Option<String>>,
    /// The expiry of issued tokens, in Unix seconds.
    pub(super) until: i64,
    pub(super) is_gone: bool,
}

#[async_trait]
impl SessionEndpoint for FakeProvider {
    async fn refresh(
        &self,
        _client: &SessionClient,
        session: Option<&str>,
        cookie: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError> {
        tokio::task::yield_now().await;
        if HeaderValue::from_str(cookie.expose_secret()).is_err() {
            return Err(TokenEndpointError::Unavailable { why: "the stored cookie is not a valid header value" });
        }
        if self.sessions().is_gone {
            return Err(TokenEndpointError::Unreachable(super::refused()));
        }
        self.wait_while_hanging(limit).await?;
        let mut sessions = self.sessions();
        sessions.refreshed.push(session.map(str::to_owned));
        if sessions.timeouts > 0 {
            sessions.timeouts -= 1;
            return Err(TokenEndpointError::Indeterminate(Doubt::TimedOut));
        }
        if !sessions.cookies.iter().any(|known| known == cookie.expose_secret()) {
            return Err(TokenEndpointError::Rejected { status: 401, code: "unknown" });
        }
        let claims = json!({"sid": "sess_1", "exp": sessions.until, "n": sessions.refreshed.len()});
        Ok(TokenResponse {
            access_token: Some(AccessToken::new(jwt(&claims))),
            refresh_token: None,
            id_token: None,
            expires_in: None,
            scope: None,
        })
    }
}
