//! `POST /v1/responses`: OpenAI's Responses API. Without `stream`, the response is one JSON document.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_message::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    ModelRequest, Models, ProxyResponse,
    ask::{PromptBody, Target, is_event_stream},
    memory::{Complete, PendingMemory, RecalledItems, StoredPart},
    session::{add_session, cache_scope},
    stream::{BrokenEvents, Form, ProviderEvents, caller_stream},
};
use crate::{
    app::{AppError, ProviderRegistration, RunningRequest},
    domain::{
        dialect::{
            BackendModel, BackendRequest, Recalled, ResponseFailure, ResponseReader, ResponsesRequest, SseEvent,
            TranslatedRequest,
        },
        ids::Principal,
        model_ref::ModelName,
        provider::Dialect,
        provider_feedback::FeedbackSource,
        response_memory::ResponseId,
    },
    ports::{ByteStream, UpstreamError, UpstreamResponse},
};

/// Maximum size in bytes of a response that is kept in memory as a whole.
pub(super) const MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;

/// The response header that names the dropped parameters of a request, separated by commas.
pub const IGNORED_PARAMETERS: &str = "goclaw-ignored-parameters";

/// Maximum number of parameters that the header names, and of characters of each name.
const MAX_NAMES: usize = 64;
const MAX_NAME_CHARS: usize = 64;

/// The response header in which the provider names the model.
const MODEL_HEADER: &str = "openai-model";

/// A response that has not failed before its first output, or has none yet.
pub(super) struct StartedStream {
    account: Arc<ProviderRegistration>,
    head: ProxyResponse,
    events: ProviderEvents,
}

impl Models {
    #[tracing::instrument(name = "models.create_response", level = "debug", skip_all)]
    pub async fn create_response(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { mut headers, body, rights, caller } = request;
        let (body, name, mut target) = self.check_and_resolve(body, &rights).await?;
        match target.api.dialect {
            Dialect::Codex => {}
            Dialect::ChatCompletions => return Err(target.unsupported("/v1/chat/completions")),
        }
        target.model.cache = cache_scope(&headers, &caller, &target.definition.name);
        let (translated, previous, reserved) = self.translate_response(body, &target.model, &caller).await?;
        let TranslatedRequest {
            request: BackendRequest { body, stream, session, ignored, is_lite },
            echo,
            own_input,
            store,
            ..
        } = translated;
        add_session(&mut headers, session.as_deref());
        let is_stored = store && self.memory.is_on();
        let echo = echo.stored(is_stored);
        let held_bytes = echo.size() + own_input.len();
        let part = StoredPart::Whole { input: own_input, previous };
        let pending_memory = is_stored.then_some(PendingMemory { principal: caller, part });
        let body = PromptBody { json: body.into(), is_lite };
        let started = self.prompt_stream(&target, &headers, body).await?;
        // The recalled items have been sent, so their memory is free.
        drop(reserved);
        let mut reader = ResponseReader::new(echo).for_codex_client(is_codex_client(&headers));
        let response = if stream {
            self.forward_stream(started, Form::Responses(Box::new(reader)), pending_memory, held_bytes)
        } else {
            let read = |event: &SseEvent<'_>| {
                let read = reader.on_event(event)?.map(|read| read.into_response()).transpose()?;
                Ok(read.flatten().map(|whole| (whole, false)))
            };
            let (response, whole) = self.collect(started, read).await?;
            if let Some(pending_memory) = pending_memory {
                self.remember(pending_memory, Complete::Response(whole.clone())).await;
            }
            response.with_json(whole)
        };
        Ok(response.with_model(&target.model.name, &name).with_ignored(&ignored))
    }

    /// Translates a request, and inserts the items of earlier responses that it refers to. Also returns the response
    /// that it continues, and the permits for the memory of the recalled items.
    pub(super) async fn translate_response(
        &self,
        body: Bytes,
        model: &BackendModel,
        caller: &Principal,
    ) -> Result<(TranslatedRequest, Option<ResponseId>, Vec<OwnedSemaphorePermit>), AppError> {
        let translate = async |recalled: Arc<Recalled>| {
            let (body, model) = (body.clone(), model.clone());
            let size = body.len() + recalled.earlier.iter().map(String::len).sum::<usize>();
            let translate = move || ResponsesRequest::of_checked(&body)?.into_backend(model, &recalled);
            self.tasks.compute(size, translate).await
        };
        let previous = ResponsesRequest::of_checked(&body)?.previous()?;
        let earlier = match &previous {
            Some(previous) => self.recall(caller, previous).await?,
            None => RecalledItems::default(),
        };
        let mut reserved: Vec<_> = earlier.reserved.into_iter().collect();
        let recalled = Arc::new(Recalled { earlier: earlier.items, ..Recalled::default() });
        let mut translated = translate(Arc::clone(&recalled)).await?;
        if translated.missing.has_items() {
            let found = self.recall_items(caller, &translated.missing).await?;
            reserved.extend(found.reserved);
            if !found.items.is_empty() {
                let earlier = recalled.earlier.clone();
                translated =
                    translate(Arc::new(Recalled { earlier, items: found.items, ..Recalled::default() })).await?;
            }
        }
        match translated.missing.needed() {
            Some(id) => Err(self.item_not_found(id)),
            None => Ok((translated, previous.as_deref().and_then(ResponseId::parse), reserved)),
        }
    }

    /// Sends the prompt, and waits for a while for the first output of its response. A response that fails before that
    /// becomes an error. If this is because the provider cannot decrypt the reasoning in the prompt, sends it once more
    /// without the reasoning, as [`Self::post`] does if the status says so.
    pub(super) async fn prompt_stream(
        &self,
        target: &Target,
        from_caller: &HeaderMap,
        body: PromptBody,
    ) -> Result<StartedStream, AppError> {
        let PromptBody { json, is_lite } = body;
        self.send_readable(json, async |json| {
            let body = PromptBody { json, is_lite };
            let (account, response) = self.prompt(target, from_caller, body, "text/event-stream").await?;
            let (head, body) = split_event_stream(response)?;
            let mut events = ProviderEvents::of(body);
            match events.await_output(self).await {
                Ok(()) => Ok(StartedStream { account, head, events }),
                Err(broken) => Err(self.broken_error(&account, broken)),
            }
        })
        .await
    }

    /// Returns the response as a stream, for which `held_bytes` stay in memory.
    pub(super) fn forward_stream(
        self: &Arc<Self>,
        StartedStream { account, head: mut response, events }: StartedStream,
        form: Form,
        pending_memory: Option<PendingMemory>,
        held_bytes: usize,
    ) -> ProxyResponse {
        response.held_bytes = held_bytes;
        self.note_answered(&account, FeedbackSource::Prompt);
        response.set_content_type("text/event-stream");
        response.body = caller_stream(Arc::clone(self), account, events, form, pending_memory);
        response
    }

    /// Collects a stream into one JSON document. At the last event, `read` returns the document, and whether to cancel
    /// the rest of the stream instead of draining it.
    pub(super) async fn collect(
        &self,
        StartedStream { account, head: response, mut events }: StartedStream,
        mut read: impl FnMut(&SseEvent<'_>) -> Result<Option<(String, bool)>, ResponseFailure>,
    ) -> Result<(ProxyResponse, String), AppError> {
        let mut size = 0;
        let broken = |error: BrokenEvents| self.broken_error(&account, error);
        while let Some(frame) = events.next().await {
            let frame = frame.map_err(broken)?;
            size += frame.bytes.len();
            if size > MAX_RESPONSE_BYTES {
                return Err(AppError::InvalidUpstreamResponse("its response is too large"));
            }
            if let Some(event) = frame.event()
                && let Some((whole, is_cancelled)) = read(&event).map_err(|failure| broken(failure.into()))?
            {
                self.note_answered(&account, FeedbackSource::Prompt);
                RunningRequest::current().note_usage(event.data.as_bytes());
                if !is_cancelled {
                    self.drain(events.into_body());
                }
                return Ok((response, whole));
            }
        }
        Err(broken(ResponseFailure::ended_early().into()))
    }

    /// Returns the error for a response that ended early.
    fn broken_error(&self, account: &ProviderRegistration, error: BrokenEvents) -> AppError {
        match error {
            BrokenEvents::Failed(failure) => AppError::ProviderRefused(Box::new(self.note_failure(account, failure))),
            BrokenEvents::Upstream(error) => error.into(),
            BrokenEvents::GatewayStops => UpstreamError::Lost("the gateway stops".into()).into(),
            BrokenEvents::TooLong(error) => error.into(),
        }
    }
}

/// Whether a request has the headers of the Codex CLI or of a program that uses its protocol.
fn is_codex_client(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name == "originator" || name.as_str().starts_with("x-codex-"))
}

/// Checks that a response is an event stream, and splits it into its head and its body.
fn split_event_stream(response: UpstreamResponse) -> Result<(ProxyResponse, ByteStream), AppError> {
    if !is_event_stream(&response) {
        return Err(AppError::InvalidUpstreamResponse("its response is not an event stream"));
    }
    let mut response = ProxyResponse::of(response)?;
    response.status = StatusCode::OK;
    let body = std::mem::replace(&mut response.body, Box::pin(stream::empty()));
    Ok((response, body))
}

impl ProxyResponse {
    /// Replaces the body with a JSON document.
    pub(super) fn with_json(mut self, whole: String) -> Self {
        self.held_bytes = whole.len();
        self.body = Box::pin(stream::once(async { Ok(Bytes::from(whole)) }));
        self.set_content_type("application/json");
        self
    }

    /// Sets the media type of a body that the gateway wrote, and removes headers that described the provider's body.
    pub(super) fn set_content_type(&mut self, content_type: &'static str) {
        self.headers.remove(CONTENT_LENGTH);
        self.headers.remove(CONTENT_ENCODING);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }

    /// Replaces the provider's name of the model with the caller's, because the Codex CLI reports any other name as a
    /// rerouted request.
    pub(super) fn with_model(mut self, backend_name: &str, name: &ModelName) -> Self {
        if let Some(value) = self.headers.get_mut(MODEL_HEADER)
            && value == backend_name
            && let Ok(name) = HeaderValue::from_str(name.as_str())
        {
            *value = name;
        }
        self
    }

    /// Adds the header that names the dropped parameters. Its length is bounded, because callers may send any names.
    pub(super) fn with_ignored(mut self, parameters: &[String]) -> Self {
        let shown = |name: &String| name.chars().take(MAX_NAME_CHARS).map(sanitize).collect::<String>();
        let names: Vec<String> = parameters.iter().take(MAX_NAMES).map(shown).collect();
        if let Ok(value) = HeaderValue::from_str(&names.join(", "))
            && !names.is_empty()
        {
            self.headers.insert(IGNORED_PARAMETERS, value);
        }
        self
    }
}

/// Replaces a character that is not allowed in a header, or the comma, which separates the names.
fn sanitize(char: char) -> char {
    if char.is_ascii_graphic() && char != ',' { char } else { '?' }
}
