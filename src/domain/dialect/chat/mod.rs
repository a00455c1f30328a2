//! The Chat Completions dialect (OpenAI API reference, `POST /v1/chat/completions`), spoken to a backend that knows only
//! Responses: the request on the way there, and the answer on the way back, in one piece or as a stream of chunks.

mod answer;
mod call_deltas;
mod content;
mod deltas;
mod item;
mod messages;
mod outcome;
mod paragraphs;
mod request;
mod stream;
mod text_deltas;
mod text_format;
mod tools;

#[cfg(test)]
mod properties;

pub use answer::completion;
pub use request::{ChatOptions, ChatRequest};
pub use stream::ChatStream;

#[cfg(test)]
pub(super) use request::{DROPPED, PASSED, REFUSED};
