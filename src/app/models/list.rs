//! `GET /v1/models`: the models of the connected accounts, each under all of its names. If the list of an account
//! cannot be read, its last known or configured models are listed, and `incomplete` names the account.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use http_message::HeaderValue;
use serde_json::Value;

use super::Models;
use crate::{
    app::AppError,
    domain::{
        ids::AccountName,
        model_list::ProviderModel,
        model_ref::{ModelName, ModelRef},
        scope::{Permission, Rights},
    },
};

/// The models that a caller may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelListing {
    pub models: Vec<ListedModel>,
    /// The models that the Codex backend describes, in the form of its catalogue. Each name has its own entry, because
    /// the Codex CLI looks up the name that it sends.
    pub catalog: Vec<Value>,
    /// The `ETag` of the default provider's list. The Codex CLI compares it with the `x-models-etag` of each response,
    /// and reloads the catalogue if they differ.
    pub etag: Option<HeaderValue>,
    /// The accounts whose list could not be read. Their last known or configured models are listed.
    pub incomplete: Vec<AccountName>,
}

/// A model that a caller may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// `<account>/<model>`, a model of the default provider, or the key of an agent.
    pub id: String,
    /// The account's name, or `goclaw` for an agent.
    pub owned_by: String,
    /// When the model was created, in Unix seconds; 0 for an agent, or if the provider does not report it.
    pub created: i64,
    /// The size of the context window in tokens, if the provider reports it.
    pub context_length: Option<u64>,
}

impl ListedModel {
    fn new(id: String, owned_by: &str, model: &ProviderModel) -> Self {
        Self { id, owned_by: owned_by.to_owned(), created: model.created, context_length: model.context_length }
    }
}

/// The models of an account. `is_current` is false if the provider's list could not be read.
struct AccountModels {
    name: AccountName,
    models: Arc<[ProviderModel]>,
    is_current: bool,
}

/// Maximum number of accounts whose models are requested concurrently.
const MAX_CONCURRENT: usize = 32;

impl Models {
    /// Returns the agents, then the models of all enabled accounts. Omits models that the caller may not use.
    #[tracing::instrument(name = "models.list", skip_all)]
    pub async fn list(&self, rights: &Rights) -> ModelListing {
        let accounts = self.accounts_with_models(rights).await;
        let mut listing =
            ModelListing { etag: self.list_etag(&self.names.default_provider), ..ModelListing::default() };
        for (key, agent) in
            self.names.agents.iter().filter(|(_, agent)| rights.permits_model(&agent.provider, &agent.model))
        {
            let account = accounts.iter().find(|account| account.name == agent.provider);
            let known = account.and_then(|account| account.models.iter().find(|model| model.name == agent.model));
            let model = known.cloned().unwrap_or_else(|| ProviderModel::named(&agent.model));
            listing.models.push(ListedModel { created: 0, ..ListedModel::new(key.clone(), "goclaw", &model) });
            listing.catalog.extend(model.entry_as(key, Some(key), false));
        }
        for account in &accounts {
            self.add_account(&mut listing, account, rights);
        }
        listing.incomplete =
            accounts.into_iter().filter(|account| !account.is_current).map(|account| account.name).collect();
        listing
    }

    /// Returns the accounts that the caller may use for models, sorted by name.
    async fn accounts_with_models(&self, rights: &Rights) -> Vec<AccountModels> {
        let registry = self.tokens.registry();
        let mut names: Vec<_> = registry.names().into_iter().chain(registry.unreadable_names()).collect();
        names.retain(|name| rights.permits(Permission::Models, name));
        names.sort();
        // Collect the futures first: with a closure inside the stream, rustc reports that it is "not general enough".
        let requests: Vec<_> = names.iter().map(|name| self.models_of(name)).collect();
        let lists: Vec<_> = stream::iter(requests).buffered(MAX_CONCURRENT).collect().await;
        let with_models = |(name, (models, is_current))| AccountModels { name, models, is_current };
        names.into_iter().zip(lists).map(with_models).collect()
    }

    /// Adds the models of an account. Models of the default provider have two names, of which the shorter comes first.
    fn add_account(&self, listing: &mut ModelListing, account: &AccountModels, rights: &Rights) {
        let name = &account.name;
        let is_default = *name == self.names.default_provider;
        let models = account.models.iter().filter(|model| rights.permits_model(name, &model.name));
        for model in models.clone().filter(|model| is_default && self.is_default_name_of(model)) {
            if !model.is_hidden {
                listing.models.push(ListedModel::new(model.name.clone(), name.as_str(), model));
            }
            listing.catalog.extend(model.entry_as(&model.name, None, false));
        }
        for model in models {
            let id = format!("{name}/{}", model.name);
            let shown = Some(name.as_str()).filter(|_| !is_default);
            listing.catalog.extend(model.entry_as(&id, shown, is_default && self.is_default_name_of(model)));
            if !model.is_hidden {
                listing.models.push(ListedModel::new(id, name.as_str(), model));
            }
        }
    }

    /// Whether the model's name without a provider resolves to this model of the default provider.
    fn is_default_name_of(&self, model: &ProviderModel) -> bool {
        let is_account = |name: &AccountName| self.tokens.registry().get(name).is_some();
        ModelName::parse(&model.name).is_ok_and(|name| {
            let found = self.names.resolve(&name, is_account);
            found.provider == self.names.default_provider && found.model == model.name
        })
    }

    /// Returns the model with this id, or the one that a prompt with this name would use.
    ///
    /// # Errors
    /// [`AppError::UnknownModel`].
    #[tracing::instrument(name = "models.find", skip_all)]
    pub async fn find(&self, id: &str, rights: &Rights) -> Result<ListedModel, AppError> {
        // The id may use an alias of the account.
        let canonical = ModelRef::parse(id).map(|named| format!("{}/{}", named.provider, named.model));
        let mut models = self.list(rights).await.models.into_iter();
        match models.find(|model| model.id == id || canonical.as_ref() == Ok(&model.id)) {
            Some(model) => Ok(ListedModel { id: id.to_owned(), ..model }),
            None => self.find_unlisted(id, rights).await.ok_or_else(|| AppError::UnknownModel(id.to_owned())),
        }
    }

    /// Returns a model under a name that is accepted but not listed: one with a suffix (such as the reasoning effort),
    /// one that has a fallback, or that of a hidden model.
    async fn find_unlisted(&self, id: &str, rights: &Rights) -> Option<ListedModel> {
        let target = self.target(&ModelName::parse(id).ok()?, rights).await.ok()?;
        let (account, name) = (&target.definition.name, &target.model.name);
        let (models, _is_current) = self.models_of(account).await;
        let model = models.iter().find(|model| model.name == *name && rights.permits_model(account, name))?;
        Some(ListedModel::new(id.to_owned(), account.as_str(), model))
    }
}
