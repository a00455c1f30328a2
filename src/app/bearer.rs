//! The token that a request is sent with: the seed's token source.
//!
//! While a usable token exists it comes out of memory, without a lock and without waiting for anybody. Otherwise the caller
//! waits for the refresh, within bounds, and learns whether to come back or to sign in.

use std::{sync::Arc, time::Duration};

use super::{AppError, Gateway, ProviderRegistration, single_flight::RefreshOutcome};
use crate::domain::{
    ids::ProviderName,
    provider::ProviderDefinition,
    refresh::{RefreshTrigger, TokenState, TokenVersion},
};

/// How often a refresh of another gateway is looked after, while somebody waits for it.
const LOOK: Duration = Duration::from_millis(200);
/// How many refreshes a caller waits for.
const TRIES: usize = 3;

impl Gateway {
    /// The account with a usable access token, from memory.
    pub fn cached_bearer(&self, name: &ProviderName) -> Option<Arc<ProviderRegistration>> {
        self.registry.get(name).filter(|account| account.is_usable(self.now()))
    }

    /// The account with a usable access token, refreshed first if that is what it takes.
    pub async fn bearer(self: &Arc<Self>, name: &ProviderName) -> Result<Arc<ProviderRegistration>, AppError> {
        let mut waited_for = None;
        // More than once only if what was waited for is over again: a token may live for seconds, and callers queue up.
        for _ in 0..TRIES {
            if let Some(account) = self.cached_bearer(name) {
                return Ok(account);
            }
            let account = self.registry.get(name).ok_or_else(|| AppError::NotConnected(name.clone()))?;
            let ProviderRegistration { definition, refresh, .. } = account.as_ref();
            if !account.enabled {
                return Err(AppError::SwitchedOff(name.clone()));
            }
            if !definition.enabled {
                return Err(AppError::DisabledByConfiguration(name.clone()));
            }
            let is_hopeless = !refresh.refreshable || refresh.state == TokenState::NeedsReauth;
            if is_hopeless || waited_for.as_ref() == Some(&refresh.version) {
                break;
            }
            match self.refresh_tokens(definition, &refresh.version, RefreshTrigger::Due).await {
                RefreshOutcome::Settled => {}
                RefreshOutcome::Waiting(_) => {
                    self.wait_for_other_replica(definition, &refresh.version).await?;
                }
                RefreshOutcome::StoreDown => return Err(AppError::RefreshNotBegun(name.clone())),
            }
            waited_for = Some(refresh.version.clone());
        }
        self.cached_bearer(name).ok_or_else(|| self.without_token(name))
    }

    /// Why there is no token, and whether waiting helps.
    fn without_token(&self, name: &ProviderName) -> AppError {
        let now = self.now();
        match self.registry.get(name).map(|account| account.refresh.clone().at(now)) {
            None => AppError::NotConnected(name.clone()),
            Some(state) if !state.refreshable || state.state == TokenState::NeedsReauth => {
                AppError::NeedsReauth(name.clone())
            }
            Some(_) => AppError::RefreshNotBegun(name.clone()),
        }
    }

    /// Waits until another gateway has refreshed these tokens, or has had the time to; whether it was at it.
    pub(super) async fn wait_for_other_replica(
        &self,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
    ) -> Result<bool, AppError> {
        let mut was_under_way = false;
        // As long as the call may take, and as long again for the commit.
        let mut looks = 2 * definition.refresh.http_timeout.as_millis() / LOOK.as_millis() + 1;
        loop {
            self.reload(&definition.name, &seen.login_id).await?;
            let state = self.registry.get(&definition.name).map(|account| account.refresh.clone().at(self.now()));
            let is_under_way =
                state.is_some_and(|state| state.version == *seen && matches!(state.state, TokenState::Refreshing(_)));
            if !is_under_way || looks == 0 {
                return Ok(was_under_way);
            }
            was_under_way = true;
            looks -= 1;
            self.clock.sleep(LOOK).await;
        }
    }
}
