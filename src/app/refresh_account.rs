//! Refresh an account's tokens because somebody asks: joins what is under way, and starts no retry out of doubt unless its
//! owner, having seen the doubt, consents to it.

use std::sync::Arc;

use super::{AppError, Gateway, LoginStatus, flights::Landing};
use crate::domain::{
    ids::Principal,
    refresh::{Demand, Phase, TokenVersion},
};

impl Gateway {
    /// Ends when the refresh has, and tells where the account stands then. `consent` names the tokens whose doubt was shown.
    pub async fn refresh_account(
        self: &Arc<Self>,
        name: &str,
        principal: &Principal,
        consent: Option<TokenVersion>,
    ) -> Result<LoginStatus, AppError> {
        let resolved = self.resolve(name, None).await?;
        let definition = resolved.definition;
        let Some(credential) = resolved.credential else { return Err(AppError::NotConnected(definition.name)) };
        if !definition.enabled {
            return Err(AppError::DisabledByConfiguration(definition.name));
        }
        let state = credential.refresh.clone().at(self.now());
        if !state.renewable || definition.renewal(credential.facts.auth_method).is_none() {
            return Err(AppError::NothingToRefresh(definition.name));
        }
        if state.phase != Phase::NeedsReauth {
            let demand = match consent {
                None => Demand::Now,
                // About other tokens than those that are there now: what it was about is over.
                Some(seen) if seen != state.version => return Err(AppError::StaleConsent(definition.name)),
                Some(_) => Demand::Consented,
            };
            let mut landing = self.refresh_tokens(&definition, &state.version, demand).await;
            if let (Landing::Waiting(until), Demand::Consented) = (landing, demand) {
                // The first call may still be under way, if not for long: what was consented to begins right after it.
                let wait = self.now().until(until);
                if wait <= definition.refresh.longest_call() {
                    self.clock.sleep(wait).await;
                    landing = self.refresh_tokens(&definition, &state.version, demand).await;
                }
            }
            match landing {
                Landing::Settled => {}
                Landing::Waiting(until) => {
                    let moved_on = self.follow_flight(&definition, &state.version).await?;
                    if demand == Demand::Consented && !moved_on {
                        return Err(AppError::RefreshNotYet { name: definition.name, wait: self.now().until(until) });
                    }
                }
                Landing::StoreDown => return Err(AppError::RefreshNotBegun(definition.name)),
            }
        }
        self.login_status(name, principal).await
    }
}
