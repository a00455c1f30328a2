//! The identity provider of browser sessions.

use std::time::Duration;

use async_trait::async_trait;

use super::TokenEndpointError;
use crate::domain::{
    ids::AccountName,
    secret::{AccessToken, RefreshToken},
    session_client::{SessionClient, SessionId},
};

/// What the provider returned.
#[derive(Debug)]
pub enum SessionOutcome {
    /// A new token of the session.
    Token(AccessToken),
    /// An active session of the browser: the last one, if the provider names it.
    Active(SessionId),
    /// The session has ended, or the browser has none.
    NoSession,
}

#[derive(Debug)]
pub struct SessionResponse {
    pub outcome: Result<SessionOutcome, TokenEndpointError>,
    /// The cookie that replaces the presented one, which the provider no longer accepts.
    pub replacement: Option<RefreshToken>,
}

impl From<TokenEndpointError> for SessionResponse {
    fn from(error: TokenEndpointError) -> Self {
        Self { outcome: Err(error), replacement: None }
    }
}

#[async_trait]
pub trait SessionEndpoint: Send + Sync {
    /// Presents the browser's cookie, which is stored as the account's refresh token, in one request within `timeout`.
    /// Requests a new token of `session`. If it is None, requests the id of the session that the browser used last.
    ///
    /// Contract:
    /// - The contract of [`super::OAuthEndpoint`] applies: above all, MUST NOT retry.
    /// - If the response replaces the cookie, MUST return the new one, even if the request failed.
    /// - MUST NOT return a cookie that the response deletes or that equals the presented one.
    async fn present_cookie(
        &self,
        account: &AccountName,
        client: &SessionClient,
        session: Option<&SessionId>,
        cookie: &RefreshToken,
        timeout: Duration,
    ) -> SessionResponse;
}
