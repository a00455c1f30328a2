//! The bodies of `/v1/responses/{id}` in OpenAI's form.

use poem_openapi::{Object, types::Any};
use serde::Deserialize;
use serde_json::Value;

use super::{ModelListObject, ResponseObject};

/// A response that was deleted.
#[derive(Debug, Object, Deserialize)]
pub struct ResponseDeleted {
    pub id: String,
    pub object: ResponseObject,
    pub deleted: bool,
}

/// The input items of a response.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct InputItemList {
    pub object: ModelListObject,
    /// Items of OpenAI's Responses API.
    pub data: Vec<Any<Value>>,
    pub first_id: Option<String>,
    pub last_id: Option<String>,
    /// Whether more items follow.
    pub has_more: bool,
}

impl InputItemList {
    /// Returns at most `limit` of the items after the item with the id `after`; `None` if that item does not exist.
    pub fn page(items: Vec<Value>, after: Option<&str>, limit: usize) -> Option<Self> {
        let id = |item: &Value| item.get("id").and_then(Value::as_str).map(str::to_owned);
        let first = match after {
            Some(after) => items.iter().position(|item| id(item).as_deref() == Some(after))? + 1,
            None => 0,
        };
        let mut rest = items.into_iter().skip(first);
        let data: Vec<Value> = rest.by_ref().take(limit).collect();
        Some(Self {
            object: ModelListObject::List,
            first_id: data.first().and_then(id),
            last_id: data.last().and_then(id),
            has_more: rest.next().is_some(),
            data: data.into_iter().map(Any).collect(),
        })
    }
}
