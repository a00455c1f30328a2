//! Revokes refresh tokens that are no longer used (RFC 7009). Retries for up to a day until the provider has decided.
//!
//! The transaction that takes an account's token out of use also queues its revocation, so that a crash does not lose
//! the revocation. With some providers, a revocation ends everything that the user has granted to the client
//! ([`RevocationScope::Grant`]). Before such a revocation, the gateway checks that no account or login uses the grant.

use std::{sync::Arc, time::Duration};

use super::Tokens;
use crate::{
    app::AppError,
    domain::{
        confirmation::LoginTokens,
        credential::SealedCredential,
        login::{LoginSession, SealedLogin},
        provider::ProviderDefinition,
        refresh::{RevocationScope, TokenVersion},
        revocation::{PendingRevocation, RETRIED_FOR, RevocationId, RevocationOrder},
        sealed::TokenPlace,
        sealed_secret::SealedSecret,
    },
    ports::{StoreError, TokenEndpointError, UNKNOWN_CODE},
};

/// Pause between two attempts of one revocation.
const RETRY_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Pause between two sweeps of the queue.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of revocations that one sweep tries.
const MAX_PER_SWEEP: usize = 20;

/// The result of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Revocation {
    /// The provider confirmed the revocation.
    Revoked,
    /// The provider has neither confirmed nor refused it yet. The revocation is retried for up to a day.
    Pending,
    /// The revocation could end another login of the same user. It waits for up to a day.
    Waiting,
    /// The token cannot be revoked. It stays valid at the provider until it expires.
    Failed,
    /// There was no token, or the provider has no revocation endpoint.
    NotApplicable,
}

impl Revocation {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Tokens {
    /// Returns an order to revoke the account's refresh token. None if the account has none, if the token does not
    /// open, if the provider has no revocation endpoint, or if it is not the account's provider.
    pub(super) fn revocation_order(
        &self,
        definition: &ProviderDefinition,
        account: &SealedCredential,
    ) -> Result<Option<RevocationOrder>, AppError> {
        let Some(token) = &account.refresh_token else { return Ok(None) };
        if account.provider_type != definition.provider_type {
            return Ok(None);
        }
        let user_id = account.metadata.account.user_id.as_deref();
        match self.new_revocation(definition, account.token_place(), token, user_id) {
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

    /// Returns a revocation of a sealed refresh token; None if the provider has no revocation endpoint.
    fn new_revocation(
        &self,
        definition: &ProviderDefinition,
        place: TokenPlace<'_>,
        token: &SealedSecret,
        user_id: Option<&str>,
    ) -> Result<Option<PendingRevocation>, AppError> {
        let Some(client) = definition.revoking_client() else { return Ok(None) };
        let token = self.vault.open_refresh_token_at(place, token)?;
        let id = RevocationId::from_bytes(self.random_bytes()?);
        Ok(Some(self.vault.seal_revocation(id, client, place, &token, user_id, self.now())?))
    }

    /// Tries a queued revocation in the background.
    pub(in crate::app) fn start_revoking(self: &Arc<Self>, id: RevocationId) {
        let tokens = Arc::clone(self);
        self.tasks.start(async move {
            tokens.revoke_queued(&id).await;
        });
    }

    /// Returns the revocation for the tokens of a login that was never saved; None if they cannot be revoked.
    pub(in crate::app) fn revocation_of_login(
        &self,
        session: &LoginSession,
        tokens: &LoginTokens,
    ) -> Option<PendingRevocation> {
        let definition = self.directory.definition_of(&session.name, session.provider_type)?;
        let client = definition.revoking_client()?;
        let version = TokenVersion::first_of(session.id.clone());
        let place = TokenPlace { name: &session.name, provider_type: session.provider_type, version: &version };
        let user_id = tokens.metadata.account.user_id.as_deref();
        let sealed = self.random_bytes().map_err(AppError::from).and_then(|id| {
            let id = RevocationId::from_bytes(id);
            Ok(self.vault.seal_revocation(id, client, place, &tokens.refresh_token, user_id, self.now())?)
        });
        let warn = |error: &AppError| {
            tracing::warn!(login.id = %session.id, error = %error, "the tokens of a login are left to expire");
        };
        sealed.inspect_err(warn).ok()
    }

    /// Revokes the tokens of a login that was never saved.
    ///
    /// # Errors
    /// [`AppError::Store`] if the revocation could not be queued.
    pub(in crate::app) async fn revoke_unsaved(
        &self,
        session: &LoginSession,
        tokens: &LoginTokens,
    ) -> Result<(), AppError> {
        if let Some(revocation) = self.revocation_of_login(session, tokens) {
            self.revocations.put(&revocation).await?;
            self.revoke_queued(&revocation.id).await;
        }
        Ok(())
    }

    /// Revokes tokens that arrived after their login ended.
    ///
    /// # Errors
    /// [`AppError::Vault`] if the token does not open, and [`AppError::Store`] if the revocation could not be queued.
    pub(super) async fn revoke_surplus(
        &self,
        definition: &ProviderDefinition,
        version: &TokenVersion,
        token: Option<&SealedSecret>,
        user_id: Option<&str>,
    ) -> Result<(), AppError> {
        let place = TokenPlace { name: &definition.name, provider_type: definition.provider_type, version };
        let revocation = token.map(|token| self.new_revocation(definition, place, token, user_id)).transpose()?;
        if let Some(revocation) = revocation.flatten() {
            self.revocations.put(&revocation).await?;
            self.revoke_queued(&revocation.id).await;
        }
        Ok(())
    }

    /// Tries a queued revocation now, and removes it from the queue if it is settled.
    pub(in crate::app) async fn revoke_queued(&self, id: &RevocationId) -> Revocation {
        let revocation = match self.revocations.take(id, self.now(), RETRY_PAUSE).await {
            Ok(Some(revocation)) => revocation,
            // Another replica has just tried it, or is trying it.
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
            "refresh token revocation attempt finished");
        if !matches!(outcome, Revocation::Pending | Revocation::Waiting)
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
        if scope == RevocationScope::Grant && self.uses_grant_of(revocation).await? {
            return Ok(Revocation::Waiting);
        }
        let token = match self.vault.open_revocation(revocation) {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(provider.name = %name, revocation.id = revocation.id.as_str(), error = %error,
                    "dropped a row of the revocation queue that does not open");
                return Ok(Revocation::Failed);
            }
        };
        let Err(error) = self.oauth.revoke(name, client, &token).await else { return Ok(Revocation::Revoked) };
        tracing::warn!(provider.name = %name, error = %error, "the provider did not confirm a revocation");
        // A refusal without a known code may come from an intermediary.
        let is_refused =
            matches!(error, TokenEndpointError::Rejected { status, code } if status == 401 || code != UNKNOWN_CODE);
        Ok(if is_refused { Revocation::Failed } else { Revocation::Pending })
    }

    /// Whether a connected account or an unsettled login may share the token's grant.
    async fn uses_grant_of(&self, revocation: &PendingRevocation) -> Result<bool, StoreError> {
        let stored = self.store.list().await?;
        let is_connected = stored.readable.iter().any(|account| {
            let definition = self.directory.definition_of(&account.name, account.provider_type);
            let client = definition.as_ref().and_then(ProviderDefinition::revoking_client);
            let user_id = account.metadata.account.user_id.as_deref();
            client.is_some_and(|client| revocation.may_share_grant(client, user_id))
        });
        // The user of an unreadable account is unknown. So is its provider type, if the account is not configured. An
        // unknown value may be the same as the token's.
        let is_unreadable = stored.unreadable.iter().any(|account| {
            self.directory.catalog.get(&account.name).is_none_or(|definition| {
                definition.revoking_client().is_some_and(|client| revocation.may_share_grant(client, None))
            })
        });
        let may_use = |login: &SealedLogin| {
            let tokens = self.vault.open_unconfirmed(login);
            let user_id = tokens.and_then(|tokens| tokens.metadata.account.user_id);
            revocation.may_share_grant(&login.session.client, user_id.as_deref())
        };
        Ok(is_connected || is_unreadable || self.logins.unsettled().await?.iter().any(may_use))
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

    /// Tries the revocations that are due, and gives up those that are too old.
    async fn sweep_revocations(&self) -> Result<(), AppError> {
        let given_up = self.revocations.delete_queued_before(self.now().minus(RETRIED_FOR)).await?;
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
