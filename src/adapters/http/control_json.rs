//! The JSON body of a control request: bounded while it streams in, and never repeated in an error.

use std::fmt;

use poem::{
    Request, RequestBody,
    error::{ReadBodyError, ResponseError},
    http::StatusCode,
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::ParseFromJSON,
};
use serde_json::{Map, Value};

use super::{problem_kind::ProblemKind, strict_json::Strict};

/// The largest body a control request may have, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON object; where it is optional, no body at all means the object without members.
pub(super) struct ControlJson<T, const OPTIONAL: bool = false>(pub(super) T);

/// Why a body was refused. It may hold a secret, so none of it is in the message.
#[derive(Debug)]
pub(super) enum InvalidBody {
    TooLarge,
    Unreadable,
    /// Not JSON, or a member appears twice.
    NotJson {
        line: usize,
        column: usize,
    },
    /// It is JSON of another shape. The text names members and types, never values.
    WrongShape(String),
    NotAnnouncedAsJson,
}

impl InvalidBody {
    pub(super) fn kind(&self) -> ProblemKind {
        match self {
            Self::TooLarge => ProblemKind::BodyTooLarge,
            Self::Unreadable | Self::NotJson { .. } => ProblemKind::MalformedJson,
            Self::WrongShape(_) => ProblemKind::InvalidBody,
            Self::NotAnnouncedAsJson => ProblemKind::NotJson,
        }
    }
}

impl fmt::Display for InvalidBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the body is larger than {MAX_BODY_BYTES} bytes"),
            Self::Unreadable => f.write_str("the body could not be read to its end"),
            Self::NotJson { line, column } => {
                write!(f, "the body is not JSON, or a member appears twice (line {line}, column {column})")
            }
            Self::WrongShape(what) => write!(f, "the body does not fit: {what}"),
            Self::NotAnnouncedAsJson => f.write_str("send the body with Content-Type: application/json"),
        }
    }
}

impl std::error::Error for InvalidBody {}

impl ResponseError for InvalidBody {
    fn status(&self) -> StatusCode {
        self.kind().status()
    }
}

impl<'a, T: ParseFromJSON, const OPTIONAL: bool> ApiExtractor<'a> for ControlJson<T, OPTIONAL> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: !OPTIONAL })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = match body.take()?.into_bytes_limit(MAX_BODY_BYTES).await {
            Ok(bytes) => bytes,
            Err(ReadBodyError::PayloadTooLarge) => return Err(InvalidBody::TooLarge.into()),
            Err(_) => return Err(InvalidBody::Unreadable.into()),
        };
        let value = if OPTIONAL && bytes.is_empty() {
            Value::Object(Map::new())
        } else if is_json(request) {
            serde_json::from_slice::<Strict>(&bytes).map_err(|error| not_json(&error))?.0
        } else {
            return Err(InvalidBody::NotAnnouncedAsJson.into());
        };
        if let Some(name) = null_member(&value) {
            return Err(InvalidBody::WrongShape(format!("`{name}` is null; leave it out")).into());
        }
        let parsed = T::parse_from_json(Some(value)).map_err(|error| wrong_shape(&error.into_message()))?;
        Ok(Self(parsed))
    }
}

fn is_json(request: &Request) -> bool {
    let essence = request.content_type().and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json")
}

/// The framework takes null for a member left out. But in a PATCH it may be meant to remove something (RFC 7396), and what
/// nobody did must not look done.
fn null_member(value: &Value) -> Option<&str> {
    value.as_object()?.iter().find(|(_, member)| member.is_null()).map(|(name, _)| name.as_str())
}

fn not_json(error: &serde_json::Error) -> InvalidBody {
    InvalidBody::NotJson { line: error.line(), column: error.column() }
}

/// The framework's message, without the part that shows what was found.
fn wrong_shape(message: &str) -> InvalidBody {
    let named = message.split(", found").next().unwrap_or_default();
    InvalidBody::WrongShape(named.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_null_member_is_named() {
        assert_eq!(null_member(&json!({"enabled": true, "display_name": null})), Some("display_name"));
        for body in [json!({}), json!({"enabled": false}), json!(null), json!([null])] {
            assert_eq!(null_member(&body), None, "{body}");
        }
    }
}
