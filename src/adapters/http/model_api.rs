//! The routes of OpenAI's API, such as `/v1/responses`, `/v1/chat/completions` and `/v1/models`. They use the models of
//! the connected accounts.

use bytes::Bytes;
use poem::{
    IntoResponse, Response,
    http::{HeaderMap, header},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    registry::{MetaMediaType, MetaResponses, MetaSchema, Registry},
    types::Type,
};

use super::{
    authenticator::Caller,
    large_body::BudgetedBody,
    model_body::ModelBody,
    model_shapes::{
        ChatShape, CompactionShape, CompletionShape, EmbeddingsShape, ImageShape, ResponseShape, any_object, inline,
    },
    proxy_api,
    responses::{BAD_REQUEST, JSON, Json, LARGE_BODY, NOT_FOUND, OpenAiErrorResponse, PROVIDER, header, success},
    tags::Tag,
};
use crate::{
    adapters::contract::{CatalogEntry, Model, ModelList},
    app::{IGNORED_PARAMETERS, ModelListing, ModelRequest},
    domain::ids::AccountName,
};

pub(super) struct ModelApi;

/// Ask a model of a connected account. `model` is `<provider>/<model>`, the key of a configured agent, or the name of a
/// model of the default provider.
#[OpenApi(tag = "Tag::Models")]
impl ModelApi {
    /// Create a response (OpenAI's Responses API).
    ///
    /// With `stream` the response is a stream of server-sent events that ends with the response.
    #[oai(path = "/v1/responses", method = "post", operation_id = "createResponse")]
    async fn response(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<ResponseShape>,
    ) -> Result<ModelResponse, OpenAiErrorResponse<PROMPT>> {
        let BudgetedBody { body, reservation } = body.bytes;
        let request = model_request(&caller, headers, body);
        let response = caller.app().models.create_response(request).await?;
        Ok(ModelResponse(proxy_api::streamed(response, reservation, &caller.0)))
    }

    /// Compact a conversation.
    ///
    /// The `output` of the response replaces the conversation in later requests. Only ChatGPT supports this.
    #[oai(path = "/v1/responses/compact", method = "post", operation_id = "compactResponse")]
    async fn compaction(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<CompactionShape>,
    ) -> Result<WholeResponse, OpenAiErrorResponse<PROMPT>> {
        let BudgetedBody { body, reservation } = body.bytes;
        let request = model_request(&caller, headers, body);
        let response = caller.app().models.compact(request).await?;
        Ok(WholeResponse(proxy_api::streamed(response, reservation, &caller.0)))
    }

    /// Create a chat completion (OpenAI's Chat Completions API).
    ///
    /// With `stream` the response is a stream of chunks that ends with `[DONE]`.
    #[oai(path = "/v1/chat/completions", method = "post", operation_id = "createChatCompletion")]
    async fn chat_completion(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<ChatShape>,
    ) -> Result<ModelResponse, OpenAiErrorResponse<PROMPT>> {
        let BudgetedBody { body, reservation } = body.bytes;
        let request = model_request(&caller, headers, body);
        let response = caller.app().models.create_chat_completion(request).await?;
        Ok(ModelResponse(proxy_api::streamed(response, reservation, &caller.0)))
    }

    /// Create a completion (OpenAI's legacy Completions API).
    ///
    /// The prompt is one text, sent to the model as a user message.
    #[oai(path = "/v1/completions", method = "post", operation_id = "createCompletion")]
    async fn completion(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<CompletionShape>,
    ) -> Result<ModelResponse, OpenAiErrorResponse<PROMPT>> {
        let BudgetedBody { body, reservation } = body.bytes;
        let request = model_request(&caller, headers, body);
        let response = caller.app().models.create_completion(request).await?;
        Ok(ModelResponse(proxy_api::streamed(response, reservation, &caller.0)))
    }

    /// Create embeddings.
    ///
    /// Only DashScope supports them.
    #[oai(path = "/v1/embeddings", method = "post", operation_id = "createEmbeddings")]
    async fn embeddings(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<EmbeddingsShape>,
    ) -> Result<WholeResponse, OpenAiErrorResponse<PROMPT>> {
        let BudgetedBody { body, reservation } = body.bytes;
        let request = model_request(&caller, headers, body);
        let response = caller.app().models.create_embeddings(request).await?;
        Ok(WholeResponse(proxy_api::streamed(response, reservation, &caller.0)))
    }

    /// Generate an image.
    ///
    /// A model of the account generates it with the provider's image tool. `model` names that model, or an image model,
    /// which means the first model of the account.
    #[oai(path = "/v1/images/generations", method = "post", operation_id = "createImage")]
    async fn image(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<ImageShape>,
    ) -> Result<WholeResponse, OpenAiErrorResponse<PROMPT>> {
        let BudgetedBody { body, reservation } = body.bytes;
        let request = model_request(&caller, headers, body);
        let response = caller.app().models.create_image(request).await?;
        Ok(WholeResponse(proxy_api::streamed(response, reservation, &caller.0)))
    }

    /// List the models of all connected accounts.
    ///
    /// The lists come from the providers and are cached for a minute. An account that cannot be asked now contributes its
    /// last known or configured list. The models of the default provider have two names. With `client_version`, as the Codex CLI sends
    /// it, the response also has the member `models` in the form of the Codex backend's catalogue.
    #[oai(path = "/v1/models", method = "get", operation_id = "listModels")]
    async fn models(
        &self,
        caller: Caller,
        client_version: Query<Option<String>>,
    ) -> Result<ListResponse, OpenAiErrorResponse<BAD_REQUEST>> {
        let listing = caller.app().models.list(caller.rights()).await;
        Ok(ListResponse { listing, with_catalog: client_version.0.is_some() })
    }

    /// Find a model by its name.
    ///
    /// `model` is a name as listed, or the key of an agent. Its slash may be encoded or not.
    #[oai(path = "/v1/models/:model", method = "get", operation_id = "getModel")]
    async fn model(
        &self,
        caller: Caller,
        model: Path<String>,
    ) -> Result<Json<Model>, OpenAiErrorResponse<{ BAD_REQUEST | NOT_FOUND | PROVIDER }>> {
        Ok(Json(caller.app().models.find(&model.0, caller.rights()).await?.into()))
    }
}

/// Returns a request for the use case, with the rights of its caller.
fn model_request(caller: &Caller, headers: &HeaderMap, body: Bytes) -> ModelRequest {
    ModelRequest { headers: headers.clone(), body, rights: caller.rights().clone(), caller: caller.principal() }
}

/// The error statuses of the operations that send a prompt.
const PROMPT: u16 = LARGE_BODY | NOT_FOUND | PROVIDER;

/// The header that names the accounts whose list of models could not be read.
const INCOMPLETE_MODELS: &str = "goclaw-incomplete-models";

struct ListResponse {
    listing: ModelListing,
    with_catalog: bool,
}

impl IntoResponse for ListResponse {
    fn into_response(self) -> Response {
        let ModelListing { models: listed, catalog, etag, incomplete } = self.listing;
        let models = self.with_catalog.then(|| catalog.into_iter().map(CatalogEntry).collect());
        let mut response = Json(ModelList { models, ..ModelList::from(listed) }).into_response();
        if let Some(etag) = etag.filter(|_| self.with_catalog) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        if incomplete.is_empty() {
            return response;
        }
        let names: Vec<&str> = incomplete.iter().map(AccountName::as_str).collect();
        response.with_header(INCOMPLETE_MODELS, names.join(", ")).into_response()
    }
}

impl ApiResponse for ListResponse {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: JSON, schema: ModelList::schema_ref() }];
        let incomplete = "Accounts whose list could not be read, separated by commas. Their last known or configured models \
             are listed.";
        let incomplete = header(INCOMPLETE_MODELS, incomplete, false, MetaSchema::new("string"));
        MetaResponses { responses: vec![success(content, vec![incomplete])] }
    }

    fn register(registry: &mut Registry) {
        ModelList::register(registry);
    }
}

/// A response as JSON, or as a stream of events if the request has `stream`.
struct ModelResponse(Response);

impl IntoResponse for ModelResponse {
    fn into_response(self) -> Response {
        self.0
    }
}

/// A response that is never a stream.
struct WholeResponse(Response);

impl IntoResponse for WholeResponse {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for WholeResponse {
    fn meta() -> MetaResponses {
        let whole = MetaMediaType { content_type: JSON, schema: inline(any_object()) };
        let ignored = "Parameters that were not forwarded, separated by commas.";
        let ignored = header(IGNORED_PARAMETERS, ignored, false, MetaSchema::new("string"));
        MetaResponses { responses: vec![success(vec![whole], vec![ignored])] }
    }

    fn register(_registry: &mut Registry) {}
}

/// Describes a stream of server-sent events in the OpenAPI document.
pub(super) fn event_stream() -> MetaMediaType {
    let schema = inline(MetaSchema::new_with_format("string", "event-stream"));
    MetaMediaType { content_type: "text/event-stream", schema }
}

impl ApiResponse for ModelResponse {
    fn meta() -> MetaResponses {
        let whole = MetaMediaType { content_type: JSON, schema: inline(any_object()) };
        let ignored = "Parameters that were not forwarded, separated by commas.";
        let ignored = header(IGNORED_PARAMETERS, ignored, false, MetaSchema::new("string"));
        MetaResponses { responses: vec![success(vec![whole, event_stream()], vec![ignored])] }
    }

    fn register(_registry: &mut Registry) {}
}
