//! The body of a model request: its schema for the OpenAPI document, and its unparsed bytes for the use case.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{FromRequest, Request, RequestBody, web::Data};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
};

use super::{authenticator::AuthContext, compression::Coding, large_body::BudgetedBody, problem_json::ProblemJson};
use crate::ports::BodyError;

/// The documented members of a body, which the gateway itself reads. A body may have any other member of OpenAI's API.
pub(super) trait Shape {
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    /// The member with the prompt, and its schema.
    const PROMPT: (&'static str, fn() -> MetaSchema);
    /// Whether a request must name a model.
    const NEEDS_MODEL: bool = true;
    /// Whether the response can be a stream.
    const STREAMS: bool = true;
}

/// A decompressed body whose JSON is not parsed yet.
pub(super) struct ModelBody<S> {
    pub(super) bytes: BudgetedBody<Bytes>,
    shape: PhantomData<S>,
}

impl<S: Shape> ModelBody<S> {
    fn schema() -> MetaSchema {
        let (prompt, schema) = S::PROMPT;
        let member = |schema| MetaSchemaRef::Inline(Box::new(schema));
        let model = MetaSchema { example: Some("openai-codex/gpt-5.5".into()), ..MetaSchema::new("string") };
        let stream = S::STREAMS.then(|| ("stream", member(MetaSchema::new("boolean"))));
        MetaSchema {
            description: Some(S::DESCRIPTION),
            required: S::NEEDS_MODEL.then_some("model").into_iter().chain([prompt]).collect(),
            properties: [("model", member(model)), (prompt, member(schema()))].into_iter().chain(stream).collect(),
            ..MetaSchema::new("object")
        }
    }
}

impl<'a, S: Shape + Send + 'static> ApiExtractor<'a> for ModelBody<S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(S::NAME.to_owned(), |_| Self::schema());
    }

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Reference(S::NAME.to_owned());
        let content = vec![MetaMediaType { content_type: "application/json", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let Data(context) = Data::<&AuthContext>::from_request_without_body(request).await?;
        let to_problem = |error: BodyError| ProblemJson(error.into());
        let coding = Coding::of(request.headers()).map_err(ProblemJson)?;
        let bodies = &context.state.bodies;
        let bytes = bodies.read(context.token_id(), body.take()?, request.headers()).await.map_err(to_problem)?;
        let bytes = coding.decompress(bytes).await.map_err(ProblemJson)?;
        Ok(Self { bytes, shape: PhantomData })
    }
}
