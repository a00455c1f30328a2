//! `POST /v1/chat/completions`: OpenAI's Chat Completions API. Requests are translated for a provider that uses the
//! Responses API and forwarded otherwise.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_message::HeaderMap;
use serde_json::{Value, json};

use super::{
    ModelRequest, Models, ProxyResponse,
    ask::{Target, has_media_type, is_event_stream},
};
use crate::{
    app::AppError,
    domain::{
        dialect::{
            BackendRequest, ResponseFailure, SseDecoder,
            chat::{self, ChatOptions, ChatRequest, ChatStream},
        },
        provider::Dialect,
        provider_refusal::ProviderRefusal,
    },
    ports::{ByteStream, UpstreamError},
};

impl Models {
    #[tracing::instrument(name = "models.create_chat_completion", level = "debug", skip_all)]
    pub async fn create_chat_completion(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body } = request;
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
                let response = self.prompt(&target, &headers, renamed.into(), "*/*").await?;
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
        let response = self.prompt(target, headers, body.into(), "text/event-stream").await?;
        if !is_event_stream(&response) {
            return Err(AppError::InvalidUpstreamResponse("its response is not an event stream"));
        }
        if !stream {
            let response = self.collect(response, |whole| chat::completion(&whole, &options)).await?;
            return Ok(response.with_ignored(&ignored));
        }
        let mut response = ProxyResponse::of(response)?;
        response.set_content_type("text/event-stream");
        response.body = chunks(Arc::clone(self), response.body, ChatStream::new(options));
        Ok(response.with_ignored(&ignored))
    }
}

/// Translates a stream of Responses events into chat chunks.
struct Translation {
    models: Arc<Models>,
    events: ByteStream,
    decoder: SseDecoder,
    chat: ChatStream,
    is_over: bool,
    /// The request's span, for log lines while the body streams.
    span: tracing::Span,
}

/// Returns the stream of chunks. It ends with `[DONE]` after a complete response, and with an error if the stream broke
/// or the response failed.
fn chunks(models: Arc<Models>, events: ByteStream, chat: ChatStream) -> ByteStream {
    let span = tracing::Span::current();
    let translation = Translation { models, events, decoder: SseDecoder::default(), chat, is_over: false, span };
    Box::pin(stream::unfold(translation, |mut translation| async move {
        while !translation.is_over {
            let frames = match translation.events.next().await {
                Some(Ok(piece)) => translation.translate(&piece),
                Some(Err(error)) => translation.broken(&error),
                None => translation.failed(&ResponseFailure::ended_early().into()),
            };
            if !frames.is_empty() {
                return Some((Ok(Bytes::from(frames)), translation));
            }
        }
        if translation.chat.is_complete() {
            translation.models.drain(translation.events);
        }
        None
    }))
}

impl Translation {
    fn translate(&mut self, piece: &[u8]) -> String {
        let events = match self.decoder.push(piece) {
            Ok(events) => events,
            Err(error) => return self.error_frame("server_error", "invalid_upstream_response", &error.to_string()),
        };
        let mut frames = String::new();
        for event in events {
            match self.chat.on_event(&event) {
                Ok(chunks) => chunks.iter().for_each(|chunk| frame(&mut frames, chunk)),
                Err(failure) => {
                    frames.push_str(&self.failed(&failure.into()));
                    return frames;
                }
            }
            if self.chat.is_complete() {
                self.is_over = true;
                frames.push_str("data: [DONE]\n\n");
                return frames;
            }
        }
        frames
    }

    fn broken(&mut self, error: &UpstreamError) -> String {
        self.span.in_scope(|| tracing::warn!(error = %error, "the stream of a model broke"));
        self.error_frame("server_error", "upstream_unavailable", &error.to_string())
    }

    fn failed(&mut self, refusal: &ProviderRefusal) -> String {
        self.error_frame(refusal.kind.openai_type(), &refusal.code, &refusal.message)
    }

    /// Ends the stream with an error, which OpenAI's clients raise.
    fn error_frame(&mut self, kind: &str, code: &str, message: &str) -> String {
        self.is_over = true;
        let mut frames = String::new();
        frame(&mut frames, &json!({"error": {"message": message, "type": kind, "code": code, "param": null}}));
        frames
    }
}

fn frame(frames: &mut String, value: &Value) {
    frames.push_str("data: ");
    frames.push_str(&value.to_string());
    frames.push_str("\n\n");
}
