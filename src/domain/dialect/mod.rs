//! Translations between API dialects. Callers use OpenAI's Responses or Chat Completions API; the ChatGPT Codex backend
//! accepts a strict form of Responses, over server-sent events only.
//!
//! A parameter that the backend does not accept is translated, left out and named in [`BackendRequest::ignored`], or
//! refused with an [`InvalidRequest`]: see [`request`]. `docs/dialect.md` lists them.
//!
//! Requests are borrowed from the caller's body and written piece by piece, without building a tree of either body.
//!
//! A request is opened in `responses/request.rs` or `chat/request.rs`, which take out what their API alone has. The
//! rest is common: `request.rs`, and `items.rs` or `chat/messages.rs` for the conversation.
//!
//! Reading order: [`request`], [`sse`] (bytes to events), [`responses`] (the shorter translation of events), [`chat`]
//! (the longer one).

mod cache_key;
mod call_id;
pub mod chat;
mod embeddings;
mod event;
mod failure;
mod images;
mod invalid_request;
mod item_id;
mod item_index;
mod items;
mod json_writer;
mod members;
mod raw_json;
mod reasoning;
mod recalled;
pub mod request;
pub mod responses;
mod schema;
pub mod sse;
mod surrogates;
mod system_text;
mod text_format;
mod tools;

pub use cache_key::CacheScope;
pub use chat::{
    ChatOptions, ChatRequest, ChatStream, CompletionReader, ReasonedCall, ReasonedCalls, TranslatedChat, legacy,
};
pub use embeddings::{EmbeddingsRequest, EmbeddingsResponse};
pub use event::is_news;
pub use failure::ResponseFailure;
pub use images::{ImageReader, ImageRequest, image_model_of, is_image_model};
pub use invalid_request::{InvalidRequest, TOO_LARGE};
pub use items::without_reasoning;
pub use members::model_of;
pub use recalled::{Missing, NOTHING, Recalled, ResponseItems, items_by_id};
pub use responses::{RequestEcho, ResponseReader, ResponsesRequest, TranslatedResponse};
pub use sse::{EventTooLong, SseDecoder, SseEvent, SseFrame};
pub use surrogates::without_lone_surrogates;

use crate::domain::model_suffix::ModelSuffixes;

/// The model that the backend is asked for, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendModel {
    /// The backend's name of the model.
    pub name: String,
    /// What the caller's name of it asks for.
    pub suffixes: ModelSuffixes,
    /// Whether the model summarizes its reasoning, as far as that is known.
    pub reasons: bool,
    /// Whose cached conversations it may continue.
    pub cache: CacheScope,
}

impl From<&str> for BackendModel {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// A request for the backend: `store` is always false and `stream` always true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendRequest {
    pub body: Vec<u8>,
    /// Whether the caller gets a stream; otherwise the gateway collects the events into one object.
    pub stream: bool,
    /// The session under which the provider keeps its cache of the conversation, for the header `session-id`.
    pub session: Option<String>,
    /// The caller's parameters that were left out, for the header `goclaw-ignored-parameters`.
    pub ignored: Vec<String>,
}
