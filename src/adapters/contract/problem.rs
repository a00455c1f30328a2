//! Errors as `application/problem+json` (RFC 9457).

use http_message::StatusCode;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use super::ProblemKind;

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:goclaw:error:` and the code: identifies the kind of error.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    type_uri: String,
    /// The kind of error in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do about it.
    pub detail: String,
    /// This one occurrence: `urn:goclaw:request:` and the `X-Request-Id`, as in the gateway's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    pub code: ProblemKind,
    /// The same as `detail`, for programs that look for it here.
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

    /// A JSON body of another shape. `what` names members and types, never values.
    pub fn body(what: impl AsRef<str>) -> Self {
        Self::new(ProblemKind::InvalidBody, format!("the body does not fit: {}", what.as_ref()))
    }

    pub fn status(&self) -> StatusCode {
        self.code.status()
    }
}
