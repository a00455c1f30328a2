//! `POST /v1/chat/completions`: OpenAI's Chat Completions API, and the legacy `POST /v1/completions`. Requests are translated
//! for a provider that uses the Responses API. A chat is forwarded otherwise.

use std::sync::Arc;

use http_message::HeaderMap;

use super::{
    ModelRequest, Models, ProxyResponse,
    ask::{Target, has_media_type, is_event_stream},
    stream::{ChatForm, Form},
};
use crate::{
    app::AppError,
    domain::{
        dialect::{BackendRequest, ChatOptions, ChatRequest, ChatStream, CompletionReader, SseEvent},
        provider::Dialect,
        provider_feedback::FeedbackSource,
    },
};

impl Models {
    #[tracing::instrument(name = "models.create_chat_completion", level = "debug", skip_all)]
    pub async fn create_chat_completion(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body, rights, caller: _ } = request;
        let (body, _name, target) = self.checked(body, &rights).await?;
        let (mut model, size) = (target.model.clone(), body.len());
        match target.api.dialect {
            Dialect::Codex => {
                model.reasons = self.reasons(&target).await;
                let translate = move || ChatRequest::of_checked(&body)?.into_backend(model);
                let (request, options) = self.tasks.compute(size, translate).await?;
                self.translated(request, options, ChatForm::Chat, (&target, &headers)).await
            }
            Dialect::ChatCompletions => {
                let rename = move || ChatRequest::of_checked(&body).map(|asked| asked.with_model(&model.name));
                let renamed = self.tasks.compute(size, rename).await?;
                let (account, response) = self.prompt(&target, &headers, renamed.into(), "*/*").await?;
                self.note_answered(&account, FeedbackSource::Prompt);
                if !is_event_stream(&response) && !has_media_type(&response, "application/json") {
                    return Err(AppError::InvalidUpstreamResponse("its response is neither JSON nor an event stream"));
                }
                ProxyResponse::of(response)
            }
        }
    }

    #[tracing::instrument(name = "models.create_completion", level = "debug", skip_all)]
    pub async fn create_completion(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body, rights, caller: _ } = request;
        let (body, _name, target) = self.checked(body, &rights).await?;
        match target.api.dialect {
            Dialect::Codex => {}
            Dialect::ChatCompletions => return Err(target.unsupported("/v1/chat/completions")),
        }
        let (model, size) = (target.model.clone(), body.len());
        let translate = move || ChatRequest::of_checked(&body)?.prompt_into_backend(model);
        let (request, options) = self.tasks.compute(size, translate).await?;
        self.translated(request, options, ChatForm::Text, (&target, &headers)).await
    }

    /// Whether the model is known to summarize its reasoning. The account's list is read once for each login.
    async fn reasons(&self, target: &Target) -> bool {
        let account = &target.definition.name;
        let models = match self.last_models(account) {
            Some(models) => models,
            None => self.models_of(account).await.0,
        };
        models.iter().any(|known| known.name == target.model.name && known.reasons)
    }

    async fn translated(
        self: &Arc<Self>,
        request: BackendRequest,
        options: ChatOptions,
        form: ChatForm,
        (target, headers): (&Target, &HeaderMap),
    ) -> Result<ProxyResponse, AppError> {
        let BackendRequest { body, stream, ignored } = request;
        let prompted = self.prompt(target, headers, body.into(), "text/event-stream").await?;
        let response = if stream {
            self.streamed(prompted, Form::Chat(ChatStream::new(options), form), None, 0).await?
        } else {
            let mut reader = CompletionReader::new(options);
            let read = |event: &SseEvent| {
                let completion = reader.on_event(event)?.map(|completion| form.whole(completion));
                Ok(completion.map(|completion| (completion.to_string(), reader.has_stopped())))
            };
            let (response, completion) = self.collect(prompted, read).await?;
            response.with_json(completion)
        };
        Ok(response.with_ignored(&ignored))
    }
}
