//! The Responses dialect (OpenAI API reference, `POST /v1/responses`): nearly what the backend speaks, except what it
//! refuses.

mod reader;
mod request;

pub use reader::ResponseReader;
pub use request::{DROPPED, PASSED, REFUSED, ResponsesRequest};
