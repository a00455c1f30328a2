//! The sections `agent`, `agents` and `default_provider`: what the names of models mean beyond `<provider>/<model>`.

use std::collections::BTreeMap;

use super::{SettingsError, sources::Sources};
use crate::domain::{
    ids::ProviderName,
    model_ref::{ModelNames, ModelRef},
    provider::openai_codex,
};

pub(super) fn read(sources: &Sources) -> Result<ModelNames, SettingsError> {
    // The seed's form is one agent; a list of them is ours.
    let single = (!sources.names_below("agent").is_empty()).then(|| "agent".to_owned());
    let listed = sources.names_below("agents").into_iter().map(|number| format!("agents.{number}"));
    let mut agents = BTreeMap::new();
    for section in single.into_iter().chain(listed) {
        let (key, model) = agent(sources, &section)?;
        if agents.insert(key.to_owned(), model).is_some() {
            return Err(SettingsError::bad(&format!("{section}.key"), key, "another agent has that key"));
        }
    }
    Ok(ModelNames { agents, default_provider: default_provider(sources)? })
}

fn agent<'a>(sources: &'a Sources, section: &str) -> Result<(&'a str, ModelRef), SettingsError> {
    let member = |name: &str| {
        let key = format!("{section}.{name}");
        let why = "an agent has a key and a provider, e.g. my-agent and openai-codex/gpt-5.5";
        let text = sources.text(&key);
        text.map(|text| (key.clone(), text)).ok_or(SettingsError::Missing { key, why })
    };
    let ((_, key), (at, model)) = (member("key")?, member("provider")?);
    let model = ModelRef::parse(model).map_err(|error| SettingsError::bad(&at, model, error.to_string()))?;
    Ok((key, model))
}

/// An account that is signed in to later need not be configured, so any name will do.
fn default_provider(sources: &Sources) -> Result<ProviderName, SettingsError> {
    let key = "default_provider";
    let text = sources.text(key).unwrap_or(openai_codex::NAME);
    ProviderName::parse(text).map_err(|error| SettingsError::bad(key, text, error.to_string()))
}
