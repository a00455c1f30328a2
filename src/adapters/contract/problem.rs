//! Errors as `application/problem+json` (RFC 9457).

use http_message::StatusCode;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use super::ProblemKind;

/// An error (RFC 9457).
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct Problem {
    /// The kind of error: `urn:goclaw:error:` and the code.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    type_uri: String,
    /// The kind of error as text.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened, and the next step.
    pub detail: String,
    /// This occurrence: `urn:goclaw:request:` and the `X-Request-Id`, which the gateway's log contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    pub code: ProblemKind,
    /// The same as `detail`, for clients that read `error`.
    pub error: String,
}

impl Problem {
    pub fn new(code: ProblemKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            type_uri: format!("urn:goclaw:error:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            instance: None,
            error: detail.clone(),
            detail,
            code,
        }
    }

    /// Returns the problem for an invalid JSON body. `what` must not repeat a value of the body, which may be secret.
    pub fn body(what: impl AsRef<str>) -> Self {
        Self::new(ProblemKind::InvalidBody, format!("the body is invalid: {}", what.as_ref()))
    }

    pub fn status(&self) -> StatusCode {
        self.code.status()
    }
}
