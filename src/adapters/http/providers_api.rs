//! `/v1/providers`: what accounts there are, and what their owner calls them.

use poem_openapi::{OpenApi, param::Path, payload::Json};

use super::{
    Service,
    answers::{ProviderAnswer, ProvidersAnswer},
    authenticator::Caller,
    control_json::ControlJson,
    refusal::Refusal,
    requests::UpdateProviderRequest,
};
use crate::app::{Accounts, account_name};

pub(super) struct ProvidersApi;

#[OpenApi(tag = "super::Tag::Providers")]
impl ProvidersApi {
    /// List the providers, connected or not.
    #[oai(path = "/v1/providers", method = "get", operation_id = "listProviders")]
    async fn list(&self, accounts: Service<'_, Accounts>, _caller: Caller) -> Result<Json<ProvidersAnswer>, Refusal> {
        Ok(Json(accounts.list().await?.into()))
    }

    /// Rename a connected account, or switch it on and off.
    #[oai(path = "/v1/providers/:name", method = "patch", operation_id = "updateProvider")]
    async fn update(
        &self,
        accounts: Service<'_, Accounts>,
        _caller: Caller,
        name: Path<String>,
        body: ControlJson<UpdateProviderRequest>,
    ) -> Result<Json<ProviderAnswer>, Refusal> {
        Ok(Json(accounts.update(account_name(&name.0)?, body.0.into()).await?.into()))
    }
}
