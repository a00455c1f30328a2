//! `/v1/providers`: what accounts there are, and what their owner calls them.

use poem_openapi::{OpenApi, param::Path, payload::Json};

use super::{
    App,
    answers::{ProviderAnswer, ProvidersAnswer},
    authenticator::Caller,
    control_json::ControlJson,
    refusal::Refusal,
    requests::UpdateProviderRequest,
};

pub(super) struct ProvidersApi;

#[OpenApi(tag = "super::Tag::Providers")]
impl ProvidersApi {
    /// List the providers, connected or not.
    #[oai(path = "/v1/providers", method = "get", operation_id = "listProviders")]
    async fn list(&self, gateway: App<'_>, _caller: Caller) -> Result<Json<ProvidersAnswer>, Refusal> {
        Ok(Json(gateway.list_providers().await?.into()))
    }

    /// Rename a connected account, or switch it on and off.
    #[oai(path = "/v1/providers/:name", method = "patch", operation_id = "updateProvider")]
    async fn update(
        &self,
        gateway: App<'_>,
        _caller: Caller,
        name: Path<String>,
        body: ControlJson<UpdateProviderRequest>,
    ) -> Result<Json<ProviderAnswer>, Refusal> {
        Ok(Json(gateway.update_provider(name.0, body.0.into()).await?.into()))
    }
}
