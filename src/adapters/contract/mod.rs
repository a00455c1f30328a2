//! The request and response bodies of the HTTP API. The server and the command line share these types, and
//! `openapi/v1.json` is generated from them.
//!
//! The conversion from a use case's result is next to the type that it produces.

#[macro_use]
mod schemas;

mod audit;
mod auth;
mod enums;
mod events;
mod health;
mod models;
mod paging;
mod problem;
mod problem_kind;
mod providers;
mod requests;
mod sessions;
mod status;
mod stored_responses;
mod texts;
mod tokens;

pub use audit::*;
pub use auth::*;
pub use enums::*;
pub use events::*;
pub use health::*;
pub use models::*;
pub use paging::{Page, PageLimit};
pub use problem::Problem;
pub use problem_kind::ProblemKind;
pub use providers::*;
pub use requests::*;
pub use sessions::*;
pub use status::*;
pub use stored_responses::*;
pub use texts::*;
pub use tokens::*;

pub use poem_openapi::types::ToJSON;
use serde::{Deserialize, Deserializer};

/// Deserializes a member that may be absent but not null. In a PATCH, null could mean removal (RFC 7396).
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}
