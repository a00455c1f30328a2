//! The accounts that can exist: the built-in providers and those that the configuration adds, each with its endpoints.

use std::collections::BTreeMap;

use crate::domain::{
    ids::ProviderName,
    provider::{ProviderDefinition, ProviderType},
};

/// All definitions, by name. Every built-in provider is among them.
#[derive(Debug, Clone)]
pub struct ProviderCatalog(BTreeMap<ProviderName, ProviderDefinition>);

impl ProviderCatalog {
    pub fn new(definitions: impl IntoIterator<Item = ProviderDefinition>) -> Self {
        Self(definitions.into_iter().map(|definition| (definition.name.clone(), definition)).collect())
    }

    pub fn get(&self, name: &ProviderName) -> Option<&ProviderDefinition> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ProviderDefinition> {
        self.0.values()
    }

    /// Returns the definition of a further account: `name`, with the settings of the built-in provider of its type.
    pub fn like_built_in(&self, name: &ProviderName, provider_type: ProviderType) -> Option<ProviderDefinition> {
        let built_in = self.0.values().find(|definition| definition.name.as_str() == provider_type.as_str())?;
        Some(ProviderDefinition { name: name.clone(), ..built_in.clone() })
    }
}
