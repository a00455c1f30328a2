//! `/v1/responses`, `/v1/chat/completions` and `/v1/models`: what OpenAI's clients call, with any connected account behind.

use poem::{IntoResponse, Response, http::HeaderMap};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::Path,
    payload::Json,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};

use super::{
    Service,
    authenticator::Caller,
    large_body::Kept,
    model_answers::{ModelAnswer, ModelsAnswer},
    model_body::{ModelBody, Shape},
    openai_error::OpenAiError,
    proxy_api,
};
use crate::app::{AppError, IGNORED_PARAMETERS, ModelRequest, Models, ProxyResponse};

pub(super) struct ModelApi;

/// A request of the Responses API.
struct ResponseShape;

impl Shape for ResponseShape {
    const NAME: &'static str = "CreateResponseRequest";
    const DESCRIPTION: &'static str =
        "A request of OpenAI's Responses API; `docs/dialect.md` tells what becomes of each parameter.";
    const PROMPT: (&'static str, fn() -> MetaSchema) = ("input", || MetaSchema {
        any_of: vec![inline(MetaSchema::new("string")), inline(array_of_objects())],
        ..MetaSchema::ANY
    });
}

/// A request of the Chat Completions API.
struct ChatShape;

impl Shape for ChatShape {
    const NAME: &'static str = "CreateChatCompletionRequest";
    const DESCRIPTION: &'static str =
        "A request of OpenAI's Chat Completions API; `docs/dialect.md` tells what becomes of each parameter.";
    const PROMPT: (&'static str, fn() -> MetaSchema) = ("messages", array_of_objects);
}

fn array_of_objects() -> MetaSchema {
    MetaSchema {
        min_items: Some(1),
        items: Some(Box::new(inline(MetaSchema::new("object")))),
        ..MetaSchema::new("array")
    }
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

/// Ask a model of a connected account. `model` is `<provider>/<model>`, the key of a configured agent, or the name of a model
/// of the default provider.
#[OpenApi(tag = "super::Tag::Models")]
impl ModelApi {
    /// Create a response (OpenAI's Responses API).
    ///
    /// With `stream` the answer is a stream of server-sent events, as the provider sent it.
    #[oai(path = "/v1/responses", method = "post", operation_id = "createResponse")]
    async fn response(
        &self,
        models: Service<'_, Models>,
        _caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<ResponseShape>,
    ) -> Answer<Answered> {
        // Its room is taken until the answer begins.
        let Kept { body, room: _room } = body.kept;
        answer(models.create_response(ModelRequest { headers: headers.clone(), body }).await)
    }

    /// Create a chat completion (OpenAI's Chat Completions API).
    ///
    /// With `stream` the answer is a stream of chunks that ends with `[DONE]`.
    #[oai(path = "/v1/chat/completions", method = "post", operation_id = "createChatCompletion")]
    async fn chat_completion(
        &self,
        models: Service<'_, Models>,
        _caller: Caller,
        headers: &HeaderMap,
        body: ModelBody<ChatShape>,
    ) -> Answer<Answered> {
        let Kept { body, room: _room } = body.kept;
        answer(models.create_chat_completion(ModelRequest { headers: headers.clone(), body }).await)
    }

    /// List the models of all connected accounts.
    ///
    /// Asked of the providers, and kept for a minute.
    #[oai(path = "/v1/models", method = "get", operation_id = "listModels")]
    async fn models(&self, models: Service<'_, Models>, _caller: Caller) -> Answer<Json<ModelsAnswer>> {
        Ok(Json(models.list().await.into()))
    }

    /// Find a model by its name.
    #[oai(path = "/v1/models/:model", method = "get", operation_id = "getModel")]
    async fn model(
        &self,
        models: Service<'_, Models>,
        _caller: Caller,
        model: Path<String>,
    ) -> Answer<Json<ModelAnswer>> {
        models.find(&model.0).await.map(|model| Json(model.into())).map_err(|error| OpenAiError::of(&error))
    }
}

/// An answer of a model, whole or as a stream.
struct Answered(Response);

type Answer<T> = Result<T, OpenAiError>;

fn answer(outcome: Result<ProxyResponse, AppError>) -> Answer<Answered> {
    outcome.map(|answer| Answered(proxy_api::passed_on(answer))).map_err(|error| OpenAiError::of(&error))
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Answered {
    fn meta() -> MetaResponses {
        let media = |content_type, schema| MetaMediaType { content_type, schema: inline(MetaSchema::new(schema)) };
        let answered = MetaResponse {
            description: "The answer of the model.",
            status: Some(200),
            status_range: None,
            content: vec![media("application/json", "object"), media("text/event-stream", "string")],
            headers: vec![MetaHeader {
                name: IGNORED_PARAMETERS.to_owned(),
                description: Some("Parameters that were not passed on, separated by commas.".to_owned()),
                required: false,
                deprecated: false,
                schema: inline(MetaSchema::new("string")),
            }],
        };
        MetaResponses { responses: vec![answered] }
    }

    fn register(_registry: &mut Registry) {}
}
