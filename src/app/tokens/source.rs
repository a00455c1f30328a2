//! The token source: returns the access token for a request to the provider.
//!
//! A usable token comes from memory, without a lock or a wait. With very many accounts, some tokens are read from the
//! store on their first use. Without a usable token, the caller waits a limited time for a refresh. If that brings no
//! token, the error says whether to retry or to sign in again.

use std::{sync::Arc, time::Duration};

use super::{ProviderRegistration, RefreshOutcome, Tokens};
use crate::{
    app::AppError,
    domain::{
        history::Revision,
        ids::AccountName,
        provider::ProviderDefinition,
        refresh::{RefreshState, RefreshTrigger, TokenState, TokenVersion},
    },
};

/// Poll interval while another replica holds the lease.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Maximum number of refreshes that one caller waits for.
const MAX_REFRESHES: usize = 3;

impl Tokens {
    /// Returns the account if its access token is in memory and usable.
    pub fn cached(&self, name: &AccountName) -> Option<Arc<ProviderRegistration>> {
        self.registry.get(name).filter(|account| !account.is_unloaded && account.is_usable(self.now()))
    }

    /// Returns the account with a usable access token, after a refresh if there is none.
    ///
    /// # Errors
    /// Those of [`Tokens::registered`], [`AppError::SwitchedOff`], [`AppError::DisabledByConfiguration`],
    /// [`AppError::NeedsReauth`] if no refresh can begin until the owner acts, [`AppError::RefreshUnavailable`] and
    /// [`AppError::StoreDown`] if a later call may succeed.
    pub async fn usable(self: &Arc<Self>, name: &AccountName) -> Result<Arc<ProviderRegistration>, AppError> {
        if let Some(account) = self.cached(name) {
            return Ok(account);
        }
        if self.registry.get(name).is_some_and(|account| account.is_unloaded) {
            self.load_token(name).await?;
        }
        let mut waited_for = None;
        // More than one refresh is needed only if the new token expires within seconds.
        for _ in 0..MAX_REFRESHES {
            if let Some(account) = self.cached(name) {
                return Ok(account);
            }
            let account = self.registered(name).await?;
            let ProviderRegistration { definition, refresh, .. } = account.as_ref();
            if !account.enabled {
                return Err(AppError::SwitchedOff(name.clone()));
            }
            if !definition.enabled {
                return Err(AppError::DisabledByConfiguration(name.clone()));
            }
            if needs_owner(refresh) || waited_for.as_ref() == Some(&refresh.version) {
                break;
            }
            match self.refresh(definition, &refresh.version, RefreshTrigger::Due).await {
                RefreshOutcome::Settled => {}
                RefreshOutcome::Waiting(_) => {
                    self.wait_for_other_replica(definition, &refresh.version).await?;
                }
                RefreshOutcome::StoreDown(trouble) => return Err(AppError::StoreDown(trouble)),
            }
            waited_for = Some(refresh.version.clone());
        }
        self.cached(name).ok_or_else(|| self.error_without_token(name))
    }

    /// Loads the access token of an account that was registered without it, on the account's first use.
    async fn load_token(self: &Arc<Self>, name: &AccountName) -> Result<(), AppError> {
        if self.read(name).await? {
            return Ok(());
        }
        self.registry.reset(name, None);
        Err(AppError::NotConnected(name.clone()))
    }

    /// Returns the error for an account without a usable token.
    pub(super) fn error_without_token(&self, name: &AccountName) -> AppError {
        let Some(account) = self.registry.get(name) else { return self.not_registered(name) };
        let refresh = account.refresh.clone().at(self.now());
        if needs_owner(&refresh) {
            return AppError::NeedsReauth(name.clone());
        }
        AppError::RefreshUnavailable { name: name.clone(), wait: self.pause_before(&account.definition, &refresh) }
    }

    /// Waits until another replica's refresh of these tokens has ended, at most for twice `http_timeout`. Returns
    /// whether such a refresh was running.
    pub(in crate::app) async fn wait_for_other_replica(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
    ) -> Result<bool, AppError> {
        let mut was_running = false;
        // Allow one timeout for the call, and as long again for the commit.
        let mut polls = 2 * definition.refresh.http_timeout.as_millis() / POLL_INTERVAL.as_millis() + 1;
        loop {
            self.reload(&definition.name, &seen.login_id, Revision::default()).await?;
            let refresh = self.registry.get(&definition.name).map(|account| account.refresh.clone().at(self.now()));
            let is_running = refresh
                .is_some_and(|refresh| refresh.version == *seen && matches!(refresh.state, TokenState::Refreshing(_)));
            if !is_running || polls == 0 {
                return Ok(was_running);
            }
            was_running = true;
            polls -= 1;
            self.clock.sleep(POLL_INTERVAL).await;
        }
    }
}

/// Whether no refresh can begin until the owner acts.
pub(super) fn needs_owner(refresh: &RefreshState) -> bool {
    !refresh.refreshable || refresh.state == TokenState::NeedsReauth || refresh.is_restored()
}
