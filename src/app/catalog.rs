//! The definitions of all built-in and configured providers.

use std::collections::BTreeMap;

use crate::domain::{
    ids::AccountName,
    provider::{ProviderDefinition, ProviderType},
};

/// All definitions by name, including every built-in provider.
#[derive(Debug, Clone)]
pub struct ProviderCatalog(BTreeMap<AccountName, ProviderDefinition>);

impl ProviderCatalog {
    pub fn new(definitions: impl IntoIterator<Item = ProviderDefinition>) -> Self {
        Self(definitions.into_iter().map(|definition| (definition.name.clone(), definition)).collect())
    }

    pub fn get(&self, name: &AccountName) -> Option<&ProviderDefinition> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ProviderDefinition> {
        self.0.values()
    }

    /// Returns the definition of an account of this type: the configured one, else [`ProviderCatalog::like_built_in`].
    /// If the configuration names another type, the account is switched off, and its secrets are never sent to the
    /// configured provider.
    pub fn of_account(&self, name: &AccountName, provider_type: ProviderType) -> Option<ProviderDefinition> {
        let Some(configured) = self.get(name) else { return self.like_built_in(name, provider_type) };
        if configured.provider_type == provider_type {
            return Some(configured.clone());
        }
        Some(ProviderDefinition { enabled: false, ..self.like_built_in(name, provider_type)? })
    }

    /// Returns the type that the configuration names for an account, if it is not the account's type.
    pub fn conflicting_type(&self, name: &AccountName, provider_type: ProviderType) -> Option<ProviderType> {
        self.get(name).map(|configured| configured.provider_type).filter(|configured| *configured != provider_type)
    }

    /// Returns the built-in definition of a provider type under another `name`, for an account that is not configured.
    pub fn like_built_in(&self, name: &AccountName, provider_type: ProviderType) -> Option<ProviderDefinition> {
        let built_in = self.0.values().find(|definition| definition.name.as_str() == provider_type.as_str())?;
        Some(ProviderDefinition { name: name.clone(), ..built_in.clone() })
    }
}
