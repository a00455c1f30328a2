//! The models that each account's provider lists. A list is cached and revalidated by its `ETag`. If the provider's
//! list cannot be read, the last known list is used, else the configured one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_message::{
    HeaderMap, StatusCode,
    header::{ETAG, HeaderValue, IF_NONE_MATCH},
};
use tokio::select;

use super::{Models, ask::json_of, call::ProviderCall, refusal::refusal_of};
use crate::{
    app::AppError,
    domain::{
        ids::{AccountName, LoginId},
        model_list::{self, ProviderModel},
        provider::{ModelApi, ProviderDefinition},
        proxy::ProxyPath,
        time::Timestamp,
    },
};

/// How long a provider may take to list its models: the timeout of OpenAI's own client.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a list is served without revalidation: after a success, after a failure, and after a timeout. The last is
/// longer, because requests wait for the list.
const FRESH_FOR: Duration = Duration::from_secs(60);
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(5);
const RETRY_AFTER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the last known list is used while the provider's list cannot be read.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The last known list of each account.
#[derive(Debug, Default)]
pub(super) struct ModelLists {
    known: Mutex<HashMap<AccountName, ModelList>>,
    /// A lock for each account, held while its list is requested, so that concurrent callers share the result.
    request_locks: Mutex<HashMap<AccountName, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Debug, Clone)]
struct ModelList {
    /// The login that the list belongs to. Another login may have a plan with other models.
    login_id: LoginId,
    etag: Option<HeaderValue>,
    models: Arc<[ProviderModel]>,
    /// When the provider sent or confirmed the list. For a configured list, when the request failed.
    listed_at: Timestamp,
    /// Whether the last request to the provider succeeded.
    is_current: bool,
    /// Until when the list is served without revalidation.
    fresh_until: Timestamp,
}

impl ModelLists {
    /// Returns the last known list of an account, unless it is too old.
    fn last(&self, name: &AccountName, now: Timestamp) -> Option<ModelList> {
        let lists = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        lists.get(name).filter(|list| now < list.listed_at.plus(KEPT_FOR)).cloned()
    }

    fn put(&self, name: &AccountName, list: ModelList) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), list);
    }

    fn request_lock(&self, name: &AccountName) -> Arc<tokio::sync::Mutex<()>> {
        let mut request_locks = self.request_locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(request_locks.entry(name.clone()).or_default())
    }
}

impl Models {
    /// Returns the last known models of an account, without a request. None if they belong to an earlier login.
    fn last_models(&self, name: &AccountName) -> Option<Arc<[ProviderModel]>> {
        let account = self.tokens.registry().get(name)?;
        let last = self.lists.last(name, self.now())?;
        (last.login_id == account.refresh.version.login_id).then_some(last.models)
    }

    pub(super) fn list_etag(&self, name: &AccountName) -> Option<HeaderValue> {
        self.lists.last(name, self.now())?.etag
    }

    /// Searches the models of an account. Returns None if no models are known, and `Some(None)` if none matches.
    /// Requests the list only if the last known list has no result, so that most callers do not wait.
    pub(super) async fn search_models<T>(
        &self,
        name: &AccountName,
        search: impl Fn(&[ProviderModel]) -> Option<T>,
    ) -> Option<Option<T>> {
        if let Some(found) = self.last_models(name).and_then(|last| search(&last)) {
            return Some(Some(found));
        }
        let (models, _is_current) = self.models_of(name).await;
        (!models.is_empty()).then(|| search(&models))
    }

    /// Returns the models of an account, and whether they are current. They are not if the list could not be read.
    pub(super) async fn models_of(&self, name: &AccountName) -> (Arc<[ProviderModel]>, bool) {
        let none = || Arc::from([]);
        let Some(account) = self.tokens.registry().get(name) else {
            let last = self.lists.last(name, self.now());
            return (last.map_or_else(none, |list| list.models), false);
        };
        let definition = &account.definition;
        let is_on = account.enabled && definition.enabled;
        let Some(api) = definition.model_api().filter(|_| is_on) else { return (none(), true) };
        let request_lock = self.lists.request_lock(name);
        let _guard = request_lock.lock().await;
        let login_id = &account.refresh.version.login_id;
        let known = self.lists.last(name, self.now()).filter(|list| list.login_id == *login_id);
        if let Some(fresh) = known.as_ref().filter(|list| list.fresh_until > self.now()) {
            return (Arc::clone(&fresh.models), fresh.is_current);
        }
        let (listed, retry_after) = select! {
            listed = self.request_list(definition, api, known.as_ref()) => (listed, RETRY_AFTER_FAILURE),
            () = self.clock.sleep(LIST_TIMEOUT) => {
                (Err(AppError::InvalidUpstreamResponse("it did not list its models in time")), RETRY_AFTER_TIMEOUT)
            }
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
                    "the models of {name} could not be listed; its last known or configured list is used");
                let configured = || ModelList {
                    login_id: login_id.clone(),
                    etag: None,
                    models: definition.models.iter().map(|model| ProviderModel::named(model)).collect(),
                    listed_at: now,
                    is_current: false,
                    fresh_until: now,
                };
                let last = known.unwrap_or_else(configured);
                ModelList { is_current: false, fresh_until: now.plus(retry_after), ..last }
            }
        };
        self.lists.put(name, list.clone());
        (list.models, list.is_current)
    }

    /// Requests the list, conditionally if `known` has an `ETag`. Returns the list with its `ETag`.
    async fn request_list(
        &self,
        definition: &ProviderDefinition,
        api: &ModelApi,
        known: Option<&ModelList>,
    ) -> Result<(Option<HeaderValue>, Arc<[ProviderModel]>), AppError> {
        let tag = known.and_then(|list| list.etag.clone());
        let headers: HeaderMap = tag.into_iter().map(|tag| (IF_NONE_MATCH, tag)).collect();
        let version = definition.client_version.as_ref().map(|version| format!("client_version={version}"));
        let url = definition.url_of(&ProxyPath::fixed(api.models_path), version.as_deref());
        let call = ProviderCall::get(url, headers);
        let response = self.call(&definition.name, call).await?;
        if let (StatusCode::NOT_MODIFIED, Some(known)) = (response.status, known) {
            return Ok((known.etag.clone(), Arc::clone(&known.models)));
        }
        if !response.status.is_success() {
            return Err(refusal_of(response, self.now()).await);
        }
        let etag = response.headers.get(ETAG).cloned();
        let json = json_of(response).await?;
        let models =
            model_list::read(&json).ok_or(AppError::InvalidUpstreamResponse("its response is not a list of models"))?;
        Ok((etag, models.into()))
    }
}
