//! The identity provider behind a browser session.

use std::time::Duration;

use async_trait::async_trait;

use super::TokenEndpointError;
use crate::domain::{secret::RefreshToken, session_client::SessionClient, token_response::TokenResponse};

#[async_trait]
pub trait SessionEndpoint: Send + Sync {
    /// Refreshes the token of a session with the browser's cookie, within `limit`. `session` is the session's id where the
    /// token that is refreshed tells it; without one, or if it is over, the browser's last active session is meant. The cookie
    /// is not spent by this: whatever comes back, it may be presented again.
    ///
    /// Contract: as for [`super::OAuthEndpoint`], but it may take a few requests.
    async fn refresh(
        &self,
        client: &SessionClient,
        session: Option<&str>,
        cookie: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError>;
}
