//! What accounts there can be: the built-in providers and whatever the configuration adds, each with its endpoints.

use std::collections::BTreeMap;

use crate::domain::{
    ids::ProviderName,
    provider::{ProviderDefinition, ProviderType, openai_codex},
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

    /// A further account: `name`, with the settings of the built-in provider of its type.
    pub fn like_built_in(&self, name: &ProviderName, provider_type: ProviderType) -> Option<ProviderDefinition> {
        let built_in = self.0.values().find(|definition| definition.name.as_str() == provider_type.as_str())?;
        Some(ProviderDefinition { name: name.clone(), ..built_in.clone() })
    }
}

/// The name that a route's `{provider}` means: `openai` is the seed's word for `openai-codex`.
pub fn canonical_name(text: &str) -> &str {
    if text == openai_codex::ALIAS { openai_codex::NAME } else { text }
}
