//! The body of a request to a model: its schema for the document, and its raw bytes for the use case, which parses
//! them.

use std::{marker::PhantomData, sync::Arc};

use bytes::Bytes;
use poem::{
    FromRequest, IntoResponse, Request, RequestBody,
    http::{HeaderMap, header},
    web::Data,
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
};

use super::{
    large_body::{Kept, LargeBodies},
    problem_json::ProblemJson,
};
use crate::adapters::contract::{Problem, ProblemKind};

/// The documented part of a body: the members that the gateway itself reads. The others are those of OpenAI's API.
pub(super) trait Shape {
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    /// The member with the prompt, and its schema.
    const PROMPT: (&'static str, fn() -> MetaSchema);
}

/// A raw body. The use case parses its JSON.
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
        let kept = match refusal_of_compressed(request.headers()) {
            Some(problem) => Err(problem),
            None => bodies.read(body.take()?, request.headers()).await.map_err(Problem::from),
        };
        match kept {
            Ok(kept) => Ok(Self { kept, shape: PhantomData }),
            Err(problem) => Err(poem::Error::from_response(ProblemJson(problem).into_response())),
        }
    }
}

/// Rejects compressed bodies: the gateway parses the prompt, and clients do not compress by default.
fn refusal_of_compressed(headers: &HeaderMap) -> Option<Problem> {
    let encoding = headers.get(header::CONTENT_ENCODING)?.to_str().unwrap_or_default();
    let words = "the body is compressed; send plain JSON, or use /v1/proxy, which forwards bodies unchanged";
    (!encoding.eq_ignore_ascii_case("identity")).then(|| Problem::new(ProblemKind::NotJson, words))
}
