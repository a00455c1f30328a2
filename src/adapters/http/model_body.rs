//! The body of a request for a model: large, bounded while it streams in, and read by the use case alone.

use std::{marker::PhantomData, time::Duration};

use bytes::Bytes;
use poem::{Body, IntoResponse, Request, RequestBody, error::ReadBodyError};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
};
use tokio::time::timeout;

use super::{
    problem::{Problem, ProblemJson},
    problem_kind::ProblemKind,
};

/// The largest body that is taken: a long conversation with pictures. It is kept until the answer begins, for the
/// case that the request must be sent once more.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// How long a caller may take to send it.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// Reads a body to its end, within bounds.
pub(super) async fn read(body: Body) -> Result<Bytes, Problem> {
    match timeout(BODY_TIMEOUT, body.into_bytes_limit(MAX_BODY_BYTES)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => {
            Err(Problem::new(ProblemKind::BodyTooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes")))
        }
        Ok(Err(_)) => Err(Problem::new(ProblemKind::BadRequest, "the body could not be read to its end")),
        Err(_) => Err(Problem::new(ProblemKind::BodyTimeout, "the body took too long to arrive; send it again")),
    }
}

/// What of a body the contract tells: the members that the gateway itself looks at. All others are OpenAI's.
pub(super) trait Shape {
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    /// The member that holds the prompt, and its schema.
    const PROMPT: (&'static str, fn() -> MetaSchema);
}

/// A body as it came, whose JSON the use case reads.
pub(super) struct ModelBody<S> {
    pub(super) bytes: Bytes,
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
        _request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match read(body.take()?).await {
            Ok(bytes) => Ok(Self { bytes, shape: PhantomData }),
            Err(problem) => Err(poem::Error::from_response(ProblemJson(problem).into_response())),
        }
    }
}
