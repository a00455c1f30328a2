//! Which access tokens a provider has refused although their time was not over.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::domain::{ids::ProviderName, refresh::TokenVersion};

/// The last refused token of each account.
#[derive(Debug, Default)]
pub(super) struct RefusedTokens(Mutex<HashMap<ProviderName, TokenVersion>>);

impl RefusedTokens {
    /// Remembers a refusal; true if these tokens have been refused before.
    pub(super) fn note(&self, name: &ProviderName, version: &TokenVersion) -> bool {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(name.clone(), version.clone()).as_ref() == Some(version)
    }
}
