//! A model API modelled on DashScope. An API key gives access to an OpenAI-compatible chat and to image tasks. The key
//! never expires and needs no refresh.

mod chat;
mod chunks;
mod completion;
mod embeddings;
mod tasks;

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, Request, http::request::Parts};
use serde_json::{Value, json};

pub(crate) use tasks::Tasks;

use crate::{
    faults::Endpoint,
    http::{ConnectionCut, Origin, Reply, UnreadBody, bearer, read_body},
    interference,
    journal::token_sha256,
    provider::{Entry, Provider, TokenStatus, random_text},
    site::Site,
    stream_writer::StreamFault,
};

/// The path prefix of the OpenAI-compatible API.
const COMPATIBLE: &str = "/compatible-mode/v1";

/// The path prefix of DashScope's own API.
const NATIVE: &str = "/api/v1";

/// The maximum request body in bytes; a long conversation with pictures fits.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// The model API as an origin.
pub(crate) struct DashscopeOrigin {
    pub(crate) provider: Arc<Provider>,
}

/// The requested operation.
enum Operation<'a> {
    Models,
    Chat,
    Embeddings,
    Synthesis,
    Task(&'a str),
    Unknown,
}

impl<'a> Operation<'a> {
    fn read(head: &'a Parts) -> Self {
        let path = head.uri.path();
        match (&head.method, path.strip_prefix(COMPATIBLE), path.strip_prefix(NATIVE)) {
            (&Method::GET, Some("/models"), _) => Self::Models,
            (&Method::POST, Some("/chat/completions"), _) => Self::Chat,
            (&Method::POST, Some("/embeddings"), _) => Self::Embeddings,
            (&Method::POST, _, Some("/services/aigc/text2image/image-synthesis")) => Self::Synthesis,
            (&Method::GET, _, Some(path)) => path.strip_prefix("/tasks/").map_or(Self::Unknown, Self::Task),
            _ => Self::Unknown,
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Models | Self::Embeddings | Self::Unknown => Endpoint::Dashscope,
            Self::Chat => Endpoint::ChatCompletions,
            Self::Synthesis => Endpoint::ImageSynthesis,
            Self::Task(_) => Endpoint::ImageTasks,
        }
    }
}

impl Origin for DashscopeOrigin {
    async fn answer(&self, request: Request<UnreadBody>) -> Result<Reply, ConnectionCut> {
        let (head, body) = request.into_parts();
        let entry = self.provider.record_arrival(Site::Dashscope, &head);
        entry.record_response(self.answer_to(&entry, head, body)).await
    }
}

impl DashscopeOrigin {
    async fn answer_to(&self, entry: &Entry, head: Parts, body: UnreadBody) -> Result<Reply, ConnectionCut> {
        let Ok(body) = read_body(body, BODY_LIMIT).await else { return Err(ConnectionCut::Close) };
        entry.record_body(&body);
        let is_known_key = self.check_key(entry, bearer(&head.headers));
        let operation = Operation::read(&head);
        let queued = self.provider.state().faults.next_for(operation.endpoint());
        let (fault, stream_fault) =
            interference::split_stream_fault(queued, entry, matches!(operation, Operation::Chat));
        let decide = || {
            if is_known_key {
                self.decide(&operation, entry, &head, &body, stream_fault)
            } else {
                wrong_key(head.uri.path())
            }
        };
        interference::apply(fault, entry, (), decide).await
    }

    /// Returns whether the API key is known, and records it in the journal.
    fn check_key(&self, entry: &Entry, key: Option<&str>) -> bool {
        let known = key.is_some_and(|key| self.provider.state().settings.api_keys.iter().any(|known| known == key));
        entry.update(|entry| {
            entry.token_sha256 = key.map(token_sha256);
            entry.token_status = key.map(|_| if known { TokenStatus::Live } else { TokenStatus::Unknown });
        });
        if !known {
            entry.set_outcome("invalid_api_key");
        }
        known
    }

    fn decide(
        &self,
        operation: &Operation<'_>,
        entry: &Entry,
        head: &Parts,
        body: &Bytes,
        stream_fault: Option<StreamFault>,
    ) -> Reply {
        let key = bearer(&head.headers).unwrap_or_default();
        match operation {
            Operation::Models => models(&self.provider.state().settings.dashscope_models),
            Operation::Chat => chat::completions(&self.provider, entry, body, stream_fault),
            Operation::Embeddings => embeddings::embeddings(&self.provider.state().settings.embedding_models, body),
            Operation::Synthesis => tasks::create(&mut self.provider.state(), head, body, key),
            Operation::Task(id) => tasks::query(&mut self.provider.state().tasks, id, key),
            Operation::Unknown => compatible_error(404, "The requested path does not exist.", "not_found"),
        }
    }
}

fn models(ids: &[String]) -> Reply {
    let model = |id: &String| json!({"id": id, "object": "model", "created": 0, "owned_by": "system"});
    Reply::json(200, &json!({"object": "list", "data": ids.iter().map(model).collect::<Vec<_>>()}))
}

/// Returns the error for a wrong key in the format of the requested API.
fn wrong_key(path: &str) -> Reply {
    if path.starts_with(NATIVE) {
        native_error(401, "InvalidApiKey", "Invalid API-key provided.")
    } else {
        compatible_error(401, "Incorrect API key provided.", "invalid_api_key")
    }
}

/// Returns an error of the compatible API.
fn compatible_error(status: u16, message: &str, code: &str) -> Reply {
    Reply::json(status, &error_body(message, code))
}

fn error_body(message: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}})
}

/// Returns an error of DashScope's own API.
fn native_error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"code": code, "message": message, "request_id": random_text()}))
}
