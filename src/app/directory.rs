//! Finds an account's provider definition and its stored credential by name. Reads return an unreadable row as a value,
//! not as an error, so that it affects no other account.

use std::sync::Arc;

use super::{AppError, Ports, ProviderCatalog, Vault};
use crate::{
    domain::{
        credential::SealedCredential,
        ids::AccountName,
        provider::{ProviderDefinition, ProviderType, openai_codex::canonical},
        unreadable::UnreadableAccount,
    },
    ports::{StoreError, TokenStore},
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

/// Number of accounts read at a time, to bound the memory.
const PAGE: usize = 1_000;

/// What is stored under a name.
#[derive(Debug)]
pub(super) enum StoredAccount {
    Readable(Box<SealedCredential>),
    Unreadable(UnreadableAccount),
}

impl StoredAccount {
    pub(super) fn name(&self) -> &AccountName {
        match self {
            Self::Readable(credential) => &credential.name,
            Self::Unreadable(account) => &account.name,
        }
    }
}

/// An account's definition with its stored credential.
pub(super) struct Resolved {
    pub(super) definition: ProviderDefinition,
    pub(super) credential: Option<SealedCredential>,
    /// Set, with no credential, if the account's row is unreadable.
    pub(super) unreadable: Option<UnreadableAccount>,
}

/// The configured and the stored accounts.
#[derive(Clone)]
pub(super) struct Directory {
    store: Arc<dyn TokenStore>,
    vault: Vault,
    pub(super) catalog: Arc<ProviderCatalog>,
}

impl Directory {
    pub(super) fn new(ports: &Ports, catalog: ProviderCatalog) -> Self {
        let vault = Vault::new(Arc::clone(&ports.cipher));
        Self { store: Arc::clone(&ports.credentials), vault, catalog: Arc::new(catalog) }
    }

    /// Reads an account. It is unreadable if one of its secrets does not open.
    pub(super) async fn find(&self, name: &AccountName) -> Result<Option<StoredAccount>, StoreError> {
        match self.store.load(name).await {
            Ok(found) => Ok(found.map(|credential| self.classify(credential))),
            Err(StoreError::Unreadable(row)) => {
                Ok(Some(StoredAccount::Unreadable(UnreadableAccount { name: name.clone(), row: *row })))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads all accounts.
    pub(super) async fn all(&self) -> Result<Vec<StoredAccount>, StoreError> {
        let stored = self.store.list().await?;
        let readable = stored.readable.into_iter().map(|credential| self.classify(credential));
        Ok(readable.chain(stored.unreadable.into_iter().map(StoredAccount::Unreadable)).collect())
    }

    /// Reads one page of accounts, as [`TokenStore::list_after`] does.
    pub(super) async fn page_after(
        &self,
        name: Option<&str>,
    ) -> Result<(Vec<StoredAccount>, Option<String>), StoreError> {
        let (stored, last) = self.store.list_after(name, PAGE).await?;
        let readable = stored.readable.into_iter().map(|credential| self.classify(credential));
        Ok((readable.chain(stored.unreadable.into_iter().map(StoredAccount::Unreadable)).collect(), last))
    }

    fn classify(&self, credential: SealedCredential) -> StoredAccount {
        match self.vault.check(&credential) {
            Ok(_token) => StoredAccount::Readable(Box::new(credential)),
            Err(row) => StoredAccount::Unreadable(UnreadableAccount { name: credential.name, row }),
        }
    }

    /// Finds an account. `new_type` is required for a name that is neither configured nor stored.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::TypeConflict`] if the account's type is not `new_type`,
    /// [`AppError::AccountUnreadable`] if the type of an unreadable account is unknown, [`AppError::Store`].
    pub(super) async fn resolve(
        &self,
        name: &AccountName,
        new_type: Option<ProviderType>,
    ) -> Result<Resolved, AppError> {
        let (credential, unreadable) = match self.find(name).await? {
            Some(StoredAccount::Readable(credential)) => (Some(*credential), None),
            Some(StoredAccount::Unreadable(unreadable)) => (None, Some(unreadable)),
            None => (None, None),
        };
        let stored_type = credential.as_ref().map(|credential| credential.provider_type);
        // The type in an unreadable row is not authenticated, so a type in the request takes precedence.
        let unproven_type = unreadable.as_ref().and_then(|unreadable| unreadable.row.provider_type);
        let definition = match (stored_type, self.catalog.get(name)) {
            (Some(stored), _) => self.catalog.of_account(name, stored),
            (None, Some(configured)) => Some(configured.clone()),
            (None, None) => new_type.or(unproven_type).and_then(|known| self.catalog.like_built_in(name, known)),
        };
        let Some(definition) = definition else {
            return Err(unreadable.map_or_else(|| AppError::UnknownProvider(name.to_string()), AppError::from));
        };
        let existing = definition.provider_type;
        if new_type.is_some_and(|wanted| wanted != existing) {
            return Err(AppError::TypeConflict { name: name.clone(), existing });
        }
        Ok(Resolved { definition, credential, unreadable })
    }

    /// Checks that the configuration lets an account be connected and used.
    ///
    /// # Errors
    /// [`AppError::TypeConflict`] if the configuration names another type, [`AppError::DisabledByConfiguration`].
    pub(super) fn check_enabled(&self, definition: &ProviderDefinition) -> Result<(), AppError> {
        let (name, existing) = (definition.name.clone(), definition.provider_type);
        if self.catalog.conflicting_type(&name, existing).is_some() {
            return Err(AppError::TypeConflict { name, existing });
        }
        if definition.enabled { Ok(()) } else { Err(AppError::DisabledByConfiguration(name)) }
    }

    /// Checks that an account is configured or stored.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::Store`].
    pub(super) async fn check_known(&self, name: &AccountName) -> Result<(), AppError> {
        match self.resolve(name, None).await {
            Ok(_) | Err(AppError::AccountUnreadable(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the definition of an account. Never None, because every type has a built-in provider.
    pub(super) fn definition_of(&self, name: &AccountName, provider_type: ProviderType) -> Option<ProviderDefinition> {
        self.catalog.of_account(name, provider_type)
    }
}
