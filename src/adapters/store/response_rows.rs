//! The rows of `responses`.

use diesel::prelude::*;

use super::schema::responses as table;
use crate::domain::{
    ids::Principal,
    response_memory::{RememberedResponse, ResponseId},
    sealed::SealedSecret,
    time::Timestamp,
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub(super) struct ResponseRow {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) previous: Option<String>,
    pub(super) content: String,
    pub(super) size: i64,
    pub(super) used_at: i64,
}

impl ResponseRow {
    pub(super) fn of(response: &RememberedResponse) -> Self {
        Self {
            id: response.id.as_str().to_owned(),
            owner: response.owner.as_str().to_owned(),
            previous: response.previous.as_ref().map(|previous| previous.as_str().to_owned()),
            content: response.content.as_str().to_owned(),
            size: response.size(),
            used_at: response.used_at.unix_millis(),
        }
    }

    pub(super) fn into_response(self, items: Vec<String>) -> RememberedResponse {
        RememberedResponse {
            id: ResponseId::from_stored(self.id),
            owner: Principal::named(self.owner),
            previous: self.previous.map(ResponseId::from_stored),
            items,
            content: SealedSecret::from_stored(self.content),
            used_at: Timestamp::from_unix_millis(self.used_at),
        }
    }
}
