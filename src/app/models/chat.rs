//! `POST /v1/chat/completions`: OpenAI's Chat Completions API, and the legacy `POST /v1/completions`. Requests to the
//! Codex backend are translated to the Responses API. Chats for other providers are forwarded with the provider's name
//! of the model.

use std::sync::Arc;

use bytes::Bytes;
use http_message::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    ModelRequest, Models, ProxyResponse,
    ask::{PromptBody, Target, has_media_type, is_event_stream},
    memory::{Complete, PendingMemory, StoredPart},
    metered::meter_usage,
    session::{add_session, cache_scope},
    stream::{ChatForm, Form},
};
use crate::{
    app::AppError,
    domain::{
        dialect::{
            BackendModel, BackendRequest, ChatRequest, ChatStream, CompletionReader, Recalled, SseEvent, TranslatedChat,
        },
        ids::Principal,
        model_list::ProviderModel,
        provider::Dialect,
        provider_feedback::FeedbackSource,
    },
};

/// A checked request without its body.
struct CheckedRequest {
    target: Target,
    headers: HeaderMap,
    caller: Principal,
}

impl Models {
    #[tracing::instrument(name = "models.create_chat_completion", level = "debug", skip_all)]
    pub async fn create_chat_completion(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let (checked, body) = self.check_request(request).await?;
        match checked.target.api.dialect {
            Dialect::Codex => {
                let (chat, reserved) = self.translate_chat(&body, &checked).await?;
                self.send_translated(chat, ChatForm::Chat, checked, reserved).await
            }
            Dialect::ChatCompletions => {
                let (model, size) = (checked.target.model.name.clone(), body.len());
                let rename = move || ChatRequest::of_checked(&body).map(|chat| chat.with_model(&model));
                let renamed = self.tasks.compute(size, rename).await?;
                let (account, response) = self.prompt(&checked.target, &checked.headers, renamed.into(), "*/*").await?;
                self.note_answered(&account, FeedbackSource::Prompt);
                if !is_event_stream(&response) && !has_media_type(&response, "application/json") {
                    return Err(AppError::InvalidUpstreamResponse("its response is neither JSON nor an event stream"));
                }
                Ok(meter_usage(ProxyResponse::of(response)?))
            }
        }
    }

    #[tracing::instrument(name = "models.create_completion", level = "debug", skip_all)]
    pub async fn create_completion(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let (checked, body) = self.check_request(request).await?;
        match checked.target.api.dialect {
            Dialect::Codex => {}
            Dialect::ChatCompletions => return Err(checked.target.unsupported("/v1/chat/completions")),
        }
        let (model, size) = (checked.target.model.clone(), body.len());
        let translate = move || ChatRequest::of_checked(&body)?.prompt_into_backend(model);
        let chat = self.tasks.compute(size, translate).await?;
        self.send_translated(chat, ChatForm::Text, checked, None).await
    }

    /// Checks a request, and resolves its model.
    async fn check_request(&self, request: ModelRequest) -> Result<(CheckedRequest, Bytes), AppError> {
        let ModelRequest { headers, body, rights, caller } = request;
        let (body, _name, mut target) = self.check_and_resolve(body, &rights).await?;
        target.model.cache = cache_scope(&headers, &caller, &target.definition.name);
        Ok((CheckedRequest { target, headers, caller }, body))
    }

    /// Translates a chat, and inserts the remembered reasoning before its tool calls. Also returns the permit for the
    /// memory of that reasoning.
    async fn translate_chat(
        &self,
        body: &Bytes,
        CheckedRequest { target, caller, .. }: &CheckedRequest,
    ) -> Result<(TranslatedChat, Option<OwnedSemaphorePermit>), AppError> {
        let model =
            BackendModel { summarizes_reasoning: self.summarizes_reasoning(target).await, ..target.model.clone() };
        let translate = async |recalled: Recalled| {
            let (body, model, size) = (body.clone(), model.clone(), body.len());
            let translate = move || ChatRequest::of_checked(&body)?.into_backend(model, &recalled);
            self.tasks.compute(size, translate).await
        };
        let chat = translate(Recalled::default()).await?;
        let found = self.recall_reasoning(caller, &target.definition.name, &chat.calls_without_reasoning).await;
        if found.items.is_empty() {
            return Ok((chat, None));
        }
        let chat = translate(Recalled { reasoning: found.items, ..Recalled::default() }).await?;
        Ok((chat, found.reserved))
    }

    /// Whether the account's list says that the model summarizes its reasoning.
    async fn summarizes_reasoning(&self, target: &Target) -> bool {
        let summarizes = |models: &[ProviderModel]| {
            models.iter().find(|known| known.name == target.model.name)?.summarizes_reasoning
        };
        self.search_models(&target.definition.name, summarizes).await.flatten().unwrap_or(false)
    }

    /// Sends a translated chat, and translates its response.
    async fn send_translated(
        self: &Arc<Self>,
        chat: TranslatedChat,
        form: ChatForm,
        checked: CheckedRequest,
        reserved: Option<OwnedSemaphorePermit>,
    ) -> Result<ProxyResponse, AppError> {
        let TranslatedChat { request: BackendRequest { body, stream, session, ignored, is_lite }, options, .. } = chat;
        let CheckedRequest { target, mut headers, caller } = checked;
        add_session(&mut headers, session.as_deref());
        let body = PromptBody { json: body.into(), is_lite };
        let started = self.prompt_stream(&target, &headers, body).await?;
        // The recalled reasoning has been sent, so its memory is free.
        drop(reserved);
        let part = StoredPart::Reasoning(target.definition.name.clone());
        let pending_memory = self.memory.is_on().then_some(PendingMemory { principal: caller, part });
        let response = if stream {
            self.forward_stream(started, Form::Chat(Box::new(ChatStream::new(options)), form), pending_memory, 0)
        } else {
            let mut reader = CompletionReader::new(options);
            let read = |event: &SseEvent<'_>| {
                let completion = reader.on_event(event)?.map(|completion| form.whole(completion));
                Ok(completion.map(|completion| (completion.to_string(), reader.has_stopped())))
            };
            let (response, completion) = self.collect(started, read).await?;
            if let (Some(pending_memory), Some(calls)) = (pending_memory, reader.take_reasoned_calls()) {
                self.remember(pending_memory, Complete::Chat(calls)).await;
            }
            response.with_json(completion)
        };
        Ok(response.with_ignored(&ignored))
    }
}
