//! The identity provider behind a browser session.

use std::time::Duration;

use async_trait::async_trait;

use super::TokenEndpointError;
use crate::domain::{secret::RefreshToken, session_client::SessionClient, token_response::TokenResponse};

#[async_trait]
pub trait SessionEndpoint: Send + Sync {
    /// Refreshes the token of a session with the browser's cookie, within `limit`. `session` is the session's id, if
    /// the current token has it; without an id, or if that session has ended, the browser's last active session is
    /// used. The cookie is not spent and may be presented again after any outcome.
    ///
    /// Contract: as for [`super::OAuthEndpoint`], but it may send a few requests.
    async fn refresh(
        &self,
        client: &SessionClient,
        session: Option<&str>,
        cookie: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError>;
}
