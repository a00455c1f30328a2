//! Errors as OpenAI's clients parse them, on the routes that such clients call. Everywhere else errors are problem+json.
//!
//! What will not go away by itself is a 400 here, and nothing else that those clients would try again: see
//! [`crate::domain::provider_refusal`].

use std::time::Duration;

use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde_json::json;

use super::{current_request, model_answers::OpenAiErrorAnswer, problem::Problem};
use crate::{
    app::AppError,
    domain::{
        dialect::InvalidRequest,
        provider_refusal::{ProviderRefusal, SHOULD_RETRY, Verdict},
        time::retry_after_seconds,
    },
};

/// The routes whose callers expect this form: these, and whatever is below those that end in a slash.
const ROUTES: [&str; 5] =
    ["/v1/responses", "/v1/chat/completions", "/v1/models", "/v1/models/", super::proxy_api::PREFIX];

/// The errors of a caller that another try may not meet.
const MAY_PASS: [StatusCode; 2] = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];

/// Whether a path's callers expect OpenAI's form.
pub(super) fn is_spoken_at(path: &str) -> bool {
    ROUTES.iter().any(|route| path == *route || route.ends_with('/') && path.starts_with(route))
}

/// The problem in OpenAI's form, if that is what this request's caller expects.
pub(super) fn of_problem(problem: &Problem) -> Option<Response> {
    current_request::speaks_openai().then(|| OpenAiError::from(problem.clone()).into_response())
}

/// `{"error": {message, type, code, param}}` with its status.
#[derive(Debug)]
pub(super) struct OpenAiError {
    status: StatusCode,
    kind: String,
    code: String,
    message: String,
    param: Option<String>,
    retry_after: Option<Duration>,
    /// Whether no other try can succeed before somebody does something.
    is_hopeless: bool,
    /// When a used up plan is good again, and which it is: the Codex CLI shows both.
    resets_at: Option<i64>,
    plan_type: Option<String>,
}

impl OpenAiError {
    /// What a caller of a model reads of an error.
    pub(super) fn of(error: &AppError) -> Self {
        if let AppError::ProviderRefused(refusal) = error {
            tracing::info!(code = refusal.code, verdict = ?refusal.verdict, "the provider refused a request");
            return Self::refused(refusal);
        }
        if let AppError::InvalidModelRequest(InvalidRequest { message, param, code }) = error {
            let param = param.clone();
            return Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message) };
        }
        Problem::of(error).into()
    }

    fn new(status: StatusCode, kind: &str, code: &str, message: &str) -> Self {
        Self {
            status,
            kind: kind.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
            param: None,
            retry_after: None,
            is_hopeless: status.is_client_error() && !MAY_PASS.contains(&status),
            resets_at: None,
            plan_type: None,
        }
    }

    fn refused(refusal: &ProviderRefusal) -> Self {
        let status = match refusal.verdict {
            Verdict::BadRequest | Verdict::NotAllowed | Verdict::TokenRefused => StatusCode::BAD_REQUEST,
            Verdict::NotFound => StatusCode::NOT_FOUND,
            Verdict::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Verdict::UsageLimit | Verdict::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Verdict::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Verdict::Failed => StatusCode::BAD_GATEWAY,
        };
        let kind = refusal.verdict.openai_type();
        Self {
            param: refusal.param.clone(),
            retry_after: refusal.retry_after,
            is_hopeless: refusal.is_lasting(),
            resets_at: refusal.resets_at,
            plan_type: refusal.plan_type.clone(),
            ..Self::new(status, kind, &refusal.code, &refusal.message)
        }
    }
}

impl From<Problem> for OpenAiError {
    fn from(problem: Problem) -> Self {
        // Only the account's owner can help: no status that a client takes for its own token's, or tries again.
        let status = match problem.code.as_str() {
            "needs_reauth" | "not_connected" | "disabled_by_configuration" | "switched_off" => StatusCode::BAD_REQUEST,
            _ => problem.status(),
        };
        let kind = match status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        };
        let plain = Self::new(status, kind, &problem.code, &problem.detail);
        // Broken until somebody mends the configuration.
        let is_hopeless = plain.is_hopeless || ["sealed", "upstream_redirect"].contains(&problem.code.as_str());
        let is_transient = status == StatusCode::SERVICE_UNAVAILABLE && !is_hopeless;
        Self { is_hopeless, retry_after: is_transient.then_some(Duration::from_secs(1)), ..plain }
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let mut error = json!({"message": self.message, "type": self.kind, "code": self.code, "param": self.param});
        if let Some(members) = error.as_object_mut() {
            members.extend(self.resets_at.map(|at| ("resets_at".to_owned(), at.into())));
            members.extend(self.plan_type.map(|plan| ("plan_type".to_owned(), plan.into())));
        }
        let mut answer = Response::builder().status(self.status).content_type("application/json");
        if let Some(wait) = self.retry_after {
            answer = answer.header(header::RETRY_AFTER, retry_after_seconds(wait).to_string());
        }
        if self.is_hopeless {
            answer = answer.header(SHOULD_RETRY, "false");
        }
        answer.body(json!({ "error": error }).to_string())
    }
}

impl From<OpenAiError> for poem::Error {
    fn from(error: OpenAiError) -> Self {
        Self::from_response(error.into_response())
    }
}

/// The statuses of an error, and when they are answered.
const STATUSES: [(u16, &str); 11] = [
    (400, "The request must be changed, or the account's owner must do something: see `code`."),
    (401, "No token, or none of the gateway's."),
    (404, "No such model."),
    (408, "The body took too long to arrive."),
    (413, "The body is too large."),
    (415, "The body is compressed."),
    (429, "The plan is used up, or too many requests came at once."),
    (500, "A bug of the gateway."),
    (502, "The provider failed."),
    (503, "Not now; try again after a moment."),
    (504, "The provider was silent for too long."),
];

impl ApiResponse for OpenAiError {
    fn meta() -> MetaResponses {
        let responses = STATUSES.map(|(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: OpenAiErrorAnswer::schema_ref() }],
            headers: Vec::new(),
        });
        MetaResponses { responses: responses.into() }
    }

    fn register(registry: &mut Registry) {
        OpenAiErrorAnswer::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_told_by_their_whole_name() {
        for path in ["/v1/responses", "/v1/models", "/v1/models/a", "/v1/proxy/openai/x"] {
            assert!(is_spoken_at(path), "{path}");
        }
        for path in ["/v1/responses/x", "/v1/modelsx", "/v1/auth/openai/status", "/v1/proxy"] {
            assert!(!is_spoken_at(path), "{path}");
        }
    }
}
