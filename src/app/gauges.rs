//! Sets the gauges of requests, accounts and the token journal, whenever the metrics are read.

use std::collections::BTreeMap;

use strum::VariantArray;

use super::{App, accounts::state_of, counters};
use crate::domain::{credential::AccountState, provider::ProviderType};

impl App {
    /// Sets the gauges. Reads only this process's memory and the folder of the token journal, not the database.
    pub async fn set_gauges(&self) {
        counters::set_in_flight();
        let (now, registry) = (self.requests.now(), self.tokens.registry());
        let mut states: BTreeMap<(&'static str, &'static str), usize> = BTreeMap::new();
        for provider in ProviderType::ALL {
            let counted = AccountState::VARIANTS.iter().filter(|state| **state != AccountState::Absent);
            states.extend(counted.map(|state| ((provider.as_str(), state.as_str()), 0)));
        }
        for name in registry.unreadable_names() {
            let Some(account) = registry.unreadable(&name) else { continue };
            let provider = account.row.provider_type.map_or("unknown", ProviderType::as_str);
            *states.entry((provider, AccountState::Unreadable.as_str())).or_default() += 1;
        }
        let mut names = registry.names();
        names.sort();
        for (index, name) in names.into_iter().enumerate() {
            let Some(account) = registry.get(&name) else { continue };
            let feedback = self.tokens.feedback(&name, &account.refresh.version.login_id);
            let registered = AccountState::of(account.enabled, &account.refresh.clone().at(now), now);
            let state = state_of(&account.definition, Some(registered), &feedback);
            *states.entry((account.definition.provider_type.as_str(), state.as_str())).or_default() += 1;
            // A disabled account is not refreshed, so no alert may watch its token.
            if index < counters::MAX_ACCOUNTS && state != AccountState::Disabled {
                counters::set_account(counters::AccountGauges {
                    expires_at: account.refresh.expires_at.map(|at| at.unix_seconds()),
                    circuit_open: self.tokens.breaker_open_until(&account.definition).is_some(),
                    windows: self.models.plan_windows(&name, &account.refresh.version.login_id),
                    name,
                });
            }
        }
        counters::set_states(states);
        if let Some(count) = self.tokens.count_unsaved().await {
            counters::set_unsaved(count);
        }
    }
}
