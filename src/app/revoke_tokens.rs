//! Have a provider forget refresh tokens that nobody is to use any more: at once, and if that does not work, for a day.
//!
//! A token is put into the queue by the very transaction that takes it out of use, so neither a crash nor an outage leaves
//! one behind that is good and nobody's.

use std::{sync::Arc, time::Duration};

use super::{AppError, Gateway};
use crate::{
    domain::{
        provider::ProviderDefinition,
        revocation::{KEPT_FOR, PendingRevocation, RevocationId, RevocationOrder},
    },
    ports::{RandomError, StoreError, TokenEndpointError},
};

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(5 * 60);
/// As many as are tried in one sweep.
const AT_A_TIME: usize = 20;

/// What became of a token at its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The provider confirmed that it is revoked.
    Revoked,
    /// The provider did not answer; it is asked again, for up to a day.
    Pending,
    /// It cannot be revoked: it lives at the provider until it expires, though nobody holds it any more.
    Failed,
    /// There was nothing that this provider can revoke.
    NotApplicable,
}

impl Revocation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }
}

impl Gateway {
    /// The order to revoke a token of this provider; None if it has no way to.
    pub(super) fn revocation_order(
        &self,
        definition: &ProviderDefinition,
    ) -> Result<Option<RevocationOrder>, RandomError> {
        let Some(client) = definition.oauth.as_ref().filter(|client| client.revoke_url.is_some()) else {
            return Ok(None);
        };
        let id = RevocationId::from_bytes(self.random_bytes()?);
        Ok(Some(RevocationOrder { id, client: client.clone() }))
    }

    /// Tries a queued revocation while its caller goes on.
    pub(super) fn start_revoking(self: &Arc<Self>, order: Option<RevocationOrder>) {
        if let Some(RevocationOrder { id, .. }) = order {
            let gateway = Arc::clone(self);
            self.tasks.start(async move {
                gateway.revoke_queued(&id).await;
            });
        }
    }

    /// Queues a token that was never stored, and tries it at once.
    pub(super) async fn revoke_unstored(&self, revocation: PendingRevocation) {
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
    pub(super) async fn revoke_queued(&self, id: &RevocationId) -> Revocation {
        let revocation = match self.revocations.take(id, self.now(), PAUSE).await {
            Ok(Some(revocation)) => revocation,
            // Another gateway is at it.
            Ok(None) => return Revocation::Pending,
            Err(error) => {
                tracing::warn!(error = %error, "a revocation waits for the database");
                return Revocation::Pending;
            }
        };
        let outcome = match self.revoke(&revocation).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(provider.name = %revocation.name, error = %error, "a revocation waits for the database");
                Revocation::Pending
            }
        };
        tracing::info!(provider.name = %revocation.name, login.id = %revocation.login_id, outcome = outcome.as_str(),
            "refresh token given up");
        if outcome != Revocation::Pending
            && let Err(error) = self.revocations.forget(id).await
        {
            tracing::warn!(error = %error, "a revocation that is over stays in the queue");
        }
        outcome
    }

    async fn revoke(&self, revocation: &PendingRevocation) -> Result<Revocation, StoreError> {
        let PendingRevocation { name, provider_type, login_id, token, client, .. } = revocation;
        let scope = self.definition_of(name, *provider_type).map(|definition| definition.refresh.revocation);
        let is_connected = self.credentials.load(name).await?.is_some();
        if !scope.unwrap_or_default().allows_revocation(is_connected) {
            return Ok(Revocation::Failed);
        }
        let token = match self.vault.open_rotated_token(name, login_id, token) {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(provider.name = %name, error = %error, "a token that does not open is left to expire");
                return Ok(Revocation::Failed);
            }
        };
        Ok(match self.oauth.revoke(client, &token).await {
            Ok(()) => Revocation::Revoked,
            Err(error @ TokenEndpointError::Rejected { .. }) => {
                tracing::warn!(provider.name = %name, error = %error, "the provider refused to revoke a token");
                Revocation::Failed
            }
            Err(error) => {
                tracing::warn!(provider.name = %name, error = %error, "the provider did not confirm a revocation");
                Revocation::Pending
            }
        })
    }

    /// Tries what is due, and gives up what is too old.
    pub(super) async fn sweep_revocations(&self) -> Result<(), AppError> {
        let given_up = self.revocations.forget_queued_before(self.now().minus(KEPT_FOR)).await?;
        if given_up > 0 {
            tracing::warn!(tokens = given_up, "revocations that were not confirmed within a day were given up");
        }
        for id in self.revocations.due(self.now(), AT_A_TIME).await? {
            if self.tasks.stopping().is_cancelled() {
                break;
            }
            self.revoke_queued(&id).await;
        }
        Ok(())
    }
}
