//! Resolves an account's name to its provider definition and, where a use case needs it, to its stored credential.

use std::sync::Arc;

use super::{AppError, Ports, ProviderCatalog};
use crate::{
    domain::{
        credential::SealedCredential,
        ids::AccountName,
        provider::{ProviderDefinition, ProviderType, openai_codex},
    },
    ports::TokenStore,
};

/// Parses the name of an account in a path or a command; `openai` is an alias of `openai-codex`.
///
/// # Errors
/// [`AppError::UnknownProvider`] for a text that is not a valid name.
pub fn account_name(text: &str) -> Result<AccountName, AppError> {
    AccountName::parse(canonical(text)).map_err(|_not_a_name| AppError::UnknownProvider(text.to_owned()))
}

/// Parses the name and the optional type of an account that a request may create.
///
/// # Errors
/// [`AppError::InvalidAccountName`] for an invalid name with a type,
/// [`AppError::UnknownProviderType`], and [`AppError::UnknownProvider`] as in [`account_name`].
pub fn new_account(text: &str, new_type: Option<&str>) -> Result<(AccountName, Option<ProviderType>), AppError> {
    let Some(new_type) = new_type else { return Ok((account_name(text)?, None)) };
    let name = AccountName::parse(canonical(text))?;
    let known = ProviderType::parse(canonical(new_type));
    Ok((name, Some(known.ok_or_else(|| AppError::UnknownProviderType(new_type.to_owned()))?)))
}

fn canonical(text: &str) -> &str {
    if text == openai_codex::ALIAS { openai_codex::NAME } else { text }
}

/// An account with its definition and what is stored under its name.
pub(super) struct Resolved {
    pub(super) definition: ProviderDefinition,
    pub(super) credential: Option<SealedCredential>,
}

/// The configured and the stored accounts.
#[derive(Clone)]
pub(super) struct Directory {
    store: Arc<dyn TokenStore>,
    pub(super) catalog: Arc<ProviderCatalog>,
}

impl Directory {
    pub(super) fn new(ports: &Ports, catalog: ProviderCatalog) -> Self {
        Self { store: Arc::clone(&ports.credentials), catalog: Arc::new(catalog) }
    }

    /// Finds an account. A name that is neither configured nor stored needs `new_type`.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::TypeConflict`] if the account has another type, [`AppError::Store`].
    pub(super) async fn resolve(
        &self,
        name: &AccountName,
        new_type: Option<ProviderType>,
    ) -> Result<Resolved, AppError> {
        let credential = self.store.load(name).await?;
        let stored_type = credential.as_ref().map(|credential| credential.provider_type);
        let definition = match self.catalog.get(name) {
            Some(configured) => Some(configured.clone()),
            None => stored_type.or(new_type).and_then(|known| self.catalog.like_built_in(name, known)),
        };
        let definition = definition.ok_or_else(|| AppError::UnknownProvider(name.to_string()))?;
        let existing = stored_type.unwrap_or(definition.provider_type);
        if existing != definition.provider_type || new_type.is_some_and(|wanted| wanted != existing) {
            return Err(AppError::TypeConflict { name: name.clone(), existing });
        }
        Ok(Resolved { definition, credential })
    }

    /// Returns the definition of an account. Every type has a built-in provider, so this never returns None.
    pub(super) fn definition_of(&self, name: &AccountName, provider_type: ProviderType) -> Option<ProviderDefinition> {
        self.catalog.get(name).cloned().or_else(|| self.catalog.like_built_in(name, provider_type))
    }
}
