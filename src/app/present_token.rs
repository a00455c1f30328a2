//! One call that refreshes a credential, in the way that fits how it was obtained. A server that refuses most of such calls is
//! left alone for a while.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Gateway;
use crate::domain::{
    claims::UnverifiedClaims,
    credential::SealedCredential,
    provider::{ProviderDefinition, RefreshMethod},
    refresh::{Breaker, Cause, Failure},
    secret::RefreshToken,
    time::Timestamp,
    token_response::TokenResponse,
};

/// The circuit breakers, one for each server.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<String, Breaker>>);

impl Breakers {
    /// Until when a server is not to be asked; None if it may be.
    fn open_until(&self, refresh: RefreshMethod<'_>, now: Timestamp) -> Option<Timestamp> {
        self.breakers().get(server(refresh))?.open_until(now)
    }

    /// Notes a definite answer of a server.
    fn note(&self, refresh: RefreshMethod<'_>, was_rejected: bool, now: Timestamp) {
        let server = server(refresh);
        if self.breakers().entry(server.to_owned()).or_default().note(was_rejected, now) {
            tracing::error!(server, "most refreshes there are refused now; none is tried for five minutes");
        }
    }

    fn breakers(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn server(refresh: RefreshMethod<'_>) -> &str {
    match refresh {
        RefreshMethod::OAuth(client) => client.token_url.as_str(),
        RefreshMethod::Session(client) => client.url.as_str(),
    }
}

impl Gateway {
    /// Until when the provider is left alone, if it refuses most of what it is asked.
    pub(super) fn breaker_open_until(&self, definition: &ProviderDefinition) -> Option<Timestamp> {
        let account = self.registry.get(&definition.name)?;
        self.breakers.open_until(definition.refresh_method(account.auth_method)?, self.now())
    }

    /// Presents what refreshes the access token, in the way that fits how the account was connected.
    pub(super) async fn present_token(
        &self,
        definition: &ProviderDefinition,
        credential: &SealedCredential,
        token: &RefreshToken,
    ) -> Result<TokenResponse, Failure> {
        let limit = definition.refresh.http_timeout;
        // The configuration may say so no longer.
        let nowhere = Failure::NotConsumed { cause: Cause::Refused, retry_after: None };
        let refresh = definition.refresh_method(credential.metadata.auth_method).ok_or(nowhere)?;
        let outcome = match refresh {
            RefreshMethod::OAuth(client) => {
                self.oauth.refresh(client, token, limit).await.map_err(|error| error.failure())
            }
            RefreshMethod::Session(client) => {
                // What does not open is not needed here: the provider knows the browser's last session too.
                let current = self.vault.open_access_token(credential).ok();
                let claims = current.as_ref().and_then(UnverifiedClaims::of);
                let session = claims.and_then(|claims| claims.label("sid"));
                let refreshed = self.sessions.refresh(client, session.as_deref(), token, limit).await;
                refreshed.map_err(|error| error.failure().of_a_lasting_secret())
            }
        };
        if matches!(outcome, Ok(_) | Err(Failure::Rejected(_))) {
            self.breakers.note(refresh, outcome.is_err(), self.now());
        }
        outcome
    }
}
