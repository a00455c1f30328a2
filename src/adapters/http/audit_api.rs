//! `/v1/audit`: who changed what, when, and from where.

use std::cmp::Reverse;

use poem_openapi::{OpenApi, param::Query};

use super::{
    authenticator::Caller,
    responses::{ApiResult, BAD_REQUEST, Json},
    tags::Tag,
};
use crate::{
    adapters::contract::{AuditPage, Page, PageLimit},
    domain::audit::AuditEntry,
};

pub(super) struct AuditApi;

#[OpenApi(tag = "Tag::Meta")]
impl AuditApi {
    /// List the audit log.
    ///
    /// Newest first: who changed what, when, and from where. Entries are kept for 400 days. `goclaw audit verify` shows
    /// whether any was changed.
    #[oai(path = "/v1/audit", method = "get", operation_id = "listAuditEntries")]
    async fn list(
        &self,
        caller: Caller,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<AuditPage, { BAD_REQUEST }> {
        let before = Page::<AuditEntry>::position(&cursor.0)?.map(|Reverse(id)| id);
        let entries = caller.app().audit.entries(before, limit.0.0 + 1).await?;
        let (entries, next_cursor) = Page::of(entries, |entry| Reverse(entry.id), limit.0, &cursor.0)?.into_parts();
        Ok(Json(AuditPage { entries, next_cursor }))
    }
}
