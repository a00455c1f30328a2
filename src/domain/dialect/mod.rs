//! Translations between API dialects. Callers use OpenAI's Responses or Chat Completions API; the ChatGPT Codex backend
//! accepts a strict form of Responses, over server-sent events only.
//!
//! One rule decides about every parameter that the backend does not accept. A parameter that only tunes, limits or
//! labels a response is left out and named in [`BackendRequest::ignored`]; one that would change the meaning is refused
//! with an [`InvalidRequest`]. `docs/dialect.md` lists them all.
//!
//! Requests are borrowed from the caller's body and written piece by piece; neither body becomes a tree.
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
pub use failure::{FailureKind, ResponseFailure};
pub use invalid_request::InvalidRequest;
pub use responses::{ResponseReader, ResponsesRequest};
pub use sse::{EventTooLong, SseDecoder, SseEvent};

use json_writer::JsonWriter;

/// A request as the backend accepts it: `store` is false and `stream` true, whatever the caller sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendRequest {
    pub body: Vec<u8>,
    /// Whether the caller wants the events; otherwise the gateway reads them and the caller gets one object.
    pub stream: bool,
    /// The caller's parameters that were left out, for the header `goclaw-ignored-parameters`.
    pub ignored: Vec<String>,
}

impl BackendRequest {
    /// Ends the open object with the members that every request has.
    fn end(mut out: JsonWriter, model: &str, stream: bool, ignored: Vec<String>) -> Self {
        out.word("model", model);
        out.flag("store", false);
        out.flag("stream", true);
        out.end_object();
        Self { body: out.into_bytes(), stream, ignored }
    }
}
