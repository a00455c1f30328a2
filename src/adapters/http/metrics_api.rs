//! `/metrics`: the metrics for Prometheus.

use poem_openapi::{OpenApi, payload::PlainText};

use super::{authenticator::Caller, tags::Tag};
use crate::adapters::prometheus;

pub(super) struct MetricsApi;

#[OpenApi(tag = "Tag::Meta")]
impl MetricsApi {
    /// Get the metrics.
    ///
    /// In Prometheus' text format. Names and meanings are in the comments of the response.
    #[oai(path = "/metrics", method = "get", operation_id = "getMetrics")]
    async fn metrics(&self, caller: Caller) -> PlainText<String> {
        caller.app().set_gauges().await;
        PlainText(prometheus::render())
    }
}
