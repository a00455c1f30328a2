//! `/v1/providers`: lists and changes the accounts.

use std::mem;

use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    authenticator::Caller,
    control_json::ControlJson,
    responses::{ApiResult, BAD_REQUEST, BODY, CONFLICT, Json, NOT_FOUND},
    tags::Tag,
};
use crate::{
    adapters::contract::{AccountName, Page, PageLimit, ProviderList, ProviderSummary, UpdateProviderRequest},
    app::account_name,
    domain::scope::Permission,
};

pub(super) struct ProvidersApi;

#[OpenApi(tag = "Tag::Providers")]
impl ProvidersApi {
    /// List the providers.
    ///
    /// All providers, connected or not, sorted by name. A program gets only those whose status it may read.
    #[oai(path = "/v1/providers", method = "get", operation_id = "listProviders")]
    async fn list(
        &self,
        caller: Caller,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<ProviderList, { BAD_REQUEST }> {
        let mut views = caller.app().accounts.list().await?;
        views.retain(|view| caller.rights().permits(Permission::StatusRead, &view.name));
        for view in &mut views {
            view.other_names = caller.readable(mem::take(&mut view.other_names));
        }
        let page = Page::of(views, |view| view.name.to_string(), limit.0, &cursor.0)?;
        let (providers, next_cursor) = page.into_parts();
        Ok(Json(ProviderList { providers, next_cursor }))
    }

    /// Rename a connected account, or switch it on and off.
    ///
    /// Switching it off deletes nothing.
    #[oai(path = "/v1/providers/:provider", method = "patch", operation_id = "updateProvider")]
    async fn update(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
        body: ControlJson<UpdateProviderRequest>,
    ) -> ApiResult<ProviderSummary, { BODY | NOT_FOUND | CONFLICT }> {
        Ok(Json(caller.app().accounts.update(account_name(&provider.0.0)?, body.0.into()).await?.into()))
    }
}
