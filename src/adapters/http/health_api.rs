//! `/healthz`: reports that the process responds. It reveals nothing else, so it needs no token.

use poem_openapi::OpenApi;

use super::{answer::Reply, registration::Tag};
use crate::adapters::contract::{Health, HealthStatus};

pub(super) struct HealthApi;

#[OpenApi(tag = "Tag::Meta")]
impl HealthApi {
    /// Check whether the gateway is up.
    ///
    /// Needs no token and accepts any host name.
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Reply<Health> {
        Reply(Health { status: HealthStatus::Ok })
    }
}
