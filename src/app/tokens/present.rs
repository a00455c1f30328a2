//! Presents a refresh token, or a browser's cookie, to the server that issued it. A failed request is not retried.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{Tokens, session::CookieOutcome};
use crate::domain::{
    credential::SealedCredential,
    provider::{ProviderDefinition, RefreshMethod},
    refresh::{Cause, Failure},
    secret::RefreshToken,
    session_client::SessionId,
    token_response::TokenResponse,
};
use crate::ports::TokenEndpointError;

/// How long to wait for a token response in total. After `http_timeout`, the response counts as late.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Extra time to read a response after the timeout. If the process was paused, the response may be in its socket.
const EXTRA_WAIT: Duration = Duration::from_millis(500);

/// A call that presents a refresh token.
pub(super) type Presentation = Pin<Box<dyn Future<Output = Result<PresentationResponse, Failure>> + Send>>;

/// The response to a presentation.
pub(super) struct PresentationResponse {
    pub(super) response: TokenResponse,
    /// Set if the refresh continues by presenting the new cookie.
    pub(super) continuation: Option<Continuation>,
}

/// The second step of a refresh whose first response was a new cookie without a token.
pub(super) struct Continuation {
    /// The session for which a token is requested; None for the browser's last session.
    pub(super) session: Option<SessionId>,
}

impl Tokens {
    /// Presents the account's refresh token to the token endpoint, or to the session endpoint.
    pub(super) fn present(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        credential: &SealedCredential,
        token: RefreshToken,
        continuation: Option<Continuation>,
    ) -> Presentation {
        let (tokens, definition, credential) = (Arc::clone(self), definition.clone(), credential.clone());
        Box::pin(async move { tokens.call(&definition, &credential, &token, continuation).await })
    }

    /// Waits for the outcome of a presentation until the timeout; None after that.
    pub(super) async fn wait_for_outcome(
        &self,
        definition: &ProviderDefinition,
        call: &mut Presentation,
    ) -> Option<Result<PresentationResponse, Failure>> {
        for wait in [definition.refresh.http_timeout, EXTRA_WAIT] {
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
        continuation: Option<Continuation>,
    ) -> Result<PresentationResponse, Failure> {
        // The configuration may no longer have the endpoint.
        let no_endpoint = Failure::NotConsumed { cause: Cause::Refused, retry_after: None };
        let method = definition.refresh_method(credential.metadata.auth_method).ok_or(no_endpoint)?;
        let outcome = match method {
            RefreshMethod::OAuth(client) => {
                let refreshed = self.oauth.refresh(&definition.name, client, token, RESPONSE_TIMEOUT).await;
                refreshed.map(|response| PresentationResponse { response, continuation: None })
            }
            RefreshMethod::Session(client) => {
                let session =
                    continuation.map_or_else(|| self.session_of(credential), |continuation| continuation.session);
                let times = (RESPONSE_TIMEOUT, definition.refresh.http_timeout);
                let outcome = self.ask_session(&definition.name, client, session, token, times).await;
                outcome.map(|outcome| outcome.into_response(definition))
            }
        };
        let outcome = outcome.map_err(|error| failure_for(credential, log_and_classify(definition, &error)));
        self.note_outcome(definition, &outcome);
        outcome
    }

    /// Returns the session that the current access token names; None if it names none or does not open.
    fn session_of(&self, credential: &SealedCredential) -> Option<SessionId> {
        let current = self.vault.open_access_token(credential).ok()?;
        SessionId::of(&current)
    }
}

impl CookieOutcome {
    fn into_response(self, definition: &ProviderDefinition) -> PresentationResponse {
        match self {
            Self::Token(response) => PresentationResponse { response, continuation: None },
            Self::Replaced(response, Ok(session)) => {
                PresentationResponse { response, continuation: Some(Continuation { session }) }
            }
            Self::Replaced(response, Err(error)) => {
                let name = &definition.name;
                tracing::warn!(provider.name = %name, error = %error, "a failed request replaced the cookie");
                // If the old cookie was refused, present the new one now. Else the next refresh presents it.
                let is_refusal = matches!(error.failure(), Failure::Rejected(_));
                PresentationResponse { response, continuation: is_refusal.then_some(Continuation { session: None }) }
            }
        }
    }
}

/// Adjusts a failure if the account's secret can be presented again, such as a cookie that the provider never replaced.
pub(super) fn failure_for(credential: &SealedCredential, failure: Failure) -> Failure {
    if credential.is_reusable() { failure.for_reusable_secret() } else { failure }
}

/// Classifies an error of the token endpoint, and logs its text, because the row keeps only the class.
fn log_and_classify(definition: &ProviderDefinition, error: &TokenEndpointError) -> Failure {
    tracing::warn!(provider.name = %definition.name, error = %error, "the token endpoint returned no tokens");
    error.failure()
}
