//! The Chat Completions dialect (OpenAI API reference, `POST /v1/chat/completions`) for a backend that supports only
//! the Responses API: the request, and the response as one object or as a stream of chunks.

mod call_deltas;
mod call_reasoning;
mod completion;
pub(super) mod content;
mod deltas;
mod item;
pub mod legacy;
pub(super) mod messages;
mod request;
mod stop;
mod stream;
mod text_deltas;

pub use call_reasoning::{ReasonedCall, ReasonedCalls};
pub use completion::CompletionReader;
pub use request::{ChatOptions, ChatRequest, TranslatedChat};
pub use stop::StopSequences;
pub use stream::ChatStream;
