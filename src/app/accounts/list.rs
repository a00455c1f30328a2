//! Lists the configured and the connected accounts with their states.

use std::collections::BTreeMap;

use super::{Accounts, status::state_of};
use crate::{
    app::AppError,
    domain::{
        account::AccountLabels,
        credential::{AccountState, SealedCredential},
        ids::AccountName,
        provider::{AuthMethod, Category, ProviderDefinition, ProviderType},
        time::Timestamp,
    },
};

#[derive(Debug, Clone)]
pub struct ProviderView {
    pub name: AccountName,
    pub display_name: String,
    pub provider_type: ProviderType,
    pub category: Category,
    pub auth_methods: Vec<AuthMethod>,
    pub api_base: String,
    pub enabled: bool,
    pub state: AccountState,
    /// Whether there is a usable access token.
    pub authenticated: bool,
    pub expires_at: Option<Timestamp>,
    pub account: AccountLabels,
}

impl Accounts {
    #[tracing::instrument(name = "accounts.list", skip_all)]
    pub async fn list(&self) -> Result<Vec<ProviderView>, AppError> {
        let now = self.now();
        let stored = self.store.list().await?;
        let mut credentials: BTreeMap<_, _> = stored.into_iter().map(|found| (found.name.clone(), found)).collect();
        let configured = self.directory.catalog.iter().map(|definition| {
            let credential = credentials.remove(&definition.name);
            view(definition.clone(), credential, now)
        });
        let mut views: Vec<_> = configured.collect();
        for (name, credential) in credentials {
            if let Some(definition) = self.directory.catalog.like_built_in(&name, credential.provider_type) {
                views.push(view(definition, Some(credential), now));
            }
        }
        Ok(views)
    }
}

pub(super) fn view(
    definition: ProviderDefinition,
    credential: Option<SealedCredential>,
    now: Timestamp,
) -> ProviderView {
    let stored = credential.as_ref();
    ProviderView {
        state: state_of(&definition, stored, now),
        auth_methods: definition.auth_methods(),
        category: definition.descriptor().category,
        enabled: definition.enabled && stored.is_none_or(|credential| credential.enabled),
        display_name: stored.and_then(|found| found.display_name.clone()).unwrap_or(definition.display_name),
        name: definition.name,
        provider_type: definition.provider_type,
        api_base: definition.api_base,
        authenticated: definition.enabled && stored.is_some_and(|found| found.is_usable(now)),
        expires_at: stored.and_then(|found| found.metadata.expires_at),
        account: credential.map(|found| found.metadata.account).unwrap_or_default(),
    }
}
