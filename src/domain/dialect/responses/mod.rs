//! The Responses dialect (OpenAI API reference, `POST /v1/responses`). The backend's events need only small repairs.

mod echo;
mod output;
mod reader;
mod request;
mod whole_deltas;

pub use echo::RequestEcho;
pub use reader::{ReadEvent, ResponseReader};
pub use request::{ResponsesRequest, TranslatedRequest};
