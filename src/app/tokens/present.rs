//! Presents a refresh token, or the cookie of a browser session, to the server that issued it. One call, no retry.

use super::Tokens;
use crate::domain::{
    claims::UnverifiedClaims,
    credential::SealedCredential,
    provider::{ProviderDefinition, RefreshMethod},
    refresh::{Cause, Failure},
    secret::RefreshToken,
    time::Timestamp,
    token_response::TokenResponse,
};

impl Tokens {
    /// Returns until when the provider's breaker is open; None if it may be called.
    pub(super) fn breaker_open_until(&self, definition: &ProviderDefinition) -> Option<Timestamp> {
        let account = self.registry.get(&definition.name)?;
        self.breakers.open_until(definition.refresh_method(account.auth_method)?, self.now())
    }

    /// Presents the account's refresh token in the way that its login requires.
    pub(super) async fn present(
        &self,
        definition: &ProviderDefinition,
        credential: &SealedCredential,
        token: &RefreshToken,
    ) -> Result<TokenResponse, Failure> {
        let limit = definition.refresh.http_timeout;
        // The endpoint may have been removed from the configuration.
        let no_endpoint = Failure::NotConsumed { cause: Cause::Refused, retry_after: None };
        let method = definition.refresh_method(credential.metadata.auth_method).ok_or(no_endpoint)?;
        let outcome = match method {
            RefreshMethod::OAuth(client) => {
                self.oauth.refresh(client, token, limit).await.map_err(|error| error.failure())
            }
            RefreshMethod::Session(client) => {
                // If the access token does not open, the provider uses the browser's last session.
                let current = self.vault.open_access_token(credential).ok();
                let claims = current.as_ref().and_then(UnverifiedClaims::of);
                let session = claims.and_then(|claims| claims.label("sid"));
                let refreshed = self.sessions.refresh(client, session.as_deref(), token, limit).await;
                refreshed.map_err(|error| error.failure().for_reusable_secret())
            }
        };
        if matches!(outcome, Ok(_) | Err(Failure::Rejected(_))) {
            self.breakers.note(method, outcome.is_err(), self.now());
        }
        outcome
    }
}
