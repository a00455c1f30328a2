//! The Responses dialect (OpenAI API reference, `POST /v1/responses`). The backend accepts a subset of it.

mod reader;
mod request;

pub use reader::ResponseReader;
pub use request::{DROPPED, PASSED, REFUSED, ResponsesRequest};
