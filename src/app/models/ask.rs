//! The common part of the model APIs: resolves the model's name to an account, checks the caller's rights, and sends
//! the request.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http_message::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::Value;
use tokio::select;

use super::{
    Models,
    call::{ProviderCall, select_headers},
    refusal::read_start,
};
use crate::{
    app::{AppError, ProviderRegistration, RunningRequest},
    domain::{
        dialect::{BackendModel, InvalidRequest, model_of, without_lone_surrogates, without_reasoning},
        ids::{AccountName, Principal},
        json,
        model_list::ProviderModel,
        model_ref::ModelName,
        model_suffix::ModelSuffixes,
        provider::{Dialect, ModelApi, ProviderDefinition},
        provider_feedback::FeedbackSource,
        proxy::{ProxyPath, headers},
        scope::{Permission, Rights},
    },
    ports::{ByteStream, RequestBody, UpstreamResponse},
};

/// Maximum size of a provider's JSON response.
const MAX_JSON_BYTES: usize = 8 * 1024 * 1024;

/// How long to wait for a stream's end after its last event, so that the connection can be reused.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The provider's error code for encrypted reasoning that it cannot decrypt.
const UNDECRYPTABLE: &str = "invalid_encrypted_content";

/// A caller's request to a model API.
#[derive(Debug)]
pub struct ModelRequest {
    /// The caller's headers. Those that `headers::is_forwarded_with_translated_body` accepts are forwarded.
    pub headers: HeaderMap,
    /// The JSON body as received.
    pub body: Bytes,
    pub rights: Rights,
    /// The caller, whose own conversations the request may continue.
    pub caller: Principal,
}

/// Checks a request body. Returns the body without lone surrogates, and the name of its model.
pub(super) fn check_body(
    body: Bytes,
    model_of: impl FnOnce(&[u8]) -> Result<ModelName, InvalidRequest>,
) -> Result<(Bytes, ModelName), InvalidRequest> {
    let replaced = match without_lone_surrogates(&body) {
        Cow::Borrowed(_) => None,
        Cow::Owned(replaced) => Some(replaced),
    };
    let body = replaced.map_or(body, Bytes::from);
    let model = model_of(&body)?;
    Ok((body, model))
}

/// A body for a provider.
pub(super) struct PromptBody {
    pub(super) json: Bytes,
    /// Whether the caller's header [`headers::RESPONSES_LITE`] is forwarded.
    pub(super) is_lite: bool,
}

impl From<Vec<u8>> for PromptBody {
    fn from(json: Vec<u8>) -> Self {
        Self { json: json.into(), is_lite: false }
    }
}

/// The model that a request is for, with its account.
pub(super) struct Target {
    pub(super) definition: Arc<ProviderDefinition>,
    pub(super) api: &'static ModelApi,
    pub(super) model: BackendModel,
}

impl Target {
    /// Returns the error for an API that the provider's models do not support. `instead` names one that they do.
    pub(super) fn unsupported(&self, instead: &'static str) -> AppError {
        AppError::UnsupportedApi { name: self.definition.name.clone(), instead }
    }
}

impl Models {
    /// Checks a request's body, resolves its model, and checks that the caller may use the model.
    pub(super) async fn check_and_resolve(
        &self,
        body: Bytes,
        rights: &Rights,
    ) -> Result<(Bytes, ModelName, Target), AppError> {
        let (body, name) = self.tasks.compute(body.len(), || check_body(body, model_of)).await?;
        let target = self.target(&name, rights).await?;
        let (account, model) = (&target.definition.name, &target.model.name);
        RunningRequest::current().note_model(account, model);
        if !rights.permits_model(account, model) {
            return Err(insufficient_scope(account, model));
        }
        Ok((body, name, target))
    }

    /// Resolves the name of a model. Some clients send certain names on their own, for example for titles. Such a
    /// name gets the configured fallback, unless it resolves to a model that the account is known to list.
    pub(super) async fn target(&self, requested: &ModelName, rights: &Rights) -> Result<Target, AppError> {
        let target = self.target_named(requested, rights).await;
        let Some(fallback) = self.names.fallback_for(requested) else { return target };
        if let Ok(target) = target {
            let has_model =
                |models: &[ProviderModel]| models.iter().find(|known| known.name == target.model.name).map(drop);
            if let Some(Some(())) = self.search_models(&target.definition.name, has_model).await {
                return Ok(target);
            }
        }
        self.target_named(fallback, rights).await
    }

    /// Splits a model's name into the account's model and its suffixes, such as the reasoning effort. Of the possible
    /// models, takes the longest that the account lists, or the whole name if it lists none of them. If the list is
    /// unknown, splits off all suffixes.
    async fn split_model_name(&self, account: &AccountName, api: &ModelApi, name: String) -> BackendModel {
        let (shortest, all) = ModelSuffixes::split(&name);
        match api.dialect {
            Dialect::Codex if shortest != name => {}
            Dialect::Codex | Dialect::ChatCompletions => return BackendModel { name, ..BackendModel::default() },
        }
        let named = |(model, suffixes): (&str, ModelSuffixes)| BackendModel {
            name: model.to_owned(),
            suffixes,
            ..BackendModel::default()
        };
        match self.search_models(account, |known| ModelSuffixes::after_known(&name, known).map(named)).await {
            Some(Some(known)) => known,
            Some(None) => BackendModel { name, ..BackendModel::default() },
            None => named((shortest, all)),
        }
    }

    /// Resolves the name of a model, without the fallback.
    ///
    /// # Errors
    /// [`AppError::UnknownModel`], [`AppError::UnknownProvider`], [`AppError::NoModels`],
    /// [`AppError::AccountUnreadable`], [`AppError::InsufficientScope`], [`AppError::Store`].
    async fn target_named(&self, requested: &ModelName, rights: &Rights) -> Result<Target, AppError> {
        let prefix_error = match self.names.account_in(requested) {
            None => None,
            Some(name) => match self.definition(&name).await {
                Ok(_) => None,
                // Models of the default provider may have slashes in their names too.
                Err(error @ (AppError::UnknownProvider(_) | AppError::Store(_))) => Some(error),
                Err(error) => return Err(error),
            },
        };
        let found = self.names.resolve(requested, |_| prefix_error.is_none());
        let definition = self.definition(&found.provider).await?;
        let api = definition.model_api().ok_or_else(|| AppError::NoModels(definition.name.clone()))?;
        // ChatGPT's models have no slash in their names, so the part before the slash is an unknown account. Do not
        // send the prompt to another account.
        if api.dialect == Dialect::Codex && found.model.contains('/') {
            if let Some(error @ AppError::Store(_)) = prefix_error {
                return Err(error);
            }
            return Err(AppError::UnknownModel(requested.as_str().to_owned()));
        }
        // Check this before the split, so that only callers with access to the account cause a request for its models.
        if !rights.permits(Permission::Models, &definition.name) {
            return Err(insufficient_scope(&definition.name, &found.model));
        }
        let model = self.split_model_name(&definition.name, api, found.model).await;
        Ok(Target { definition, api, model })
    }

    /// Sends the prompt. Returns the response and the account that was used. A non-2xx response becomes an error.
    pub(super) async fn prompt(
        &self,
        target: &Target,
        from_caller: &HeaderMap,
        body: PromptBody,
        accept: &'static str,
    ) -> Result<(Arc<ProviderRegistration>, UpstreamResponse), AppError> {
        self.post(target, target.api.prompt_path, from_caller, body, accept).await
    }

    /// Sends a body to any path of the provider, and returns as [`Self::prompt`] does.
    pub(super) async fn post(
        &self,
        target: &Target,
        path: &'static str,
        from_caller: &HeaderMap,
        body: PromptBody,
        accept: &'static str,
    ) -> Result<(Arc<ProviderRegistration>, UpstreamResponse), AppError> {
        let PromptBody { json, is_lite } = body;
        let is_forwarded =
            |name: &str| headers::is_forwarded_with_translated_body(name) || is_lite && name == headers::RESPONSES_LITE;
        let mut headers = select_headers(from_caller, is_forwarded);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let url = target.definition.url_of(&ProxyPath::fixed(path), None);
        let call = ProviderCall { method: Method::POST, url, headers, body: RequestBody::Buffered(json) };
        self.call_successfully(&target.definition.name, call, FeedbackSource::Prompt).await
    }

    /// Sends a body. If the provider cannot decrypt the reasoning in it, sends the body once more without the reasoning:
    /// it comes from another account or workspace, so every later turn would be refused too.
    pub(super) async fn send_readable<T, F>(&self, body: Bytes, send: impl Fn(Bytes) -> F) -> Result<T, AppError>
    where
        F: Future<Output = Result<T, AppError>>,
    {
        let sent = send(body.clone()).await;
        if !sent.as_ref().err().is_some_and(is_unreadable) {
            return sent;
        }
        let without = self.tasks.compute(body.len(), move || Ok::<_, AppError>(without_reasoning(&body)));
        match without.await? {
            Some(body) => {
                tracing::info!("the provider cannot read earlier reasoning; the prompt is sent without it");
                send(body.into()).await
            }
            None => sent,
        }
    }

    /// Reads a finished response to its end in the background, so that its connection can be reused.
    pub(super) fn drain(&self, mut body: ByteStream) {
        if let Some(None) = body.next().now_or_never() {
            return;
        }
        let (clock, stopping) = (Arc::clone(&self.clock), self.tasks.stopping().clone());
        self.tasks.start(async move {
            select! {
                () = async { while let Some(Ok(_)) = body.next().await {} } => {}
                () = clock.sleep(DRAIN_TIMEOUT) => {}
                () = stopping.cancelled() => {}
            }
        });
    }
}

/// Whether the provider refused a prompt because it cannot decrypt the reasoning in it.
fn is_unreadable(error: &AppError) -> bool {
    matches!(error, AppError::ProviderRefused(refusal) if refusal.code == UNDECRYPTABLE)
}

/// Returns the error for a caller that may not use a model.
pub(super) fn insufficient_scope(account: &AccountName, model: &str) -> AppError {
    AppError::InsufficientScope(format!("models:{account}/{model}"))
}

/// Reads a response of at most [`MAX_JSON_BYTES`] as JSON. Returns null if it is longer or not JSON.
pub(super) async fn json_of(response: UpstreamResponse) -> Result<Value, AppError> {
    Ok(json::parse_tree(&read_start(response.body, MAX_JSON_BYTES).await?.0).unwrap_or_default())
}

/// Whether a response is an event stream. A proxy in front of the provider may send an HTML page instead.
pub(super) fn is_event_stream(response: &UpstreamResponse) -> bool {
    has_media_type(response, "text/event-stream")
}

/// Whether a response has a media type. Media types are case-insensitive (RFC 9110 section 8.3.1).
pub(super) fn has_media_type(response: &UpstreamResponse, wanted: &str) -> bool {
    let content_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}
