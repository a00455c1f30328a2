//! Renders problems as `application/problem+json` (RFC 9457), or in OpenAI's form where the caller expects it.

use std::time::Duration;

use poem::{
    IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::types::ToJSON;

use super::{current_request, openai_error::OpenAiError, paths, running_limit::MAX_RUNNING};
use crate::adapters::contract::{Problem, ProblemKind};

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// An error response with a problem.
#[derive(Debug)]
pub(super) struct ProblemJson(pub(super) Problem);

impl ProblemJson {
    pub(super) fn response(kind: ProblemKind, detail: impl Into<String>) -> Response {
        Self(Problem::new(kind, detail)).into_response()
    }

    pub(super) fn unauthorized(token_was_sent: bool) -> Response {
        if token_was_sent {
            return Self::response(ProblemKind::Unauthorized, "the token is not valid");
        }
        let detail = "send a token: Authorization: Bearer <token>";
        let mut response = Self::response(ProblemKind::Unauthorized, detail);
        // RFC 6750, section 3.1: the challenge has no error code if the request had no token.
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    }

    /// Returns the error for a path that does not exist.
    pub(super) fn no_such_path() -> Response {
        Self::response(
            ProblemKind::NotFound,
            if current_request::expects_openai_errors() {
                format!("this path does not exist; {}", paths::SUPPORTED_OPERATIONS)
            } else {
                "this path does not exist; see /docs. The base URL of an OpenAI client ends in /v1".to_owned()
            },
        )
    }

    /// Returns the error for a method that a path does not support.
    pub(super) fn no_such_method() -> Response {
        Self::response(
            ProblemKind::MethodNotAllowed,
            if current_request::expects_openai_errors() {
                format!("this path does not support this method; {}", paths::SUPPORTED_OPERATIONS)
            } else {
                "this path does not support this method; see /docs".to_owned()
            },
        )
    }

    pub(super) fn too_many_attempts(wait: Duration) -> Response {
        // Round up, so that callers do not retry too early.
        let seconds = wait.as_secs() + 1;
        let detail = format!("too many requests without a valid token; try again in {seconds} s");
        let response = Self::response(ProblemKind::TooManyAttempts, detail);
        response.with_header(header::RETRY_AFTER, seconds.to_string()).into_response()
    }

    /// Returns the error for a program that has too many running requests.
    pub(super) fn too_many_requests() -> Response {
        let detail = format!("{MAX_RUNNING} requests of this token are running; wait until one of them ends");
        let response = Self::response(ProblemKind::TooManyRequests, detail);
        response.with_header(header::RETRY_AFTER, "1").into_response()
    }
}

impl From<ProblemJson> for poem::Error {
    fn from(problem: ProblemJson) -> Self {
        Self::from_response(problem.into_response())
    }
}

impl IntoResponse for ProblemJson {
    fn into_response(self) -> Response {
        let Self(mut problem) = self;
        let status = problem.status();
        let mut response = if current_request::expects_openai_errors() {
            OpenAiError::from(problem).into_response()
        } else {
            problem.instance = current_request::id().map(|id| format!("urn:goclaw:request:{id}"));
            Response::builder().status(status).content_type(PROBLEM_JSON).body(problem.to_json_string())
        };
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Converts an error of poem to a problem. The error's text is not sent, because it may contain parts of the request.
pub(super) fn from_framework(error: poem::Error) -> Response {
    // The error is a response that a handler has already rendered.
    if error.is_from_response() {
        return error.into_response();
    }
    let (kind, detail) = match error.status() {
        StatusCode::NOT_FOUND => return ProblemJson::no_such_path(),
        StatusCode::METHOD_NOT_ALLOWED => return ProblemJson::no_such_method(),
        StatusCode::UNAUTHORIZED => return ProblemJson::unauthorized(true),
        StatusCode::BAD_REQUEST => (ProblemKind::BadRequest, "the request does not match this operation; see /docs"),
        status => {
            tracing::error!(status = status.as_u16(), error = %error, "the framework could not process a request");
            (ProblemKind::Internal, "the request failed; see the gateway's log for the cause")
        }
    };
    ProblemJson::response(kind, detail)
}
