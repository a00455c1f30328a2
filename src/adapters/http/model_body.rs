//! The body of a request for a model, as the contract tells it; the use case alone reads it.

use std::{marker::PhantomData, sync::Arc};

use bytes::Bytes;
use poem::{FromRequest, IntoResponse, Request, RequestBody, web::Data};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
};

use super::{
    large_body::{Kept, LargeBodies},
    problem::{Problem, ProblemJson},
};

/// What of a body the contract tells: the members that the gateway itself looks at. All others are OpenAI's.
pub(super) trait Shape {
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    /// The member that holds the prompt, and its schema.
    const PROMPT: (&'static str, fn() -> MetaSchema);
}

/// A body as it came, whose JSON the use case reads.
pub(super) struct ModelBody<S> {
    pub(super) kept: Kept<Bytes>,
    shape: PhantomData<S>,
}

impl<S: Shape> ModelBody<S> {
    fn schema() -> MetaSchema {
        let (prompt, schema) = S::PROMPT;
        let member = |schema| MetaSchemaRef::Inline(Box::new(schema));
        MetaSchema {
            description: Some(S::DESCRIPTION),
            required: vec!["model", prompt],
            properties: vec![
                (
                    "model",
                    member(MetaSchema { example: Some("openai-codex/gpt-5.5".into()), ..MetaSchema::new("string") }),
                ),
                (prompt, member(schema())),
                ("stream", member(MetaSchema::new("boolean"))),
            ],
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
        let bodies = Data::<&Arc<LargeBodies>>::from_request_without_body(request).await?;
        match bodies.read(body.take()?, request.headers()).await {
            Ok(kept) => Ok(Self { kept, shape: PhantomData }),
            Err(flaw) => Err(poem::Error::from_response(ProblemJson(Problem::from(flaw)).into_response())),
        }
    }
}
