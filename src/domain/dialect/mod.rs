//! Translations between API dialects, values to values: what a caller of OpenAI's API says, as the ChatGPT Codex backend
//! takes it, and the way back. Callers speak Responses or Chat Completions; the backend speaks a strict form of
//! Responses, over server-sent events only.
//!
//! One rule decides about every parameter that the backend does not take: what only tunes, bounds or labels an answer is
//! left out and named in [`BackendRequest::ignored`]; what would change its meaning is refused with a [`BadRequest`].
//! `docs/dialect.md` lists them all.
//!
//! Reading order: [`sse`] (bytes to events), [`responses`] (the shorter translation), [`chat`] (the longer one).

pub mod chat;
mod event;
mod failure;
mod invalid_request;
mod members;
pub mod responses;
pub mod sse;
mod system_text;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod properties;

pub use chat::{ChatOptions, ChatRequest, ChatStream, completion};
pub use failure::{FailureKind, ResponseFailure};
pub use invalid_request::BadRequest;
pub use responses::{ResponseReader, ResponsesRequest};
pub use sse::{EventTooLong, SseDecoder, SseEvent};

/// A body as the backend takes it: `store` is false and `stream` true, whatever the caller said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendRequest {
    pub body: Vec<u8>,
    /// Whether the caller wants the events; otherwise they are read here and the caller gets one object.
    pub stream: bool,
    /// The caller's parameters that were left out, for the header `goclaw-ignored-parameters`.
    pub ignored: Vec<String>,
}
