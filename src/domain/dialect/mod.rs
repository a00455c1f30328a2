//! Translations between API dialects. Callers use OpenAI's Responses or Chat Completions API; the ChatGPT Codex backend
//! accepts a strict form of Responses, over server-sent events only.
//!
//! Parameters that the backend does not accept are left out or refused. A parameter that only tunes, limits or labels a
//! response is left out and named in [`BackendRequest::ignored`]. A parameter that would change the meaning is refused
//! with an [`InvalidRequest`]. `docs/dialect.md` lists them all.
//!
//! Requests are borrowed from the caller's body and written piece by piece, without building a tree of either body.
//!
//! Reading order: [`sse`] (bytes to events), [`responses`] (the shorter translation), [`chat`] (the longer one).

pub mod chat;
mod event;
mod failure;
mod invalid_request;
mod json_writer;
mod members;
mod raw_json;
pub mod responses;
pub mod sse;
mod system_text;

pub use chat::{ChatOptions, ChatRequest, ChatStream, completion};
pub use failure::ResponseFailure;
pub use invalid_request::InvalidRequest;
pub use responses::{ResponseReader, ResponsesRequest};
pub use sse::{EventTooLong, SseDecoder, SseEvent};

use json_writer::JsonWriter;

/// A request for the backend: `store` is always false and `stream` always true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendRequest {
    pub body: Vec<u8>,
    /// Whether the caller gets a stream; otherwise the gateway collects the events into one object.
    pub stream: bool,
    /// The caller's parameters that were left out, for the header `goclaw-ignored-parameters`.
    pub ignored: Vec<String>,
}

impl BackendRequest {
    /// Writes the members that every request has and closes the object.
    fn end(mut out: JsonWriter, model: &str, stream: bool, ignored: Vec<String>) -> Self {
        out.word("model", model);
        out.flag("store", false);
        out.flag("stream", true);
        out.end_object();
        Self { body: out.into_bytes(), stream, ignored }
    }
}
