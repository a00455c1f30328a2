//! Request parameters from a query, a form or a JSON object.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{HeaderMap, header::CONTENT_TYPE};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::UnreadBody;

/// The request is unreadable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParameterError {
    #[error("The body is too large or was cut off.")]
    Body,
    #[error("The body is not a JSON object of strings.")]
    Json,
    #[error("The body is neither a form nor JSON.")]
    MediaType,
    #[error("The parameter `{0}` occurs more than once.")]
    Repeated(String),
}

/// Reads the body of a request. A body of more than `limit` bytes is an error.
pub(crate) async fn read_body(body: UnreadBody, limit: usize) -> Result<Bytes, ParameterError> {
    // The cause (limit or broken connection) does not change the response.
    let collected = Limited::new(body.read(), limit).collect().await.ok();
    collected.map(http_body_util::Collected::to_bytes).ok_or(ParameterError::Body)
}

/// Parameters with unique names (RFC 6749 section 3.1).
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    pub(crate) is_json: bool,
}

impl Parameters {
    /// Parses a body by its media type.
    pub(crate) fn from_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, ParameterError> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Self::from_form(body),
            "application/json" => Self::from_json(body),
            _ => Err(ParameterError::MediaType),
        }
    }

    /// Parses a form or a query.
    pub(crate) fn from_form(text: &[u8]) -> Result<Self, ParameterError> {
        let parameters = Self { pairs: form_urlencoded::parse(text).into_owned().collect(), is_json: false };
        match parameters.repeated() {
            Some(name) => Err(ParameterError::Repeated(name)),
            None => Ok(parameters),
        }
    }

    fn from_json(body: &[u8]) -> Result<Self, ParameterError> {
        let members: Map<String, Value> = serde_json::from_slice(body).ok().ok_or(ParameterError::Json)?;
        let pair = |(name, value): (String, Value)| value.as_str().map(|text| (name, text.to_owned()));
        let pairs = members.into_iter().map(pair).collect::<Option<_>>().ok_or(ParameterError::Json)?;
        Ok(Self { pairs, is_json: true })
    }

    /// Returns the value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn repeated(&self) -> Option<String> {
        let repeats = |name: &str| self.pairs.iter().filter(|(other, _)| other == name).count() > 1;
        self.pairs.iter().find(|(name, _)| repeats(name)).map(|(name, _)| name.clone())
    }
}
