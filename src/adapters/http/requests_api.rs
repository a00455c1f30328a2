//! `/v1/requests` and `/v1/usage`: the records of requests, and the usage of programs.

use std::cmp::Reverse;

use poem_openapi::{OpenApi, param::Query};

use super::{
    authenticator::Caller,
    responses::{ApiResult, BAD_REQUEST, Json},
    tags::Tag,
};
use crate::{
    adapters::contract::{Page, PageLimit, RequestPage, UsagePage},
    domain::request_record::{UsageKey, UsageSums},
    ports::NumberedRecord,
};

pub(super) struct RequestsApi;

#[OpenApi(tag = "Tag::Meta")]
impl RequestsApi {
    /// List the newest requests.
    ///
    /// Newest first, without any part of a prompt. The newest 1000 since the start of this gateway are kept in memory; with
    /// the setting `requests.keep`, those of all replicas are kept in the database.
    #[oai(path = "/v1/requests", method = "get", operation_id = "listRequests")]
    async fn list(
        &self,
        caller: Caller,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<RequestPage, { BAD_REQUEST }> {
        let before = Page::<NumberedRecord>::position(&cursor.0)?.map(|Reverse(number)| number);
        let requests = caller.app().requests.recent(before, limit.0.0 + 1).await?;
        let page = Page::of(requests, |record| Reverse(record.number), limit.0, &cursor.0)?;
        let (requests, next_cursor) = page.into_parts();
        Ok(Json(RequestPage { requests, next_cursor }))
    }

    /// Get the usage by program.
    ///
    /// The requests and tokens of each program, account, model and day in UTC, oldest day first. It is saved every five
    /// seconds, and kept for 400 days.
    #[oai(path = "/v1/usage", method = "get", operation_id = "listUsage")]
    async fn usage(
        &self,
        caller: Caller,
        /// How many days, today included.
        #[oai(default = "default_days", validator(minimum(value = "1"), maximum(value = "400")))]
        days: Query<i64>,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<UsagePage, { BAD_REQUEST }> {
        let usage = caller.app().requests.usage(days.0).await?;
        let key =
            |(key, _): &(UsageKey, UsageSums)| (key.day, key.program.clone(), key.account.clone(), key.model.clone());
        let (usage, next_cursor) = Page::of(usage, key, limit.0, &cursor.0)?.into_parts();
        Ok(Json(UsagePage { usage, next_cursor }))
    }
}

fn default_days() -> i64 {
    30
}
