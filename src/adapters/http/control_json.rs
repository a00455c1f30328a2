//! The JSON body of a control request. Its size is bounded while it is read, and errors never repeat its values because
//! they may be secrets.

use poem::{IntoResponse, Request, RequestBody, error::ReadBodyError};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;

use super::{answer::JSON, problem_json::ProblemJson};
use crate::{
    adapters::contract::{Problem, ProblemKind},
    domain::json,
};

/// The largest body of a control request, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON object.
pub(super) struct ControlJson<T>(pub(super) T);

/// An optional JSON object; an absent body or null means no members. The document does not declare the null: generators then
/// cannot leave the body out.
pub(super) struct OptionalJson<T>(pub(super) T);

/// Reads a body; `None` if it is empty or null.
async fn read<T: DeserializeOwned>(request: &Request, body: &mut RequestBody) -> Result<Option<T>, Problem> {
    let body = body.take().map_err(|_| Problem::new(ProblemKind::Internal, "the body was read twice"))?;
    let bytes = body.into_bytes_limit(MAX_BODY_BYTES).await.map_err(|error| {
        if matches!(error, ReadBodyError::PayloadTooLarge) {
            Problem::new(ProblemKind::BodyTooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes"))
        } else {
            Problem::new(ProblemKind::MalformedJson, "the body could not be read to its end")
        }
    })?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json(request) {
        return Err(Problem::new(ProblemKind::NotJson, "send the body with Content-Type: application/json"));
    }
    parse(&bytes)
}

/// Parses a JSON object; `None` for null.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, Problem> {
    json::check(bytes, &json::Limits::CONTROL_BODY)
        .map_err(|error| Problem::new(ProblemKind::MalformedJson, format!("the body {error}")))?;
    match bytes.trim_ascii_start() {
        // Serde would accept an array as the members in order.
        [b'{', ..] => {
            let members = &mut serde_json::Deserializer::from_slice(bytes);
            serde_path_to_error::deserialize(members).map(Some).map_err(|error| wrong_shape(&error))
        }
        [b'n', ..] => Ok(None),
        _ => Err(Problem::body("an object is expected")),
    }
}

fn is_json(request: &Request) -> bool {
    let essence = request.content_type().and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(JSON) || essence.to_ascii_lowercase().ends_with("+json")
}

/// Names the member and the expected type. Serde's own text shows the value before the last `expected`.
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

impl<'a, T: DeserializeOwned + Type> ApiExtractor<'a> for ControlJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let read = read(request, body).await;
        let parsed = read.and_then(|parsed| parsed.ok_or_else(|| Problem::body("an object is expected")));
        parsed.map(Self).map_err(|problem| poem::Error::from_response(ProblemJson(problem).into_response()))
    }
}

impl<'a, T: DeserializeOwned + Default + Type> ApiExtractor<'a> for OptionalJson<T> {
    const TYPES: &'static [ApiExtractorType] = ControlJson::<T>::TYPES;

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        ControlJson::<T>::request_meta().map(|meta| MetaRequest { required: false, ..meta })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let read = read(request, body).await.map(Option::unwrap_or_default);
        read.map(Self).map_err(|problem| poem::Error::from_response(ProblemJson(problem).into_response()))
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::adapters::contract::{CreateTokenRequest, RefreshRequest, UpdateProviderRequest};

    fn refusal<T: DeserializeOwned>(body: &str) -> String {
        parse::<T>(body.as_bytes()).err().map(|problem| problem.detail).unwrap_or_default()
    }

    #[test]
    fn errors_name_the_member_but_not_its_value() {
        assert_snapshot!(refusal::<UpdateProviderRequest>(r#"{"display_name": null}"#), @"the body does not fit: `display_name` must be a string");
        assert_snapshot!(refusal::<UpdateProviderRequest>(r#"{"enabled": "canary, expected canary"}"#), @"the body does not fit: `enabled` must be a boolean");
        assert_snapshot!(refusal::<UpdateProviderRequest>(r#"{"rights": "canary"}"#), @"the body does not fit: unknown member `rights`, expected `display_name` or `enabled`");
        assert_snapshot!(refusal::<RefreshRequest>(r#"{"generation": -1}"#), @"the body does not fit: `generation` must be a whole number");
        assert_snapshot!(refusal::<CreateTokenRequest>("{}"), @"the body does not fit: `name` is missing");
        assert_snapshot!(refusal::<CreateTokenRequest>(r#"{"name": "x", "scope": "canary"}"#), @"the body does not fit: `scope` must be `proxy`");
        assert_snapshot!(refusal::<CreateTokenRequest>(r#"["x"]"#), @"the body does not fit: an object is expected");
        assert_snapshot!(refusal::<CreateTokenRequest>(r#"{"name": "x", "name": "y"}"#), @"the body has two members with the same name in one object (line 1, column 20)");
    }
}
