//! Revokes refresh tokens that are no longer used (RFC 7009): at once, and after a failure for up to a day.
//!
//! The transaction that takes a token out of use puts it into the queue, so neither a crash nor an outage leaves a live
//! token behind.

use std::{sync::Arc, time::Duration};

use super::Tokens;
use crate::{
    app::AppError,
    domain::{
        credential::SealedCredential,
        provider::ProviderDefinition,
        refresh::TokenVersion,
        revocation::{KEPT_FOR, PendingRevocation, RevocationId, RevocationOrder},
        sealed::{SealedSecret, TokenPlace},
    },
    ports::{StoreError, TokenEndpointError},
};

/// Pause between two tries of one revocation.
const RETRY_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Pause between two sweeps of the queue.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Revocations tried in one sweep.
const MAX_PER_SWEEP: usize = 20;

/// The result of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Revocation {
    /// The provider confirmed the revocation.
    Revoked,
    /// The provider did not respond; the revocation is retried for up to a day.
    Pending,
    /// The token cannot be revoked and lives at the provider until it expires.
    Failed,
    /// There was no token, or this provider has no revocation endpoint.
    NotApplicable,
}

impl Revocation {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Tokens {
    /// Returns an order to revoke the account's refresh token. None if it has none that opens, or if the provider has no
    /// revocation endpoint.
    pub(super) fn revocation_order(
        &self,
        definition: &ProviderDefinition,
        account: &SealedCredential,
    ) -> Result<Option<RevocationOrder>, AppError> {
        let Some(token) = &account.refresh_token else { return Ok(None) };
        match self.revocation(definition, account.token_place(), token) {
            Err(AppError::Vault(error)) => {
                tracing::warn!(provider.name = %account.name, error = %error, "a token that does not open is left to expire");
                Ok(None)
            }
            revocation => {
                Ok(revocation?
                    .map(|revocation| RevocationOrder { version: account.refresh.version.clone(), revocation }))
            }
        }
    }

    /// Returns the revocation of a sealed refresh token; None if the provider has no revocation endpoint.
    pub(super) fn revocation(
        &self,
        definition: &ProviderDefinition,
        place: TokenPlace<'_>,
        token: &SealedSecret,
    ) -> Result<Option<PendingRevocation>, AppError> {
        let Some(client) = definition.revoking_client() else { return Ok(None) };
        let token = self.vault.open_refresh_token_at(place, token)?;
        let id = RevocationId::from_bytes(self.random_bytes()?);
        Ok(Some(self.vault.seal_revocation(id, client, place, &token, self.now())?))
    }

    /// Tries a queued revocation in the background.
    pub(super) fn start_revoking(self: &Arc<Self>, id: RevocationId) {
        let tokens = Arc::clone(self);
        self.tasks.start(async move {
            tokens.revoke_queued(&id).await;
        });
    }

    /// Revokes tokens that arrived after their login ended.
    pub(super) async fn revoke_surplus(
        &self,
        definition: &ProviderDefinition,
        version: &TokenVersion,
        token: Option<&SealedSecret>,
    ) {
        let place = TokenPlace { name: &definition.name, provider_type: definition.provider_type, version };
        match token.map(|token| self.revocation(definition, place, token)).transpose() {
            Ok(revocation) => {
                if let Some(revocation) = revocation.flatten() {
                    self.revoke_unstored(revocation).await;
                }
            }
            Err(error) => {
                tracing::warn!(provider.name = %definition.name, error = %error, "surplus tokens are left to expire");
            }
        }
    }

    /// Queues a token that was never stored, and tries it at once.
    async fn revoke_unstored(&self, revocation: PendingRevocation) {
        match self.revocations.put(&revocation).await {
            Ok(()) => {
                self.revoke_queued(&revocation.id).await;
            }
            Err(error) => {
                tracing::warn!(provider.name = %revocation.name, error = %error, "surplus tokens are left to expire");
            }
        }
    }

    /// Tries a queued revocation.
    pub(in crate::app) async fn revoke_queued(&self, id: &RevocationId) -> Revocation {
        let revocation = match self.revocations.take(id, self.now(), RETRY_PAUSE).await {
            Ok(Some(revocation)) => revocation,
            // Another replica has taken it.
            Ok(None) => return Revocation::Pending,
            Err(error) => {
                tracing::warn!(error = %error, "a revocation waits for the database");
                return Revocation::Pending;
            }
        };
        let outcome = self.revoke(&revocation).await.unwrap_or_else(|error| {
            tracing::warn!(provider.name = %revocation.name, error = %error, "a revocation waits for the database");
            Revocation::Pending
        });
        tracing::info!(provider.name = %revocation.name, login.id = %revocation.login_id, outcome = outcome.as_str(),
            "refresh token revocation tried");
        if outcome != Revocation::Pending
            && let Err(error) = self.revocations.delete(id).await
        {
            tracing::warn!(error = %error, "a finished revocation stays in the queue");
        }
        outcome
    }

    async fn revoke(&self, revocation: &PendingRevocation) -> Result<Revocation, StoreError> {
        let PendingRevocation { name, provider_type, client, .. } = revocation;
        let definition = self.directory.definition_of(name, *provider_type);
        let scope = definition.map(|definition| definition.refresh.revocation).unwrap_or_default();
        let is_connected = self.directory.find(name).await?.is_some();
        if !scope.allows_revocation(is_connected) {
            return Ok(Revocation::Failed);
        }
        let token = match self.vault.open_revocation(revocation) {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(provider.name = %name, revocation.id = revocation.id.as_str(), error = %error,
                    "dropped a row of the revocation queue that does not open");
                return Ok(Revocation::Failed);
            }
        };
        let Err(error) = self.oauth.revoke(client, &token).await else { return Ok(Revocation::Revoked) };
        tracing::warn!(provider.name = %name, error = %error, "the provider did not confirm a revocation");
        let is_refused = matches!(error, TokenEndpointError::Rejected { .. });
        Ok(if is_refused { Revocation::Failed } else { Revocation::Pending })
    }

    pub(in crate::app) fn start_sweeping_revocations(self: &Arc<Self>) {
        let tokens = Arc::clone(self);
        self.tasks.start(async move {
            loop {
                tokio::select! {
                    () = tokens.clock.sleep(SWEEP_INTERVAL) => {}
                    () = tokens.tasks.stopping().cancelled() => return,
                }
                if let Err(error) = tokens.sweep_revocations().await {
                    tracing::warn!(error = %error, "revocations could not be swept; the next sweep tries again");
                }
            }
        });
    }

    /// Tries the revocations that are due and gives up those that are too old.
    async fn sweep_revocations(&self) -> Result<(), AppError> {
        let given_up = self.revocations.delete_queued_before(self.now().minus(KEPT_FOR)).await?;
        if given_up > 0 {
            tracing::warn!(tokens = given_up, "revocations that were not confirmed within a day were given up");
        }
        for id in self.revocations.due(self.now(), MAX_PER_SWEEP).await? {
            if self.tasks.stopping().is_cancelled() {
                break;
            }
            self.revoke_queued(&id).await;
        }
        Ok(())
    }
}
