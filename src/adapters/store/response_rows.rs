//! The rows of `responses` and `response_items`, for `queries/responses.rs` and the two `inserting` modules.

use diesel::prelude::*;

use super::{
    schema::{response_items, responses as table},
    stored_text::{NullableText, StoredText},
};
use crate::domain::{
    ids::Principal,
    response_memory::{RememberedResponse, ResponseId},
    sealed_secret::SealedSecret,
    time::Timestamp,
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub(super) struct ResponseRow {
    #[diesel(deserialize_as = StoredText)]
    pub(super) id: String,
    #[diesel(deserialize_as = StoredText)]
    owner: String,
    #[diesel(deserialize_as = NullableText)]
    previous: Option<String>,
    #[diesel(deserialize_as = StoredText)]
    content: String,
    size: i64,
    used_at: i64,
}

/// The id of an item in the output of a response.
#[derive(Insertable)]
#[diesel(table_name = response_items)]
pub(super) struct ItemRow {
    item: String,
    response: String,
}

/// A response and its items, to be inserted together.
pub(super) struct NewRows {
    pub(super) response: ResponseRow,
    pub(super) items: Vec<ItemRow>,
}

impl NewRows {
    pub(super) fn of(response: &RememberedResponse) -> Self {
        let id = response.id.as_str();
        let item = |item: &String| ItemRow { item: item.clone(), response: id.to_owned() };
        Self { response: ResponseRow::of(response), items: response.items.iter().map(item).collect() }
    }
}

impl ResponseRow {
    fn of(response: &RememberedResponse) -> Self {
        Self {
            id: response.id.as_str().to_owned(),
            owner: response.principal.as_str().to_owned(),
            previous: response.previous.as_ref().map(|previous| previous.as_str().to_owned()),
            content: response.content.as_str().to_owned(),
            size: response.size(),
            used_at: response.used_at.unix_millis(),
        }
    }

    pub(super) fn into_response(self, items: Vec<StoredText>) -> RememberedResponse {
        RememberedResponse {
            id: ResponseId::from_stored(self.id),
            principal: Principal::named(self.owner),
            previous: self.previous.map(ResponseId::from_stored),
            items: items.into_iter().map(String::from).collect(),
            content: SealedSecret::from_stored(self.content),
            used_at: Timestamp::from_unix_millis(self.used_at),
        }
    }
}
