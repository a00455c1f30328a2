//! Lists the configured and the connected accounts with their states.

use std::collections::BTreeMap;

use super::{Accounts, status::state_of};
use crate::{
    app::{AppError, directory::StoredAccount},
    domain::{
        account::AccountLabels,
        credential::{AccountState, SealedCredential},
        ids::AccountName,
        provider::{AuthMethod, Category, ProviderDefinition, ProviderType},
        time::Timestamp,
        unreadable::UnreadableAccount,
    },
};

/// An account as the list shows it.
#[derive(Debug, Clone)]
pub struct AccountView {
    pub name: AccountName,
    pub display_name: String,
    /// None, like `category` and `api_base`, if an unconfigured account is unreadable and its row names no known type.
    pub provider_type: Option<ProviderType>,
    pub category: Option<Category>,
    pub auth_methods: Vec<AuthMethod>,
    pub api_base: Option<String>,
    pub enabled: bool,
    pub state: AccountState,
    /// Whether there is a usable access token.
    pub authenticated: bool,
    pub expires_at: Option<Timestamp>,
    pub account: AccountLabels,
    /// Other names under which the same user and workspace is connected.
    pub other_names: Vec<AccountName>,
}

impl Accounts {
    #[tracing::instrument(name = "accounts.list", skip_all)]
    pub async fn list(&self) -> Result<Vec<AccountView>, AppError> {
        let stored = self.directory.all().await?;
        let mut stored: BTreeMap<_, _> = stored.into_iter().map(|found| (found.name().clone(), found)).collect();
        let mut others = self.tokens.registry().all_other_names();
        let mut view = |definition: ProviderDefinition, credential| {
            let other_names = others.remove(&definition.name).unwrap_or_default();
            self.view(definition, credential, other_names)
        };
        let configured = self.directory.catalog.iter().map(|definition| match stored.remove(&definition.name) {
            Some(StoredAccount::Readable(credential)) => {
                // An account whose configured type has changed is shown with its own type.
                let own = self.directory.definition_of(&credential.name, credential.provider_type);
                view(own.unwrap_or_else(|| definition.clone()), Some(*credential))
            }
            Some(StoredAccount::Unreadable(account)) => self.view_of_unreadable(account, Some(definition.clone())),
            None => view(definition.clone(), None),
        });
        let mut views: Vec<_> = configured.collect();
        for (name, account) in stored {
            let like_built_in = |known| self.directory.catalog.like_built_in(&name, known);
            match account {
                StoredAccount::Readable(credential) => {
                    let definition = like_built_in(credential.provider_type);
                    views.extend(definition.map(|definition| view(definition, Some(*credential))));
                }
                StoredAccount::Unreadable(account) => {
                    let definition = account.row.provider_type.and_then(like_built_in);
                    views.push(self.view_of_unreadable(account, definition));
                }
            }
        }
        Ok(views)
    }

    /// Returns the view of an unreadable account, and quarantines the account in this process.
    fn view_of_unreadable(&self, account: UnreadableAccount, definition: Option<ProviderDefinition>) -> AccountView {
        self.tokens.quarantine(account.clone());
        let definition = definition.as_ref();
        AccountView {
            display_name: definition.map_or_else(|| account.name.to_string(), |known| known.display_name.clone()),
            provider_type: definition.map(|known| known.provider_type),
            category: definition.map(|known| known.descriptor().category),
            auth_methods: definition.map(ProviderDefinition::auth_methods).unwrap_or_default(),
            api_base: definition.map(|known| known.api_base.clone()),
            enabled: definition.is_none_or(|known| known.enabled),
            state: AccountState::Unreadable,
            authenticated: false,
            expires_at: None,
            account: AccountLabels::default(),
            other_names: Vec::new(),
            name: account.name,
        }
    }

    pub(super) fn view(
        &self,
        definition: ProviderDefinition,
        credential: Option<SealedCredential>,
        other_names: Vec<AccountName>,
    ) -> AccountView {
        let (stored, now) = (credential.as_ref(), self.now());
        let feedback = stored.map(|found| self.tokens.feedback(&found.name, found.login_id())).unwrap_or_default();
        let is_refused = stored.is_some_and(|found| self.tokens.is_refused(&found.name, &found.refresh.version));
        AccountView {
            state: state_of(&definition, stored.map(|found| found.state(now)), &feedback),
            auth_methods: definition.auth_methods(),
            category: Some(definition.descriptor().category),
            enabled: definition.enabled && stored.is_none_or(|credential| credential.enabled),
            display_name: stored.and_then(|found| found.display_name.clone()).unwrap_or(definition.display_name),
            other_names,
            name: definition.name,
            provider_type: Some(definition.provider_type),
            api_base: Some(definition.api_base),
            authenticated: definition.enabled && !is_refused && stored.is_some_and(|found| found.is_usable(now)),
            expires_at: stored.and_then(|found| found.metadata.expires_at),
            account: credential.map(|found| found.metadata.account).unwrap_or_default(),
        }
    }
}
