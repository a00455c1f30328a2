//! Which accounts this process may use now: in memory, rebuilt from the store at start, changed by sign-in, logout and
//! switching on and off.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use crate::domain::{
    credential::SealedCredential,
    ids::{Generation, LoginId, ProviderName},
    provider::ProviderType,
};

/// A connected account, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredProvider {
    pub provider_type: ProviderType,
    pub enabled: bool,
    pub login_id: LoginId,
    pub generation: Generation,
}

#[derive(Debug, Default)]
pub struct ProviderRegistry(RwLock<BTreeMap<ProviderName, RegisteredProvider>>);

impl ProviderRegistry {
    pub fn register(&self, credential: &SealedCredential) {
        let provider = RegisteredProvider {
            provider_type: credential.provider_type,
            enabled: credential.enabled,
            login_id: credential.login_id().clone(),
            generation: credential.generation(),
        };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(credential.name.clone(), provider);
    }

    pub fn unregister(&self, name: &ProviderName) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub fn get(&self, name: &ProviderName) -> Option<RegisteredProvider> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}
