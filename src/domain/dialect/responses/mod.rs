//! The Responses dialect (OpenAI API reference, `POST /v1/responses`): nearly what the backend speaks, less what it
//! refuses.

mod input;
mod reader;
mod request;

pub use reader::ResponseReader;
pub use request::ResponsesRequest;

pub use super::{FailureKind, ResponseFailure};

#[cfg(test)]
pub(super) use request::{DROPPED, PASSED, REFUSED};
