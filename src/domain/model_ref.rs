//! Model names as callers write them, and the account and model that each one means.

use std::collections::BTreeMap;

use super::{ids::ProviderName, provider::openai_codex};

/// The longest model name, in bytes.
pub const MAX_MODEL_NAME: usize = 256;

/// A model as a caller names it: `<provider>/<model>`, the key of an agent, or a model of the default provider.
/// [`ModelNames::resolve`] finds out which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

/// A text that is not a model name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a model name has 1 to {MAX_MODEL_NAME} bytes")]
pub struct InvalidModelName;

impl ModelName {
    pub fn parse(text: &str) -> Result<Self, InvalidModelName> {
        let fits = (1..=MAX_MODEL_NAME).contains(&text.len());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidModelName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A model at an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    pub provider: ProviderName,
    /// As the provider calls it.
    pub model: String,
}

/// A text that names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a model is named <provider>/<model>, e.g. openai-codex/gpt-5.5")]
pub struct InvalidModelRef;

impl ModelRef {
    /// Takes `<provider>/<model>`; the model's own name may hold further slashes.
    pub fn parse(text: &str) -> Result<Self, InvalidModelRef> {
        let split = Self::split(text).filter(|split| !split.model.is_empty() && text.len() <= MAX_MODEL_NAME);
        split.ok_or(InvalidModelRef)
    }

    /// The text at its first slash, whatever stands behind it.
    fn split(text: &str) -> Option<Self> {
        let (provider, model) = text.split_once('/')?;
        // The seed's routes call it so, and so do the users of other gateways.
        let provider = if provider == openai_codex::ALIAS { openai_codex::NAME } else { provider };
        Some(Self { provider: ProviderName::parse(provider).ok()?, model: model.to_owned() })
    }
}

/// What names mean beyond `<provider>/<model>`, as configured.
#[derive(Debug, Clone)]
pub struct ModelNames {
    /// Agents by their key (the seed's `agent`), each with the model that it runs on.
    pub agents: BTreeMap<String, ModelRef>,
    /// Where a model without a provider in front is looked for.
    pub default_provider: ProviderName,
}

impl ModelNames {
    /// What `name` means: an agent; a model of the provider in front of its first slash, if that is a provider; else a
    /// model of the default provider, whose own names may have slashes too.
    pub fn resolve(&self, name: &ModelName, is_provider: impl Fn(&ProviderName) -> bool) -> ModelRef {
        let name = name.as_str();
        if let Some(model) = self.agents.get(name) {
            return model.clone();
        }
        let named = ModelRef::split(name).filter(|named| is_provider(&named.provider));
        named.unwrap_or_else(|| ModelRef { provider: self.default_provider.clone(), model: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProviderName {
        ProviderName::parse(text).unwrap()
    }

    #[test]
    fn a_name_is_split_only_behind_a_provider() {
        let names = ModelNames {
            agents: BTreeMap::from([("my-agent".to_owned(), ModelRef::parse("work/gpt-5.5").unwrap())]),
            default_provider: name("openai-codex"),
        };
        let resolve = |text: &str| {
            let found = names.resolve(&ModelName::parse(text).unwrap(), |provider| {
                ["openai-codex", "work"].contains(&provider.as_str())
            });
            (found.provider.as_str().to_owned(), found.model)
        };
        for (text, provider, model) in [
            ("openai-codex/gpt-5.5", "openai-codex", "gpt-5.5"),
            ("work/a/b", "work", "a/b"),
            ("gpt-5.5", "openai-codex", "gpt-5.5"),
            ("meta/llama", "openai-codex", "meta/llama"),
            ("work/", "work", ""),
            ("openai/gpt-5.5", "openai-codex", "gpt-5.5"),
            ("my-agent", "work", "gpt-5.5"),
        ] {
            assert_eq!(resolve(text), (provider.to_owned(), model.to_owned()), "{text}");
        }
    }
    #[test]
    fn a_name_has_1_to_256_bytes() {
        for (length, is_valid) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!(ModelName::parse(&"m".repeat(length)).is_ok(), is_valid, "{length}");
        }
    }
}
