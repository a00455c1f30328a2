//! Translations between API dialects. Callers use OpenAI's Responses or Chat Completions API. The ChatGPT Codex backend
//! accepts only a strict form of Responses, and returns only server-sent events.
//!
//! A parameter that the backend does not accept is translated, ignored and named in [`BackendRequest::ignored`], or
//! refused with an [`InvalidRequest`]. `docs/dialect.md` lists them.
//!
//! Requests are borrowed from the caller's body and written piece by piece, without a tree of either body.
//!
//! `responses/request.rs` and `chat/request.rs` parse a request and handle the members that only their API has.
//! `request.rs` handles the rest, with `items.rs` or `chat/messages.rs` for the conversation.
//!
//! Reading order: [`request`], [`sse`] (bytes to events), [`responses`] (the shorter translation of events), [`chat`]
//! (the longer one).

mod cache_key;
mod call_id;
mod call_name;
pub mod chat;
mod compaction;
mod earlier;
mod embeddings;
mod event;
mod failure;
mod images;
mod invalid_request;
mod item_id;
mod item_index;
mod items;
mod json_writer;
mod listed_item;
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
pub use compaction::{compaction_of, complete_compaction};
pub use embeddings::{EmbeddingsConverter, EmbeddingsRequest};
pub use event::has_output;
pub use failure::ResponseFailure;
pub use images::{IMAGE_TOOL_PATH, ImageReader, ImageRequest, image_model_of, is_image_model};
pub use invalid_request::{InvalidRequest, TOO_LARGE};
pub use items::without_reasoning;
pub use listed_item::listed_item;
pub use members::model_of;
pub use recalled::{Missing, NOTHING_RECALLED, Recalled, ResponseItems, items_by_id};
pub use responses::{RequestEcho, ResponseReader, ResponsesRequest, TranslatedRequest};
pub use sse::{EventTooLong, SseDecoder, SseEvent, SseFrame};
pub use surrogates::without_lone_surrogates;

use crate::domain::model_suffix::ModelSuffixes;

/// The model that a request asks the backend for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendModel {
    /// The backend's name of the model.
    pub name: String,
    /// The options in the suffixes of the caller's model name.
    pub suffixes: ModelSuffixes,
    /// Whether the model is known to summarize its reasoning.
    pub summarizes_reasoning: bool,
    /// The caller, account and session for the cache key.
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
    /// Whether the caller asked for a stream. Otherwise the gateway collects the events into one object.
    pub stream: bool,
    /// The value of the header `session-id`, by which the provider finds its cache of the conversation.
    pub session: Option<String>,
    /// The caller's parameters that were ignored, for the header `goclaw-ignored-parameters`.
    pub ignored: Vec<String>,
    /// Whether the tools are in an item of the input. The backend then requires the header
    /// [`RESPONSES_LITE`](crate::domain::proxy::headers::RESPONSES_LITE).
    pub is_lite: bool,
}
