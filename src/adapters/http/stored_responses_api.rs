//! `/v1/responses/{id}`: retrieves and deletes remembered responses, as in OpenAI's Responses API.

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    registry::{MetaMediaType, MetaResponses, Registry},
};

use super::{
    authenticator::Caller,
    model_shapes::{any_object, inline},
    responses::{BAD_REQUEST, JSON, Json, NOT_FOUND, OpenAiErrorResponse, success},
    tags::Tag,
};
use crate::{
    adapters::contract::{InputItemList, ItemOrder, PageLimit, ResponseDeleted, ResponseObject},
    app::AppError,
    domain::dialect::InvalidRequest,
};

pub(super) struct StoredResponsesApi;

/// A response is stored for its token unless the request said `store: false`; see `docs/models.md`.
#[OpenApi(tag = "Tag::Models")]
impl StoredResponsesApi {
    /// Retrieve a stored response.
    ///
    /// Returns the response as it was when it completed.
    #[oai(path = "/v1/responses/:id", method = "get", operation_id = "retrieveResponse")]
    async fn retrieve(
        &self,
        caller: Caller,
        id: Path<String>,
        /// Refused if true: a stored response is returned as a whole.
        stream: Query<Option<bool>>,
    ) -> Result<StoredResponse, OpenAiErrorResponse<{ BAD_REQUEST | NOT_FOUND }>> {
        let whole = caller.app().models.retrieve_response(&caller.0.principal, &id.0).await?;
        // An SDK that expects a stream would read JSON as a stream without events.
        if stream.0 == Some(true) {
            return Err(AppError::from(InvalidRequest::whole_response_only()).into());
        }
        Ok(StoredResponse(whole))
    }

    /// Delete a stored response.
    ///
    /// Responses that continue it cannot be continued any more.
    #[oai(path = "/v1/responses/:id", method = "delete", operation_id = "deleteResponse")]
    async fn delete(
        &self,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<ResponseDeleted>, OpenAiErrorResponse<{ BAD_REQUEST | NOT_FOUND }>> {
        caller.app().models.delete_response(&caller.0.principal, &id.0).await?;
        Ok(Json(ResponseDeleted { id: id.0, object: ResponseObject::Response, deleted: true }))
    }

    /// List the input items of a stored response.
    ///
    /// Items without an id get a generated one. The content of a message is always a list of parts.
    #[oai(path = "/v1/responses/:id/input_items", method = "get", operation_id = "listInputItems")]
    async fn input_items(
        &self,
        caller: Caller,
        id: Path<String>,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The order, `desc` (newest first) by default.
        order: Query<Option<ItemOrder>>,
        /// The id of the last item of the previous page.
        after: Query<Option<String>>,
    ) -> Result<Json<InputItemList>, OpenAiErrorResponse<{ BAD_REQUEST | NOT_FOUND }>> {
        let mut items = caller.app().models.list_input_items(&caller.0.principal, &id.0).await?;
        if order.0 != Some(ItemOrder::Asc) {
            items.reverse();
        }
        let unknown = || AppError::from(InvalidRequest::unknown_after(after.0.as_deref().unwrap_or_default()));
        Ok(Json(InputItemList::page(items, after.0.as_deref(), limit.0.0).ok_or_else(unknown)?))
    }
}

/// The JSON of a stored response.
struct StoredResponse(String);

impl IntoResponse for StoredResponse {
    fn into_response(self) -> Response {
        Response::builder().content_type(JSON).body(self.0)
    }
}

impl ApiResponse for StoredResponse {
    fn meta() -> MetaResponses {
        let whole = MetaMediaType { content_type: JSON, schema: inline(any_object()) };
        MetaResponses { responses: vec![success(vec![whole], Vec::new())] }
    }

    fn register(_registry: &mut Registry) {}
}
