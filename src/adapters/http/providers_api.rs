//! `/v1/providers`: lists and changes the accounts.

use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    answer::{Answer, BAD_REQUEST, BODY, CONFLICT, NOT_FOUND, Reply},
    authenticator::Caller,
    control_json::ControlJson,
    paging::{Page, PageLimit},
    registration::{Service, Tag},
};
use crate::adapters::contract::{AccountName, ProviderList, ProviderSummary, UpdateProviderRequest};

use crate::app::{Accounts, account_name};

pub(super) struct ProvidersApi;

#[OpenApi(tag = "Tag::Providers")]
impl ProvidersApi {
    /// List the providers.
    ///
    /// Connected or not, in the order of their names.
    #[oai(path = "/v1/providers", method = "get", operation_id = "listProviders")]
    async fn list(
        &self,
        accounts: Service<'_, Accounts>,
        _caller: Caller,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Answer<ProviderList, { BAD_REQUEST }> {
        let views = accounts.list().await?;
        let page = Page::of(views, |view| view.name.to_string(), limit.0, cursor.0.as_deref())?;
        let providers = page.items.into_iter().map(Into::into).collect();
        Ok(Reply(ProviderList { providers, next_cursor: page.next_cursor }))
    }

    /// Rename a connected account, or switch it on and off.
    ///
    /// Switching it off deletes nothing.
    #[oai(path = "/v1/providers/:provider", method = "patch", operation_id = "updateProvider")]
    async fn update(
        &self,
        accounts: Service<'_, Accounts>,
        _caller: Caller,
        provider: Path<AccountName>,
        body: ControlJson<UpdateProviderRequest>,
    ) -> Answer<ProviderSummary, { BODY | NOT_FOUND | CONFLICT }> {
        Ok(Reply(accounts.update(account_name(&provider.0.0)?, body.0.into()).await?.into()))
    }
}
