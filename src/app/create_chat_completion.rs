//! `POST /v1/chat/completions`: OpenAI's Chat Completions API, translated where a provider speaks another one, and passed
//! through where it speaks it too.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_message::HeaderMap;
use serde_json::{Value, json};

use super::{
    AppError, Gateway, ModelRequest, ProxyResponse,
    ask_model::{Target, has_media_type, is_event_stream},
};
use crate::{
    domain::{
        dialect::{
            BackendRequest, ResponseFailure, SseDecoder,
            chat::{self, ChatRequest, ChatStream},
        },
        provider::Dialect,
        provider_refusal::ProviderRefusal,
    },
    ports::{ByteStream, UpstreamError},
};

impl Gateway {
    pub async fn create_chat_completion(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body } = request;
        let asked = ChatRequest::parse(&body)?;
        // What goes to the provider is written anew.
        drop(body);
        let target = self.model_named(asked.model())?;
        match target.api.dialect {
            Dialect::Codex => self.translated(asked, &target, &headers).await,
            Dialect::ChatCompletions => {
                let body = asked.with_model(&target.model);
                let answer = self.prompt(&target, &headers, body.into(), "*/*").await?;
                if !is_event_stream(&answer) && !has_media_type(&answer, "application/json") {
                    return Err(AppError::InvalidUpstreamResponse("its answer is neither JSON nor a stream of events"));
                }
                ProxyResponse::of(answer)
            }
        }
    }

    async fn translated(
        self: &Arc<Self>,
        asked: ChatRequest,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<ProxyResponse, AppError> {
        let (BackendRequest { body, stream, ignored }, options) = asked.into_backend(&target.model)?;
        let answer = self.prompt(target, headers, body.into(), "text/event-stream").await?;
        if !is_event_stream(&answer) {
            return Err(AppError::InvalidUpstreamResponse("its answer is no stream of events"));
        }
        if !stream {
            let answer = self.in_one_piece(answer, |response| chat::completion(&response, &options)).await?;
            return Ok(answer.ignoring(&ignored));
        }
        let mut answer = ProxyResponse::of(answer)?;
        answer.is_now("text/event-stream");
        answer.body = chunks(Arc::clone(self), answer.body, ChatStream::new(options));
        Ok(answer.ignoring(&ignored))
    }
}

/// A stream of events on its way to being one of chunks.
struct Translation {
    gateway: Arc<Gateway>,
    events: ByteStream,
    decoder: SseDecoder,
    chat: ChatStream,
    is_over: bool,
    /// The request's, whose name stands in the log.
    span: tracing::Span,
}

/// The chunks that a stream of events comes to. Its end is the truth: `[DONE]` if the response was completed, an error
/// where the stream broke or the response failed.
fn chunks(gateway: Arc<Gateway>, events: ByteStream, chat: ChatStream) -> ByteStream {
    let span = tracing::Span::current();
    let translation = Translation { gateway, events, decoder: SseDecoder::default(), chat, is_over: false, span };
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
            translation.gateway.read_out(translation.events);
        }
        None
    }))
}

impl Translation {
    fn translate(&mut self, piece: &[u8]) -> String {
        let events = match self.decoder.push(piece) {
            Ok(events) => events,
            Err(error) => return self.told("server_error", "invalid_upstream_response", &error.to_string()),
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
        self.span.in_scope(|| tracing::warn!(error = %error, "an answer of a model broke off"));
        self.told("server_error", "upstream_unavailable", &error.to_string())
    }

    fn failed(&mut self, refusal: &ProviderRefusal) -> String {
        self.told(refusal.verdict.openai_type(), &refusal.code, &refusal.message)
    }

    /// OpenAI's clients raise what stands in `error`.
    fn told(&mut self, kind: &str, code: &str, message: &str) -> String {
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
