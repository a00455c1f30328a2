//! The body of a request to a model: its schema for the document, and its raw bytes for the use case, which parses
//! them.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{
    FromRequest, Request, RequestBody,
    http::{HeaderMap, header},
    web::Data,
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
};

use super::{authenticator::AuthContext, large_body::BudgetedBody, problem_json::ProblemJson};
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
    pub(super) bytes: BudgetedBody<Bytes>,
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
        let Data(context) = Data::<&AuthContext>::from_request_without_body(request).await?;
        check_encoding(request.headers()).map_err(ProblemJson)?;
        let bytes = context.state.bodies.read(body.take()?, request.headers()).await;
        Ok(Self { bytes: bytes.map_err(|error| ProblemJson(error.into()))?, shape: PhantomData })
    }
}

/// Rejects compressed bodies: the gateway parses the prompt, and clients do not compress by default.
fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Ok(());
    }
    let detail = "the body is compressed; send plain JSON, or use /v1/proxy, which forwards bodies unchanged";
    Err(Problem::new(ProblemKind::NotJson, detail))
}
