//! Refresh an account's tokens because somebody asks: joins what is under way, and starts no retry out of doubt unless its
//! owner, having seen the doubt, consents to it.

use std::sync::Arc;

use super::{AccountStatus, AppError, Gateway, single_flight::RefreshOutcome};
use crate::domain::{
    ids::Principal,
    refresh::{RefreshTrigger, TokenState, TokenVersion},
};

impl Gateway {
    /// Ends when the refresh has, and tells where the account stands then. `consent` names the tokens whose doubt was shown.
    pub async fn refresh_account(
        self: &Arc<Self>,
        name: &str,
        principal: &Principal,
        consent: Option<TokenVersion>,
    ) -> Result<AccountStatus, AppError> {
        let resolved = self.resolve(name, None).await?;
        let definition = resolved.definition;
        let Some(credential) = resolved.credential else { return Err(AppError::NotConnected(definition.name)) };
        if !definition.enabled {
            return Err(AppError::DisabledByConfiguration(definition.name));
        }
        let state = credential.refresh.clone().at(self.now());
        if !state.refreshable || definition.refresh_method(credential.metadata.auth_method).is_none() {
            return Err(AppError::NothingToRefresh(definition.name));
        }
        if state.state != TokenState::NeedsReauth {
            let trigger = match consent {
                None => RefreshTrigger::Now,
                // About other tokens than those that are there now: what it was about is over.
                Some(seen) if seen != state.version => return Err(AppError::StaleConsent(definition.name)),
                Some(_) => RefreshTrigger::Consented,
            };
            let mut outcome = self.refresh_tokens(&definition, &state.version, trigger).await;
            if let (RefreshOutcome::Waiting(until), RefreshTrigger::Consented) = (outcome, trigger) {
                // The first call may still be under way, if not for long: what was consented to begins right after it.
                let wait = self.now().until(until);
                if wait <= definition.refresh.longest_call() {
                    self.clock.sleep(wait).await;
                    outcome = self.refresh_tokens(&definition, &state.version, trigger).await;
                }
            }
            match outcome {
                RefreshOutcome::Settled => {}
                RefreshOutcome::Waiting(until) => {
                    let moved_on = self.wait_for_other_replica(&definition, &state.version).await?;
                    if trigger == RefreshTrigger::Consented && !moved_on {
                        return Err(AppError::RefreshNotYet { name: definition.name, wait: self.now().until(until) });
                    }
                }
                RefreshOutcome::StoreDown => return Err(AppError::RefreshNotBegun(definition.name)),
            }
        }
        self.account_status(name, principal).await
    }
}
