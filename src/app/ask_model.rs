//! Ask a model: from its name to the account that has it, and from the account to an answer that is one.
//!
//! What the two APIs have in common; [`create_response`](super::create_response) and
//! [`create_chat_completion`](super::create_chat_completion) are the APIs.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http_message::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::Value;
use tokio::select;

use super::{
    AppError, Gateway,
    provider_call::{ProviderCall, listed, peek, read_start},
};
use crate::{
    domain::{
        dialect::{ResponseFailure, ResponseReader, SseDecoder},
        provider::{Dialect, ModelApi, ProviderDefinition},
        provider_refusal::{ProviderRefusal, RefusedAnswer},
        proxy::{ProxyPath, headers},
        usage::Usage,
    },
    ports::{ByteStream, RequestBody, UpstreamResponse},
};

/// As much of a list or the like, in bytes.
const MAX_JSON_BYTES: usize = 8 * 1024 * 1024;
/// As much of a stream as is read for one whole answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How long an answer may take to end once it has said everything.
const LEFT_TO_SAY: Duration = Duration::from_secs(1);

/// A caller's request to one of the two APIs.
#[derive(Debug)]
pub struct ModelRequest {
    /// All of them; only what steers a turn goes on.
    pub headers: HeaderMap,
    /// JSON, as it came.
    pub body: Bytes,
}

/// The model that a request is for.
pub(super) struct Target {
    pub(super) definition: Arc<ProviderDefinition>,
    pub(super) api: &'static ModelApi,
    /// As the provider calls it.
    pub(super) model: String,
}

impl Gateway {
    pub(super) fn model_named(&self, asked: &str) -> Result<Target, AppError> {
        let is_provider = |name: &_| self.registry.get(name).is_some() || self.catalog.get(name).is_some();
        let found = self.models.resolve(asked, is_provider);
        let definition = self.definition_named(found.provider.as_str())?;
        let api = definition.descriptor().models.ok_or_else(|| AppError::NoModels(definition.name.clone()))?;
        // None of ChatGPT's models has a slash: this is the name of an account that is not there, and its prompt is for no
        // other.
        if api.dialect == Dialect::Codex && found.model.contains('/') {
            return Err(AppError::UnknownModel(asked.to_owned()));
        }
        Ok(Target { definition, api, model: found.model })
    }

    /// Sends a prompt; an answer that is none is an error.
    pub(super) async fn prompt(
        self: &Arc<Self>,
        target: &Target,
        from_caller: &HeaderMap,
        body: Bytes,
        accept: &'static str,
    ) -> Result<UpstreamResponse, AppError> {
        let mut headers = listed(from_caller, headers::steers_a_turn);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let url = target.definition.url_of(&ProxyPath::fixed(target.api.prompt_path), None);
        let call = ProviderCall { method: Method::POST, url, headers, body: RequestBody::Whole(body) };
        let answer = self.call_provider(&target.definition.name, call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.refused(answer).await) }
    }

    /// The error that a provider's answer is.
    pub(super) async fn refused(&self, answer: UpstreamResponse) -> AppError {
        if answer.status.is_redirection() {
            return AppError::UpstreamRedirect;
        }
        match peek(answer).await {
            Ok((answer, said)) => AppError::ProviderRefused(Box::new(self.refusal(&answer, &said))),
            Err(error) => error,
        }
    }

    /// What an answer means whose body begins with what it `said`.
    pub(super) fn refusal(&self, answer: &UpstreamResponse, said: &[u8]) -> ProviderRefusal {
        let text = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let refused = RefusedAnswer {
            status: answer.status.as_u16(),
            retry_after: text(RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs),
            full_until: Usage::of_headers(text, self.now()).and_then(|usage| usage.full_until()),
            cf_ray: text("cf-ray"),
            body: said,
        };
        ProviderRefusal::read(refused, self.now())
    }

    /// The whole response that a stream of events comes to.
    pub(super) async fn whole_response(&self, answer: UpstreamResponse) -> Result<Value, AppError> {
        let (mut decoder, mut reader, mut size) = (SseDecoder::default(), ResponseReader::default(), 0);
        let mut body = answer.body;
        while let Some(piece) = body.next().await {
            let piece = piece?;
            size += piece.len();
            if size > MAX_ANSWER_BYTES {
                return Err(AppError::InvalidUpstreamResponse("its answer is larger than any answer of a model"));
            }
            for event in decoder.push(&piece)? {
                if let Some(response) = reader.on_event(&event)? {
                    self.read_out(body);
                    return Ok(response);
                }
            }
        }
        Err(ResponseFailure::ended_early().into())
    }

    /// Reads what is left of an answer that has said everything, so that its connection can be used again.
    pub(super) fn read_out(&self, mut body: ByteStream) {
        if let Some(None) = body.next().now_or_never() {
            return;
        }
        let (clock, stopping) = (Arc::clone(&self.clock), self.tasks.stopping().clone());
        self.tasks.start(async move {
            select! {
                () = async { while let Some(Ok(_)) = body.next().await {} } => {}
                () = clock.sleep(LEFT_TO_SAY) => {}
                () = stopping.cancelled() => {}
            }
        });
    }
}

/// The JSON of a short answer; null where it is none.
pub(super) async fn json_of(answer: UpstreamResponse) -> Result<Value, AppError> {
    Ok(serde_json::from_slice(&read_start(answer.body, MAX_JSON_BYTES).await?.0).unwrap_or_default())
}

/// Whether an answer is the stream of events that was asked for: what stands in front of a provider answers pages.
pub(super) fn is_event_stream(answer: &UpstreamResponse) -> bool {
    has_media_type(answer, "text/event-stream")
}

/// Whether an answer says of itself that it is of a type (RFC 9110 section 8.3.1: in whatever case).
pub(super) fn has_media_type(answer: &UpstreamResponse, wanted: &str) -> bool {
    let content_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}
