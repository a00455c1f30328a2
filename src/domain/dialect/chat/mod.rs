//! The Chat Completions dialect (OpenAI API reference, `POST /v1/chat/completions`) for a backend that supports only
//! Responses: the request, and the response as one object or as a stream of chunks.

mod call_deltas;
mod completion;
mod content;
mod deltas;
mod item;
mod messages;
mod request;
mod stream;
mod text_deltas;
mod tools;

pub use completion::completion;
pub use request::{ChatOptions, ChatRequest, DROPPED, PASSED, REFUSED};
pub use stream::ChatStream;
