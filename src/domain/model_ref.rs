//! Resolves the model names that callers send to an account and a model.

use std::collections::BTreeMap;

use super::{ids::AccountName, provider::openai_codex};

/// The maximum length of a model name, in bytes.
pub const MAX_MODEL_NAME: usize = 256;

/// The `model` that a caller sends: `<account>/<model>`, the key of an agent, or a model of the default provider.
/// [`ModelNames::resolve`] distinguishes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

/// The text is not a model name.
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

/// A model of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    pub provider: AccountName,
    /// The model's name at the provider.
    pub model: String,
}

/// The text is not `<account>/<model>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a model is named <provider>/<model>, e.g. openai-codex/gpt-5.5")]
pub struct InvalidModelRef;

impl ModelRef {
    /// Parses `<account>/<model>`. The model's own name may contain slashes.
    pub fn parse(text: &str) -> Result<Self, InvalidModelRef> {
        let split = Self::split(text).filter(|split| !split.model.is_empty() && text.len() <= MAX_MODEL_NAME);
        split.ok_or(InvalidModelRef)
    }

    /// Splits a text at its first slash.
    fn split(text: &str) -> Option<Self> {
        let (provider, model) = text.split_once('/')?;
        // `openai/` is an alias that users of other gateways send.
        let provider = openai_codex::canonical(provider);
        Some(Self { provider: AccountName::parse(provider).ok()?, model: model.to_owned() })
    }
}

/// Models that clients request on their own, for titles and summaries, whatever model the user has chosen.
const REQUESTED_BY_CLIENTS: [&str; 6] =
    ["gpt-4o-mini", "gpt-4o", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5-mini", "gpt-5-nano"];

/// The configured model names besides `<account>/<model>`.
#[derive(Debug, Clone)]
pub struct ModelNames {
    /// The model of each agent, by the agent's key.
    pub agents: BTreeMap<String, ModelRef>,
    /// The account of models without an account prefix.
    pub default_provider: AccountName,
    /// The model that replaces those that clients request on their own.
    pub fallback: Option<ModelName>,
}

impl ModelNames {
    /// Returns the account that a name may begin with: the part before the first slash, unless an agent has the name.
    pub fn account_in(&self, name: &ModelName) -> Option<AccountName> {
        if self.agents.contains_key(name.as_str()) {
            None
        } else {
            ModelRef::split(name.as_str()).map(|split| split.provider)
        }
    }

    /// Returns the model that replaces `name` if the account does not list it.
    pub fn fallback_for(&self, name: &ModelName) -> Option<&ModelName> {
        let is_requested_by_client =
            REQUESTED_BY_CLIENTS.contains(&name.as_str()) && !self.agents.contains_key(name.as_str());
        self.fallback.as_ref().filter(|_| is_requested_by_client)
    }

    /// Resolves `name` to the model of an agent; else to a model of the account before its first slash, if there is
    /// such an account; else to a model of the default provider, whose names may contain slashes too.
    pub fn resolve(&self, name: &ModelName, is_account: impl Fn(&AccountName) -> bool) -> ModelRef {
        let name = name.as_str();
        if let Some(model) = self.agents.get(name) {
            return model.clone();
        }
        let named = ModelRef::split(name).filter(|named| is_account(&named.provider));
        named.unwrap_or_else(|| ModelRef { provider: self.default_provider.clone(), model: name.to_owned() })
    }
}
