//! `POST /v1/chat/completions`: OpenAI's Chat Completions API. Requests are translated for a provider that uses the
//! Responses API and forwarded otherwise.

use std::sync::Arc;

use http_message::HeaderMap;

use super::{
    ModelRequest, Models, ProxyResponse,
    ask::{Target, has_media_type, is_event_stream},
    stream::Form,
};
use crate::{
    app::AppError,
    domain::{
        dialect::{BackendRequest, ChatOptions, ChatRequest, ChatStream, CompletionReader},
        provider::Dialect,
        provider_feedback::FeedbackSource,
    },
};

impl Models {
    #[tracing::instrument(name = "models.create_chat_completion", level = "debug", skip_all)]
    pub async fn create_chat_completion(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let (headers, body) = request.into_parts();
        let asked = ChatRequest::parse(&body)?;
        let target = self.target(asked.model()).await?;
        match target.api.dialect {
            Dialect::Codex => {
                let (request, options) = asked.into_backend(&target.model)?;
                drop(body);
                self.translated(request, options, &target, &headers).await
            }
            Dialect::ChatCompletions => {
                let renamed = asked.with_model(&target.model);
                drop(body);
                let (account, response) = self.prompt(&target, &headers, renamed.into(), "*/*").await?;
                self.note_answered(&account, FeedbackSource::Prompt);
                if !is_event_stream(&response) && !has_media_type(&response, "application/json") {
                    return Err(AppError::InvalidUpstreamResponse("its response is neither JSON nor an event stream"));
                }
                ProxyResponse::of(response)
            }
        }
    }

    async fn translated(
        self: &Arc<Self>,
        request: BackendRequest,
        options: ChatOptions,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<ProxyResponse, AppError> {
        let BackendRequest { body, stream, ignored } = request;
        let prompted = self.prompt(target, headers, body.into(), "text/event-stream").await?;
        let response = if stream {
            self.streamed(prompted, Form::Chat(ChatStream::new(options))).await?
        } else {
            let mut reader = CompletionReader::new(options);
            self.collect(prompted, |event| {
                let completion = reader.on_event(event)?;
                Ok(completion.map(|completion| (completion.to_string(), reader.has_stopped())))
            })
            .await?
        };
        Ok(response.with_ignored(&ignored))
    }
}
