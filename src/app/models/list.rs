//! `GET /v1/models`: the models of the connected accounts. Each provider's list is cached and revalidated by its
//! `ETag`. If a provider does not respond, its last list or the configured one is used.

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
        time::Timestamp,
    },
};

/// How long a provider may take to list its models. OpenAI's own client waits as long.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a list is served without revalidation, and after a failure.
const FRESH_FOR: Duration = Duration::from_secs(60);
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(5);

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
    /// End of the time in which it is served without revalidation.
    fresh_until: Timestamp,
}

impl ModelLists {
    fn get(&self, name: &AccountName, login_id: &LoginId) -> Option<ModelList> {
        let lists = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        lists.get(name).filter(|list| list.login_id == *login_id).cloned()
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
    /// Returns the agents, then the models of every account that is switched on.
    #[tracing::instrument(name = "models.list", skip_all)]
    pub async fn list(&self) -> Vec<ListedModel> {
        let agents = self.names.agents.keys();
        let agents = agents.map(|key| ListedModel { id: key.clone(), owned_by: "goclaw".to_owned(), created: 0 });
        let mut names = self.tokens.registry().names();
        names.sort();
        let lists = join_all(names.iter().map(|name| self.models_of(name))).await;
        let models = names.iter().zip(lists).flat_map(|(name, models)| {
            models.into_iter().map(move |(model, created)| ListedModel {
                id: format!("{name}/{model}"),
                owned_by: name.to_string(),
                created,
            })
        });
        agents.chain(models).collect()
    }

    /// Returns the model with this id.
    ///
    /// # Errors
    /// [`AppError::UnknownModel`].
    #[tracing::instrument(name = "models.find", skip_all)]
    pub async fn find(&self, id: &str) -> Result<ListedModel, AppError> {
        let mut models = self.list().await.into_iter();
        models.find(|model| model.id == id).ok_or_else(|| AppError::UnknownModel(id.to_owned()))
    }

    async fn models_of(&self, name: &AccountName) -> Vec<(String, i64)> {
        let Some(account) =
            self.tokens.registry().get(name).filter(|account| account.enabled && account.definition.enabled)
        else {
            return Vec::new();
        };
        let definition = &account.definition;
        let Some(api) = definition.descriptor().models else { return Vec::new() };
        let turn = self.lists.turn(name);
        let _one_at_a_time = turn.lock().await;
        let known = self.lists.get(name, &account.refresh.version.login_id);
        if let Some(fresh) = known.as_ref().filter(|list| list.fresh_until > self.now()) {
            return fresh.models.clone();
        }
        let listed = select! {
            listed = self.ask_for_models(definition, api, known.as_ref()) => listed,
            () = self.clock.sleep(LIST_TIMEOUT) => Err(AppError::InvalidUpstreamResponse("it did not list its models in time")),
        };
        let ((etag, models), fresh_for) = match listed {
            Ok(listed) => (listed, FRESH_FOR),
            Err(error) => {
                tracing::warn!(provider.name = %name, error = %error, "the provider's models could not be listed");
                let configured = || definition.models.iter().map(|model| (model.clone(), 0)).collect();
                let last = known.map_or_else(|| (None, configured()), |list| (list.etag, list.models));
                (last, RETRY_AFTER_FAILURE)
            }
        };
        let (login_id, fresh_until) = (account.refresh.version.login_id.clone(), self.now().plus(fresh_for));
        self.lists.put(name, ModelList { login_id, etag, models: models.clone(), fresh_until });
        models
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
