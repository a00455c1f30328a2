//! Saves the tokens of a login or a pasted secret, changes an account's profile, and removes its tokens.

use std::sync::Arc;

use super::Tokens;
use crate::{
    app::AppError,
    domain::{
        account::AccountLabels,
        credential::{NewCredential, NewSealedCredential, SealedCredential},
        ids::{AccountName, LoginId, ProviderId},
        login_outcome::LoginOutcome,
        provider::ProviderDefinition,
        refresh::{RevocationScope, TokenVersion},
        revocation::{RevocationId, RevocationOrder},
        time::Timestamp,
    },
    ports::{ProfileChange, Removal, SaveOutcome, StoreError, StoreTrouble},
};

/// Maximum number of attempts to save or remove an account while concurrent refreshes replace its refresh token.
const TRIES: usize = 5;

/// An account whose tokens were saved.
#[derive(Debug, Clone)]
pub struct Connected {
    pub name: AccountName,
    pub id: ProviderId,
    /// Whether there is a usable access token.
    pub authenticated: bool,
    /// Other names under which the same user and workspace is connected.
    pub other_names: Vec<AccountName>,
}

impl Tokens {
    /// Seals and stores a credential and registers its account.
    ///
    /// # Errors
    /// [`AppError::LoginEnded`] if the login has ended meanwhile. [`AppError::TypeConflict`] if the account has another
    /// provider type. Both revoke the tokens, unless an earlier attempt has saved them or kept them for a confirmation.
    /// [`AppError::StaleConsent`] if the tokens may not replace the account's current login. [`AppError::Store`]. No
    /// error changes a readable account.
    pub(in crate::app) async fn save(
        self: &Arc<Self>,
        new: NewCredential,
        definition: &ProviderDefinition,
    ) -> Result<Connected, AppError> {
        let (now, name) = (self.now(), new.name.clone());
        let id = ProviderId::new(now, &self.random_bytes()?);
        let mut sealed = self.vault.seal_credential(new, id, None)?;
        let (outcome, replaced) = self.save_and_supersede(&mut sealed, definition, now).await?;
        match outcome {
            SaveOutcome::Saved(saved) => {
                if let Some(replaced) = replaced {
                    self.note_end(&name, replaced, Some(saved.login_id().clone())).await;
                }
                self.keep_login(&saved).await;
                self.register(&saved);
                if let Some(order) = sealed.superseded {
                    self.start_revoking(order.revocation.id);
                }
                Ok(self.connected_account(&saved))
            }
            SaveOutcome::OtherLogin => match self.store.load(&name).await? {
                // An earlier attempt has saved the tokens, and the database did not confirm it.
                Some(account) if *account.login_id() == sealed.login_id => {
                    self.keep_login(&account).await;
                    self.register(&account);
                    Ok(self.connected_account(&account))
                }
                Some(_) | None => Err(AppError::StaleConsent(name)),
            },
            SaveOutcome::TypeConflict(existing) => {
                self.revoke_login(definition, &sealed).await?;
                Err(AppError::TypeConflict { name, existing })
            }
            // An earlier attempt, or another process that replayed the journal, has saved the tokens or kept them.
            SaveOutcome::LoginEnded(outcome @ (LoginOutcome::Completed | LoginOutcome::ConfirmationNeeded)) => {
                let account = self.store.load(&name).await?;
                match account.filter(|account| *account.login_id() == sealed.login_id) {
                    Some(account) => {
                        self.keep_login(&account).await;
                        Ok(self.connected_account(&account))
                    }
                    None => Err(AppError::LoginEnded(outcome.into())),
                }
            }
            SaveOutcome::LoginEnded(outcome) => {
                // The login was cancelled during the exchange, so its tokens must not be used.
                self.revoke_login(definition, &sealed).await?;
                Err(AppError::LoginEnded(outcome.into()))
            }
            SaveOutcome::Changed => Err(changes_too_often("save a login")),
        }
    }

    /// Returns a saved account. Logs a warning if the same user and workspace has other names.
    fn connected_account(&self, account: &SealedCredential) -> Connected {
        let other_names = self.registry.other_names(&account.name);
        if !other_names.is_empty() {
            let names: Vec<&str> = other_names.iter().map(AccountName::as_str).collect();
            tracing::warn!(provider.name = %account.name, "the same user and workspace is also connected as {}", names.join(", "));
        }
        let authenticated = account.is_usable(self.now());
        Connected { name: account.name.clone(), id: account.id.clone(), authenticated, other_names }
    }

    /// Revokes the tokens of a login that cannot be saved.
    async fn revoke_login(&self, definition: &ProviderDefinition, new: &NewSealedCredential) -> Result<(), AppError> {
        let version = TokenVersion::first_of(new.login_id.clone());
        let user_id = new.metadata.account.user_id.as_deref();
        self.revoke_surplus(definition, &version, new.refresh_token.as_ref(), user_id).await
    }

    /// Stores a credential with an order to revoke the refresh token that it replaces. Also returns the replaced login
    /// as the store has it: the registered login may be an earlier one that another gateway has ended.
    async fn save_and_supersede(
        &self,
        sealed: &mut NewSealedCredential,
        definition: &ProviderDefinition,
        now: Timestamp,
    ) -> Result<(SaveOutcome, Option<LoginId>), AppError> {
        let author = self.vault.author(now);
        let mut replaced = None;
        for _ in 0..TRIES {
            let current = self.current_of(definition).await;
            replaced = current.as_ref().map(|account| account.login_id().clone());
            sealed.superseded =
                current.and_then(|current| self.order_to_supersede(definition, &current, &sealed.metadata.account));
            let outcome = self.store.save_login(sealed, &author).await?;
            let is_unreadable = self.registry.unreadable(&sealed.name).is_some();
            if is_unreadable && matches!(outcome, SaveOutcome::TypeConflict(_)) {
                // The provider type in an unreadable row is not authenticated, so it does not count as a conflict.
                self.remove_unreadable(&sealed.name).await?;
            } else if outcome != SaveOutcome::Changed {
                return Ok((outcome, replaced));
            }
            // Try again: the unreadable row was removed, or a refresh was committed in between.
        }
        // Save the new tokens without revoking the old ones.
        sealed.superseded = None;
        Ok((self.store.save_login(sealed, &author).await?, replaced))
    }

    /// Reads the account. If this fails, returns None, so that the new tokens are saved without revoking the old ones.
    async fn current_of(&self, definition: &ProviderDefinition) -> Option<SealedCredential> {
        self.store.load(&definition.name).await.unwrap_or_else(|error| {
            tracing::warn!(provider.name = %definition.name, error = %error, "the replaced refresh token is left to expire");
            None
        })
    }

    /// Returns the order to revoke the account's current refresh token, unless that would end the new login.
    fn order_to_supersede(
        &self,
        definition: &ProviderDefinition,
        current: &SealedCredential,
        new: &AccountLabels,
    ) -> Option<RevocationOrder> {
        let order = self.revocation_order(definition, current).unwrap_or_else(|error| {
            tracing::warn!(provider.name = %definition.name, error = %error, "the replaced refresh token is left to expire");
            None
        });
        // A revocation that ends the whole grant would end the new login too.
        let ends_grant = definition.refresh.revocation == RevocationScope::Grant;
        let ends_new = |order: &RevocationOrder| {
            let client = &order.revocation.client;
            ends_grant && order.revocation.may_share_grant(client, new.user_id.as_deref())
        };
        order.filter(|order| !ends_new(order))
    }

    /// Changes the profile of an account and registers it. Returns None if it is not connected.
    pub(in crate::app) async fn change_profile(
        &self,
        name: &AccountName,
        change: &ProfileChange,
    ) -> Result<Option<SealedCredential>, AppError> {
        let changed = self.store.change_profile(name, change, &self.vault.author(self.now())).await?;
        if let Some(credential) = &changed {
            self.register(credential);
        }
        Ok(changed)
    }

    /// Removes an account with its tokens, and queues the revocation of its refresh token if possible. Returns the
    /// removed account and the queued revocation.
    ///
    /// # Errors
    /// [`AppError::Store`]. Nothing is changed.
    pub(in crate::app) async fn remove(
        &self,
        definition: &ProviderDefinition,
    ) -> Result<Option<(SealedCredential, Option<RevocationId>)>, AppError> {
        let name = &definition.name;
        for _ in 0..TRIES {
            let Some(current) = self.store.load(name).await? else { return Ok(None) };
            let order = self.revocation_order(definition, &current)?;
            match self.store.remove(name, order.as_ref(), &self.vault.author(self.now())).await? {
                Removal::Removed(removed) => {
                    self.registry.unregister(name, removed.login_id(), removed.revision);
                    self.note_end(name, removed.login_id().clone(), None).await;
                    return Ok(Some((*removed, order.map(|order| order.revocation.id))));
                }
                Removal::RemovedUnreadable | Removal::Absent => return Ok(None),
                // A refresh was committed in between.
                Removal::Changed => {}
            }
        }
        Err(changes_too_often("remove an account"))
    }

    /// Removes an unreadable account, without revoking its tokens.
    pub(in crate::app) async fn remove_unreadable(&self, name: &AccountName) -> Result<(), AppError> {
        if let Removal::Removed(removed) = self.store.remove(name, None, &self.vault.author(self.now())).await? {
            self.note_end(name, removed.login_id().clone(), None).await;
        }
        self.registry.reset(name, None);
        Ok(())
    }
}

fn changes_too_often(doing: &'static str) -> AppError {
    let (trouble, source) = (StoreTrouble::Unavailable, "the account's tokens changed with every attempt".into());
    StoreError::Unavailable { doing, trouble, source }.into()
}
