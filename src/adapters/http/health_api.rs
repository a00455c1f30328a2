//! `/healthz`: whether the process answers. Says nothing else, so it needs no token.

use poem_openapi::{Object, OpenApi, payload::Json};

pub(super) struct HealthApi;

#[derive(Object)]
struct Health {
    /// `ok`.
    status: String,
}

#[OpenApi(tag = "super::Tag::Meta")]
impl HealthApi {
    /// Whether the gateway is up.
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Json<Health> {
        Json(Health { status: "ok".to_owned() })
    }
}
