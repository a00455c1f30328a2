//! Presents a refresh token, or the cookie of a browser session, to the server that issued it. One call, no retry.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::Tokens;
use crate::domain::{
    claims::UnverifiedClaims,
    credential::SealedCredential,
    provider::{ProviderDefinition, RefreshMethod},
    refresh::{Cause, Failure},
    secret::RefreshToken,
    token_response::TokenResponse,
};
use crate::ports::TokenEndpointError;

/// How long a token response is awaited in all. After `http_timeout` it is late.
const LISTEN_FOR: Duration = Duration::from_secs(10 * 60);
/// Time to read what has arrived, after a timeout: a process that was paused finds the response in its socket.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// A call that presents a refresh token.
pub(super) type Presentation = Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send>>;

impl Tokens {
    /// Presents the account's refresh token in the way that its login requires.
    pub(super) fn present(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        credential: &SealedCredential,
        token: RefreshToken,
    ) -> Presentation {
        let (tokens, definition, credential) = (Arc::clone(self), definition.clone(), credential.clone());
        Box::pin(async move { tokens.call(&definition, &credential, &token).await })
    }

    /// Returns the outcome of a presentation; None if there is none in time.
    pub(super) async fn in_time(
        &self,
        definition: &ProviderDefinition,
        call: &mut Presentation,
    ) -> Option<Result<TokenResponse, Failure>> {
        for wait in [definition.refresh.http_timeout, LAST_LOOK] {
            tokio::select! {
                biased;
                outcome = &mut *call => return Some(outcome),
                () = self.clock.sleep(wait) => {}
            }
        }
        None
    }

    async fn call(
        &self,
        definition: &ProviderDefinition,
        credential: &SealedCredential,
        token: &RefreshToken,
    ) -> Result<TokenResponse, Failure> {
        // The endpoint may have been removed from the configuration.
        let no_endpoint = Failure::NotConsumed { cause: Cause::Refused, retry_after: None };
        let method = definition.refresh_method(credential.metadata.auth_method).ok_or(no_endpoint)?;
        let outcome = match method {
            RefreshMethod::OAuth(client) => {
                self.oauth.refresh(client, token, LISTEN_FOR).await.map_err(|error| failure(definition, &error))
            }
            RefreshMethod::Session(client) => {
                // If the access token does not open, the provider uses the browser's last session.
                let current = self.vault.open_access_token(credential).ok();
                let claims = current.as_ref().and_then(UnverifiedClaims::of);
                let session = claims.and_then(|claims| claims.label("sid"));
                // Presenting a cookie does not spend it, so a late response is worth nothing.
                let limit = definition.refresh.http_timeout;
                let refreshed = self.sessions.refresh(client, session.as_deref(), token, limit).await;
                refreshed.map_err(|error| failure(definition, &error).for_reusable_secret())
            }
        };
        self.note_outcome(definition, &outcome);
        outcome
    }
}

/// Returns what an error means for the presented token. The row keeps its kind only, so the log gets the whole text.
fn failure(definition: &ProviderDefinition, error: &TokenEndpointError) -> Failure {
    tracing::warn!(provider.name = %definition.name, error = %error, "the token endpoint gave no tokens");
    error.failure()
}
