//! Extracts the JSON body of a request to the control API. Limits its size while reading it. Errors contain no values
//! of the body, because they may be secrets.

use poem::{Request, RequestBody, error::ReadBodyError};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;

use super::{large_body::body_error, problem_json::ProblemJson, responses::JSON};
use crate::{
    adapters::contract::{Problem, ProblemKind},
    domain::json,
    ports::BodyError,
};

/// The largest body of a request to the control API.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON object.
pub(super) struct ControlJson<T, const IS_REQUIRED: bool = true>(pub(super) T);

/// An optional JSON object. An absent body and null count as an object without members. The OpenAPI document does not
/// declare null, because generated clients could then not omit the body.
pub(super) type OptionalJson<T> = ControlJson<T, false>;

async fn read<T: DeserializeOwned>(request: &Request, body: &mut RequestBody, is_required: bool) -> Result<T, Problem> {
    let body = body.take().map_err(|_| Problem::new(ProblemKind::Internal, "the body was read twice"))?;
    let bytes = body.into_bytes_limit(MAX_BODY_BYTES).await.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => {
            Problem::new(ProblemKind::BodyTooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes"))
        }
        ReadBodyError::Io(error) if body_error(&error) == BodyError::TooSlow => BodyError::TooSlow.into(),
        ReadBodyError::Io(_) | ReadBodyError::Utf8(_) | ReadBodyError::BodyHasBeenTaken => {
            Problem::new(ProblemKind::MalformedJson, "the body could not be read to its end")
        }
    })?;
    if bytes.is_empty() {
        return parse(b"null", is_required);
    }
    if !is_json(request) {
        return Err(Problem::new(ProblemKind::NotJson, "send the body with Content-Type: application/json"));
    }
    parse(&bytes, is_required)
}

/// Parses a JSON object. If the body is optional, null counts as an object without members.
fn parse<T: DeserializeOwned>(bytes: &[u8], is_required: bool) -> Result<T, Problem> {
    json::check(bytes, &json::Limits::CONTROL_BODY).map_err(|error| {
        let is_too_large = error.reason.is_too_large();
        let kind = if is_too_large { ProblemKind::BodyTooLarge } else { ProblemKind::MalformedJson };
        Problem::new(kind, format!("the body {error}"))
    })?;
    let members = match bytes.trim_ascii_start() {
        // Serde would also accept an array with the values of the members in order.
        [b'{', ..] => bytes,
        [b'n', ..] if !is_required => b"{}",
        _ => return Err(Problem::body("an object is expected")),
    };
    let mut members = serde_json::Deserializer::from_slice(members);
    serde_path_to_error::deserialize(&mut members).map_err(|error| wrong_shape(&error))
}

fn is_json(request: &Request) -> bool {
    let essence = request.content_type().and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(JSON) || essence.to_ascii_lowercase().ends_with("+json")
}

/// Returns an error that names the member and the expected type. Serde's own message also contains the value, before
/// the last `expected`.
fn wrong_shape(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let text = error.inner().to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _place)| text);
    if let Some(name) = text.strip_prefix("missing field ") {
        return Problem::body(format!("{name} is missing"));
    }
    if let Some(named) = text.strip_prefix("unknown field ") {
        return Problem::body(format!("unknown member {named}"));
    }
    let expected = match text.rsplit_once(", expected ") {
        Some((_found, "u64")) => "a whole number",
        Some((_found, expected)) => expected,
        None => "another value",
    };
    Problem::body(format!("`{}` must be {expected}", error.path()))
}

impl<'a, T: DeserializeOwned + Type, const IS_REQUIRED: bool> ApiExtractor<'a> for ControlJson<T, IS_REQUIRED> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: IS_REQUIRED })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self(read(request, body, IS_REQUIRED).await.map_err(ProblemJson)?))
    }
}
