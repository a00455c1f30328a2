//! List the providers: the configured ones and whatever else is connected, each with where it stands.

use std::collections::BTreeMap;

use super::{AppError, Gateway};
use crate::domain::{
    account::AccountLabels,
    credential::{AccountState, SealedCredential},
    ids::ProviderName,
    provider::{AuthMethod, Category, ProviderDefinition, ProviderType},
    time::Timestamp,
};

#[derive(Debug, Clone)]
pub struct ProviderView {
    pub name: ProviderName,
    pub display_name: String,
    pub provider_type: ProviderType,
    pub category: Category,
    pub auth_methods: Vec<AuthMethod>,
    pub api_base: String,
    pub enabled: bool,
    pub state: AccountState,
    /// Whether there is an access token that may be used now.
    pub authenticated: bool,
    pub expires_at: Option<Timestamp>,
    pub account: AccountLabels,
}

impl Gateway {
    pub async fn list_providers(&self) -> Result<Vec<ProviderView>, AppError> {
        let now = self.now();
        let stored = self.credentials.list().await?;
        let mut credentials: BTreeMap<_, _> = stored.into_iter().map(|found| (found.name.clone(), found)).collect();
        let configured = self.catalog.iter().map(|definition| {
            let credential = credentials.remove(&definition.name);
            view(definition.clone(), credential, now)
        });
        let mut views: Vec<_> = configured.collect();
        for (name, credential) in credentials {
            if let Some(definition) = self.catalog.like_built_in(&name, credential.provider_type) {
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
    let state = match &credential {
        None => AccountState::Absent,
        Some(_) if !definition.enabled => AccountState::Disabled,
        Some(credential) => credential.state(now),
    };
    ProviderView {
        auth_methods: definition.auth_methods(),
        category: definition.descriptor().category,
        enabled: definition.enabled && credential.as_ref().is_none_or(|credential| credential.enabled),
        display_name: credential
            .as_ref()
            .and_then(|found| found.display_name.clone())
            .unwrap_or(definition.display_name),
        name: definition.name,
        provider_type: definition.provider_type,
        api_base: definition.api_base,
        state,
        authenticated: definition.enabled && credential.as_ref().is_some_and(|found| found.is_usable(now)),
        expires_at: credential.as_ref().and_then(|found| found.metadata.expires_at),
        account: credential.map(|found| found.metadata.account).unwrap_or_default(),
    }
}
