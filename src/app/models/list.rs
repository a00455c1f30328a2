//! `GET /v1/models`: the models of the connected accounts. Each provider's list is cached and revalidated by its
//! `ETag`. If a provider does not respond, or an account is out of use, its last list or the configured one is used,
//! and the account is named.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use http_message::{
    HeaderMap, StatusCode,
    header::{ETAG, HeaderValue, IF_NONE_MATCH},
};
use tokio::select;

use super::{
    Models,
    ask::{json_of, refusal_of},
    call::ProviderCall,
};
use crate::{
    app::AppError,
    domain::{
        ids::{AccountName, LoginId},
        model_list,
        provider::{ModelApi, ProviderDefinition},
        proxy::ProxyPath,
        scope::{Permission, Rights},
        time::Timestamp,
    },
};

/// How long a provider may take to list its models. OpenAI's own client waits as long.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a list is served without revalidation, and after a failure.
const FRESH_FOR: Duration = Duration::from_secs(60);
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How long the last list of a provider stands in for one that cannot be read.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What callers can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelListing {
    pub models: Vec<ListedModel>,
    /// The accounts whose own list could not be read. Their last known models are listed.
    pub incomplete: Vec<AccountName>,
}

/// A model that a caller can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// `<provider>/<model>`, or the key of an agent.
    pub id: String,
    /// The provider's name, or the gateway's for an agent.
    pub owned_by: String,
    /// When it was created, in Unix seconds; 0 if the provider does not say.
    pub created: i64,
}

/// The last list of each provider.
#[derive(Debug, Default)]
pub(super) struct ModelLists {
    known: Mutex<HashMap<AccountName, ModelList>>,
    /// Held while a provider is asked, so that concurrent callers share the result.
    asking: Mutex<HashMap<AccountName, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Debug, Clone)]
struct ModelList {
    /// The login it belongs to: plans differ in their models.
    login_id: LoginId,
    etag: Option<HeaderValue>,
    models: Vec<(String, i64)>,
    /// When the provider sent it.
    listed_at: Timestamp,
    /// Whether the provider's last response was a list.
    is_current: bool,
    /// End of the time in which it is served without revalidation.
    fresh_until: Timestamp,
}

impl ModelLists {
    /// Returns the last list of an account, unless it is too old.
    fn last(&self, name: &AccountName, now: Timestamp) -> Option<ModelList> {
        let lists = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        lists.get(name).filter(|list| now < list.listed_at.plus(KEPT_FOR)).cloned()
    }

    fn put(&self, name: &AccountName, list: ModelList) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), list);
    }

    fn turn(&self, name: &AccountName) -> Arc<tokio::sync::Mutex<()>> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(asking.entry(name.clone()).or_default())
    }
}

impl Models {
    /// Returns the agents, then the models of every account that is switched on, as far as the caller may ask them. An
    /// account that cannot be asked now contributes its last known list, and hides no other.
    #[tracing::instrument(name = "models.list", skip_all)]
    pub async fn list(&self, rights: &Rights) -> ModelListing {
        let agents = self.names.agents.iter().filter(|(_, of)| rights.permits_model(&of.provider, &of.model));
        let agents = agents.map(|(key, _)| ListedModel { id: key.clone(), owned_by: "goclaw".to_owned(), created: 0 });
        let registry = self.tokens.registry();
        let mut names: Vec<_> = registry.names().into_iter().chain(registry.unreadable_names()).collect();
        names.retain(|name| rights.permits(Permission::Models, name));
        names.sort();
        let lists = join_all(names.iter().map(|name| self.models_of(name))).await;
        let mut listing = ModelListing { models: agents.collect(), incomplete: Vec::new() };
        for (name, (models, is_current)) in names.into_iter().zip(lists) {
            let models = models.into_iter().filter(|(model, _)| rights.permits_model(&name, model));
            listing.models.extend(models.map(|(model, created)| ListedModel {
                id: format!("{name}/{model}"),
                owned_by: name.to_string(),
                created,
            }));
            if !is_current {
                listing.incomplete.push(name);
            }
        }
        listing
    }

    /// Returns the model with this id.
    ///
    /// # Errors
    /// [`AppError::UnknownModel`].
    #[tracing::instrument(name = "models.find", skip_all)]
    pub async fn find(&self, id: &str, rights: &Rights) -> Result<ListedModel, AppError> {
        let mut models = self.list(rights).await.models.into_iter();
        models.find(|model| model.id == id).ok_or_else(|| AppError::UnknownModel(id.to_owned()))
    }

    /// Returns the models of an account, and whether they are what its provider lists now.
    async fn models_of(&self, name: &AccountName) -> (Vec<(String, i64)>, bool) {
        let Some(account) = self.tokens.registry().get(name) else {
            let last = self.lists.last(name, self.now());
            return (last.map(|list| list.models).unwrap_or_default(), false);
        };
        let definition = &account.definition;
        let is_on = account.enabled && definition.enabled;
        let Some(api) = definition.model_api().filter(|_| is_on) else { return (Vec::new(), true) };
        let turn = self.lists.turn(name);
        let _one_at_a_time = turn.lock().await;
        let login_id = &account.refresh.version.login_id;
        let known = self.lists.last(name, self.now()).filter(|list| list.login_id == *login_id);
        if let Some(fresh) = known.as_ref().filter(|list| list.fresh_until > self.now()) {
            return (fresh.models.clone(), fresh.is_current);
        }
        let listed = select! {
            listed = self.ask_for_models(definition, api, known.as_ref()) => listed,
            () = self.clock.sleep(LIST_TIMEOUT) => Err(AppError::InvalidUpstreamResponse("it did not list its models in time")),
        };
        let now = self.now();
        let list = match listed {
            Ok((etag, models)) => ModelList {
                login_id: login_id.clone(),
                etag,
                models,
                listed_at: now,
                is_current: true,
                fresh_until: now.plus(FRESH_FOR),
            },
            Err(error) => {
                tracing::warn!(provider.name = %name, error = %error,
                    "the models of {name} could not be listed; its last known list is used");
                let configured = || ModelList {
                    login_id: login_id.clone(),
                    etag: None,
                    models: definition.models.iter().map(|model| (model.clone(), 0)).collect(),
                    listed_at: now,
                    is_current: false,
                    fresh_until: now,
                };
                let last = known.unwrap_or_else(configured);
                ModelList { is_current: false, fresh_until: now.plus(RETRY_AFTER_FAILURE), ..last }
            }
        };
        self.lists.put(name, list.clone());
        (list.models, list.is_current)
    }

    /// Asks the provider for its list and the list's `ETag`.
    async fn ask_for_models(
        &self,
        definition: &ProviderDefinition,
        api: &ModelApi,
        known: Option<&ModelList>,
    ) -> Result<(Option<HeaderValue>, Vec<(String, i64)>), AppError> {
        let tag = known.and_then(|list| list.etag.clone());
        let headers: HeaderMap = tag.into_iter().map(|tag| (IF_NONE_MATCH, tag)).collect();
        let version = definition.client_version.as_ref().map(|version| format!("client_version={version}"));
        let url = definition.url_of(&ProxyPath::fixed(api.models_path), version.as_deref());
        let call = ProviderCall::get(url, headers);
        let response = self.call(&definition.name, call).await?;
        if let (StatusCode::NOT_MODIFIED, Some(known)) = (response.status, known) {
            return Ok((known.etag.clone(), known.models.clone()));
        }
        if !response.status.is_success() {
            return Err(refusal_of(response, self.now()).await);
        }
        let etag = response.headers.get(ETAG).cloned();
        let json = json_of(response).await?;
        let models =
            model_list::read(&json).ok_or(AppError::InvalidUpstreamResponse("its response is not a list of models"))?;
        Ok((etag, models))
    }
}
