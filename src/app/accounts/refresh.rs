//! Refreshes an account on demand. Joins a running refresh, and retries a refresh in doubt only with the owner's
//! consent.

use std::sync::Arc;

use super::{AccountStatus, Accounts};
use crate::{
    app::{AppError, tokens::RefreshOutcome},
    domain::{
        ids::{AccountName, Principal},
        provider::ProviderDefinition,
        refresh::{RefreshTrigger, TokenState, TokenVersion},
    },
};

impl Accounts {
    /// Refreshes an account and returns its status afterwards. `consent` is the version of the tokens in doubt that the
    /// owner agreed to retry. An account that needs a new login is not refreshed.
    ///
    /// # Errors
    /// [`AppError::NotConnected`], [`AppError::NothingToRefresh`], [`AppError::DisabledByConfiguration`],
    /// [`AppError::TypeConflict`] if the configuration names another type, [`AppError::StaleConsent`] if the tokens
    /// have another version than `consent`, [`AppError::RefreshNotYet`] and [`AppError::StoreDown`] if a later call may
    /// succeed.
    #[tracing::instrument(name = "accounts.refresh", skip_all, fields(provider.name = %name))]
    pub async fn refresh(
        self: &Arc<Self>,
        name: &AccountName,
        principal: &Principal,
        consent: Option<TokenVersion>,
    ) -> Result<AccountStatus, AppError> {
        let mut resolved = self.directory.resolve(name, None).await?;
        if let Some(row) = &resolved.credential
            && self.tokens.repair_if_older(row).await?
        {
            resolved = self.directory.resolve(name, None).await?;
        }
        let definition = resolved.definition;
        let Some(credential) = resolved.credential else {
            let not_connected = || AppError::NotConnected(definition.name);
            return Err(resolved.unreadable.map_or_else(not_connected, AppError::from));
        };
        self.directory.check_enabled(&definition)?;
        let refresh = credential.refresh.clone().at(self.now());
        if !refresh.refreshable || definition.refresh_method(credential.metadata.auth_method).is_none() {
            return Err(AppError::NothingToRefresh(definition.name));
        }
        if refresh.state != TokenState::NeedsReauth {
            let trigger = match consent {
                None => RefreshTrigger::Now,
                Some(seen) if seen != refresh.version => return Err(AppError::StaleConsent(definition.name)),
                Some(_) => RefreshTrigger::Consented,
            };
            self.refresh_and_wait(&definition, &refresh.version, trigger).await?;
        }
        self.status(name, principal).await
    }

    async fn refresh_and_wait(
        &self,
        definition: &ProviderDefinition,
        version: &TokenVersion,
        trigger: RefreshTrigger,
    ) -> Result<(), AppError> {
        let mut outcome = self.tokens.refresh(definition, version, trigger).await;
        if let (RefreshOutcome::Waiting(until), RefreshTrigger::Consented) = (outcome, trigger) {
            // The request in doubt may still be running. Retry once it must have timed out.
            let wait = self.now().until(until);
            if wait <= definition.refresh.longest_call() {
                self.clock.sleep(wait).await;
                outcome = self.tokens.refresh(definition, version, trigger).await;
            }
        }
        match outcome {
            RefreshOutcome::Settled => Ok(()),
            RefreshOutcome::Waiting(until) => {
                let was_running = self.tokens.wait_for_other_replica(definition, version).await?;
                if trigger == RefreshTrigger::Consented && !was_running {
                    let wait = self.now().until(until);
                    return Err(AppError::RefreshNotYet { name: definition.name.clone(), wait });
                }
                Ok(())
            }
            RefreshOutcome::StoreDown(trouble) => Err(AppError::StoreDown(trouble)),
        }
    }
}
