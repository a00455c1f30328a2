//! `/healthz`: reports that the process responds. It reveals nothing else, so it needs no token.

use poem_openapi::OpenApi;

use super::{responses::Json, tags::Tag};
use crate::adapters::contract::{Health, HealthStatus};

pub(super) struct HealthApi;

#[OpenApi(tag = "Tag::Meta")]
impl HealthApi {
    /// Check whether the gateway is up.
    ///
    /// Needs no token and accepts any host name.
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Json<Health> {
        Json(Health { status: HealthStatus::Ok })
    }
}
