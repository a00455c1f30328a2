//! `/metrics`: the metrics for Prometheus.

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse, OpenApi,
    registry::{MetaMediaType, MetaResponses, MetaSchema, Registry},
};

use super::{
    authenticator::Caller,
    model_shapes::inline,
    responses::{ErrorResponse, success},
    tags::Tag,
};
use crate::adapters::prometheus;

pub(super) struct MetricsApi;

#[OpenApi(tag = "Tag::Meta")]
impl MetricsApi {
    /// Get the metrics.
    ///
    /// In Prometheus' text format. Names and meanings are in the comments of the response.
    #[oai(path = "/metrics", method = "get", operation_id = "getMetrics")]
    async fn metrics(&self, caller: Caller) -> Result<Metrics, ErrorResponse<0>> {
        caller.app().set_gauges().await;
        Ok(Metrics(prometheus::render()))
    }
}

struct Metrics(String);

impl IntoResponse for Metrics {
    fn into_response(self) -> Response {
        Response::builder().content_type(prometheus::CONTENT_TYPE).body(self.0)
    }
}

impl ApiResponse for Metrics {
    fn meta() -> MetaResponses {
        let content =
            MetaMediaType { content_type: prometheus::CONTENT_TYPE, schema: inline(MetaSchema::new("string")) };
        MetaResponses { responses: vec![success(vec![content], Vec::new())] }
    }

    fn register(_registry: &mut Registry) {}
}
