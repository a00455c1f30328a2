//! Errors as `application/problem+json` (RFC 9457), all of them, also the ones that the framework makes.

use std::time::Duration;

use poem::{
    IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    Object,
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};

use super::{control_json::InvalidBody, current_request, openai_error, problem_kind::ProblemKind};

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct Problem {
    /// `urn:goclaw:error:` and the code: identifies the kind of error.
    #[oai(rename = "type")]
    kind: String,
    /// The kind of error in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do about it.
    pub(super) detail: String,
    /// This one occurrence: `urn:goclaw:request:` and the `X-Request-Id`, as in the gateway's log.
    instance: Option<String>,
    /// Stable name of the kind of error.
    pub(super) code: String,
    /// The sentence alone, where programs of the original look for it.
    error: String,
    /// What a 401 wants to see (RFC 9110 section 11.6.1).
    #[oai(skip)]
    challenge: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (code, status, detail) = (kind.code(), kind.status(), detail.into());
        Self {
            kind: format!("urn:goclaw:error:{code}"),
            title: kind.title().to_owned(),
            status: status.as_u16(),
            instance: current_request::id().map(|id| format!("urn:goclaw:request:{id}")),
            error: detail.clone(),
            code: code.to_owned(),
            detail,
            challenge: (status == StatusCode::UNAUTHORIZED).then_some("Bearer error=\"invalid_token\""),
        }
    }

    pub(super) fn unauthorized(token_was_sent: bool) -> Self {
        if token_was_sent {
            return Self::new(ProblemKind::Unauthorized, "This is not the gateway's token.");
        }
        let detail = "Send the gateway's token: Authorization: Bearer <token>.";
        // RFC 6750 section 3.1: no error code for a request without a token.
        Self { challenge: Some("Bearer"), ..Self::new(ProblemKind::Unauthorized, detail) }
    }

    pub(super) fn too_many_attempts(wait: Duration) -> impl IntoResponse {
        // Rounded up, so that who waits that long is not early.
        let seconds = wait.as_secs() + 1;
        let detail = format!("Too many requests without the right token. Try again in {seconds} s.");
        ProblemJson(Self::new(ProblemKind::TooManyAttempts, detail))
            .with_header(header::RETRY_AFTER, seconds.to_string())
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// A problem as a body.
#[derive(Debug)]
pub(super) struct ProblemJson(pub(super) Problem);

impl Payload for ProblemJson {
    const CONTENT_TYPE: &'static str = "application/problem+json";

    fn schema_ref() -> MetaSchemaRef {
        Problem::schema_ref()
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl IntoResponse for ProblemJson {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let mut answer = openai_error::of_problem(&problem).unwrap_or_else(|| {
            let answer = Response::builder().status(problem.status()).content_type(Self::CONTENT_TYPE);
            answer.body(problem.to_json_string())
        });
        if let Some(challenge) = problem.challenge {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        answer
    }
}

/// Whatever the framework refuses by itself, in our form. Its own words may repeat what was sent, so they are not used.
pub(super) async fn from_framework(error: poem::Error) -> Response {
    // A handler's own refusal travels as an error too, complete.
    if error.is_from_response() {
        return error.into_response();
    }
    if let Some(bad_body) = error.downcast_ref::<InvalidBody>() {
        return ProblemJson(Problem::new(bad_body.kind(), bad_body.to_string())).into_response();
    }
    let status = error.status();
    if status == StatusCode::UNAUTHORIZED {
        return ProblemJson(Problem::unauthorized(true)).into_response();
    }
    let (kind, detail) = match status {
        StatusCode::BAD_REQUEST => {
            (ProblemKind::BadRequest, "the request does not fit what this operation takes; see /docs")
        }
        StatusCode::NOT_FOUND => (ProblemKind::NotFound, "there is nothing at this path; see /docs"),
        StatusCode::METHOD_NOT_ALLOWED => {
            (ProblemKind::MethodNotAllowed, "this path does not take this method; see /docs")
        }
        StatusCode::PAYLOAD_TOO_LARGE => (ProblemKind::BodyTooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (ProblemKind::NotJson, "send the body as application/json"),
        _ => {
            tracing::error!(status = status.as_u16(), "the framework failed a request: {error}");
            (ProblemKind::Internal, "the gateway could not do this; its log says why")
        }
    };
    ProblemJson(Problem::new(kind, detail)).into_response()
}
