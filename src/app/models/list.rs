//! `GET /v1/models`: the models of the connected accounts, each under all of its names. An account whose list cannot be
//! read now contributes its last known list, and is named in `incomplete`.

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

/// What callers can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelListing {
    pub models: Vec<ListedModel>,
    /// The same models in the form of the Codex backend's catalogue, if it describes them. Each name has its own entry,
    /// because the Codex CLI looks up the name that it sends.
    pub catalog: Vec<Value>,
    /// The version of the default provider's list. The Codex CLI compares it with `x-models-etag` of each response, and
    /// reads the catalogue again if they differ.
    pub etag: Option<HeaderValue>,
    /// The accounts whose own list could not be read. Their last known models are listed.
    pub incomplete: Vec<AccountName>,
}

/// A model that a caller can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// `<provider>/<model>`, a model of the default provider, or the key of an agent.
    pub id: String,
    /// The provider's name, or the gateway's for an agent.
    pub owned_by: String,
    /// When it was created, in Unix seconds; 0 if the provider does not say.
    pub created: i64,
    /// The tokens that fit into a conversation, if the provider says it.
    pub context_length: Option<u64>,
}

impl ListedModel {
    fn new(id: String, owned_by: &str, model: &ProviderModel) -> Self {
        Self { id, owned_by: owned_by.to_owned(), created: model.created, context_length: model.context_length }
    }
}

/// The models of an account, and whether they are what its provider lists now.
struct AccountModels {
    name: AccountName,
    models: Arc<[ProviderModel]>,
    is_current: bool,
}

/// How many accounts are asked for their models at a time.
const AT_ONCE: usize = 32;

impl Models {
    /// Returns the agents, then the models of every account that is switched on, without those that the caller may not
    /// ask.
    #[tracing::instrument(name = "models.list", skip_all)]
    pub async fn list(&self, rights: &Rights) -> ModelListing {
        let accounts = self.accounts_with_models(rights).await;
        let mut listing =
            ModelListing { etag: self.list_etag(&self.names.default_provider), ..ModelListing::default() };
        for (key, of) in self.names.agents.iter().filter(|(_, of)| rights.permits_model(&of.provider, &of.model)) {
            let account = accounts.iter().find(|account| account.name == of.provider);
            let known = account.and_then(|account| account.models.iter().find(|model| model.name == of.model));
            let model = known.cloned().unwrap_or_else(|| ProviderModel::named(&of.model));
            listing.models.push(ListedModel { created: 0, ..ListedModel::new(key.clone(), "goclaw", &model) });
            listing.catalog.extend(model.entry_as(key, Some(key), false));
        }
        for account in &accounts {
            self.add_account(&mut listing, account, rights);
        }
        listing.incomplete = accounts.into_iter().filter(|account| !account.is_current).map(|it| it.name).collect();
        listing
    }

    /// Returns the accounts that the caller may ask, sorted by name.
    async fn accounts_with_models(&self, rights: &Rights) -> Vec<AccountModels> {
        let registry = self.tokens.registry();
        let mut names: Vec<_> = registry.names().into_iter().chain(registry.unreadable_names()).collect();
        names.retain(|name| rights.permits(Permission::Models, name));
        names.sort();
        // Made before the stream: rustc does not see that a closure for it is general enough over lifetimes.
        let asked: Vec<_> = names.iter().map(|name| self.models_of(name)).collect();
        let lists: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let with_models = |(name, (models, is_current))| AccountModels { name, models, is_current };
        names.into_iter().zip(lists).map(with_models).collect()
    }

    /// Adds the models of an account. Those of the default provider have two names; the shorter ones come first.
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

    /// Whether the name of a model of the default provider, alone, names this model and nothing else.
    fn is_default_name_of(&self, model: &ProviderModel) -> bool {
        let is_account = |name: &AccountName| self.tokens.registry().get(name).is_some();
        ModelName::parse(&model.name).is_ok_and(|name| {
            let found = self.names.resolve(&name, is_account);
            found.provider == self.names.default_provider && found.model == model.name
        })
    }

    /// Returns the model with this id.
    ///
    /// # Errors
    /// [`AppError::UnknownModel`].
    #[tracing::instrument(name = "models.find", skip_all)]
    pub async fn find(&self, id: &str, rights: &Rights) -> Result<ListedModel, AppError> {
        // The id may have the account's alias.
        let canonical = ModelRef::parse(id).map(|named| format!("{}/{}", named.provider, named.model));
        let mut models = self.list(rights).await.models.into_iter();
        let found = models.find(|model| model.id == id || canonical.as_ref() == Ok(&model.id));
        found
            .map(|model| ListedModel { id: id.to_owned(), ..model })
            .ok_or_else(|| AppError::UnknownModel(id.to_owned()))
    }
}
