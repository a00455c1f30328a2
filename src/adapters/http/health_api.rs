//! Health probes. They reveal nothing about accounts, so they need no token and accept any host name.

use std::sync::Weak;

use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{
    ApiResponse, OpenApi,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::{
    responses::{JSON, Json, success},
    tags::Tag,
};
use crate::{
    adapters::contract::{Health, HealthStatus, Readiness},
    app::{self, App},
};

pub(super) struct HealthApi {
    /// Empty when only the OpenAPI document is generated.
    pub(super) app: Weak<App>,
}

#[OpenApi(tag = "Tag::Meta")]
impl HealthApi {
    /// Check whether the gateway is up.
    ///
    /// Needs no token and accepts any host name.
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Json<Health> {
        Json(Health { status: HealthStatus::Ok })
    }

    /// Check whether the process has to be restarted.
    ///
    /// Responds as long as the process works, even if the database or a provider fails. A restart would end
    /// running refreshes. Needs no token and accepts any host name.
    #[oai(path = "/livez", method = "get", operation_id = "getLiveness")]
    async fn liveness(&self) -> Json<Health> {
        Json(Health { status: HealthStatus::Ok })
    }

    /// Check whether requests may be sent to this gateway.
    ///
    /// `degraded` is a 200: the database fails, but tokens in memory serve. Needs no token and accepts any host name.
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn readiness(&self) -> ReadinessResponse {
        ReadinessResponse(self.app.upgrade().map_or(app::Readiness::Stopping, |app| app.readiness()).into())
    }
}

/// The response to a readiness probe.
struct ReadinessResponse(Readiness);

impl IntoResponse for ReadinessResponse {
    fn into_response(self) -> Response {
        let status = if self.0.is_serving() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Json(self.0).into_response().with_status(status).into_response()
    }
}

impl ApiResponse for ReadinessResponse {
    fn meta() -> MetaResponses {
        let content = || vec![MetaMediaType { content_type: JSON, schema: Readiness::schema_ref() }];
        let unavailable = MetaResponse {
            description: "The gateway cannot serve requests.",
            status: Some(StatusCode::SERVICE_UNAVAILABLE.as_u16()),
            ..success(content(), Vec::new())
        };
        MetaResponses { responses: vec![success(content(), Vec::new()), unavailable] }
    }

    fn register(registry: &mut Registry) {
        Readiness::register(registry);
    }
}
