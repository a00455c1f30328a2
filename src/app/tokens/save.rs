//! Saves the tokens of a login or a pasted secret, changes the profile of an account, and removes its tokens.

use std::sync::Arc;

use super::Tokens;
use crate::{
    app::AppError,
    domain::{
        credential::{NewCredential, SealedCredential},
        ids::{AccountName, ProviderId},
        provider::ProviderDefinition,
        revocation::RevocationOrder,
    },
    ports::{ProfileChange, SaveOutcome},
};

/// An account whose tokens are saved.
#[derive(Debug, Clone)]
pub struct Connected {
    pub name: AccountName,
    pub id: ProviderId,
}

impl Tokens {
    /// Seals and stores a credential and registers its account.
    ///
    /// # Errors
    /// [`AppError::LoginEnded`] if the login was ended meanwhile (its tokens are revoked), [`AppError::TypeConflict`],
    /// [`AppError::Store`]. With each of them nothing is changed.
    pub(in crate::app) async fn save(
        self: &Arc<Self>,
        new: NewCredential,
        definition: &ProviderDefinition,
    ) -> Result<Connected, AppError> {
        let (now, name) = (self.now(), new.name.clone());
        let order = self.revocation_order(definition)?;
        // A revocation that ends the whole grant would end the new login too.
        let superseded = order.clone().filter(|_| definition.refresh.revocation.allows_revocation(true));
        let id = ProviderId::new(now, &self.random_bytes()?);
        let sealed = self.vault.seal_credential(new, id, superseded.clone())?;
        match self.store.save_login(&sealed, now).await? {
            SaveOutcome::Saved(saved) => {
                if let Err(error) = self.register(&saved) {
                    // The tokens are safe; the next change or start registers the account.
                    tracing::error!(provider.name = %name, error = %error, "a saved account could not be registered");
                }
                self.start_revoking(superseded);
                Ok(Connected { name, id: saved.id })
            }
            SaveOutcome::TypeConflict(existing) => Err(AppError::TypeConflict { name, existing }),
            SaveOutcome::LoginEnded(outcome) => {
                // The login was cancelled during the exchange, so its tokens must not be used.
                if let (Some(order), Some(token)) = (order, sealed.refresh_token) {
                    let surplus = order.into_pending(name, sealed.provider_type, sealed.login_id, token, now);
                    self.revoke_unstored(surplus).await;
                }
                Err(AppError::LoginEnded(outcome))
            }
        }
    }

    /// Changes the profile of an account and registers it. Returns None if it is not connected.
    pub(in crate::app) async fn change_profile(
        &self,
        name: &AccountName,
        change: &ProfileChange,
    ) -> Result<Option<SealedCredential>, AppError> {
        let changed = self.store.change_profile(name, change, self.now()).await?;
        if let Some(credential) = &changed {
            self.register(credential)?;
        }
        Ok(changed)
    }

    /// Removes an account's tokens, queues the refresh token for revocation if ordered, and unregisters the account.
    /// Returns what was stored.
    pub(in crate::app) async fn remove(
        &self,
        name: &AccountName,
        revocation: Option<&RevocationOrder>,
    ) -> Result<Option<SealedCredential>, AppError> {
        let removed = self.store.remove(name, revocation, self.now()).await?;
        if let Some(credential) = &removed {
            self.registry.unregister(name, credential.login_id());
        }
        Ok(removed)
    }
}
