//! Errors in the form of OpenAI's API, for the model routes and the proxy. The control API uses problem+json.
//!
//! OpenAI's clients retry some statuses. A permanent failure gets another status or `x-should-retry: false`; see
//! [`crate::domain::provider_refusal`].

use std::time::Duration;

use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
};
use poem_openapi::types::ToJSON;

use crate::{
    adapters::contract::{OpenAiErrorBody, OpenAiErrorDetails, Problem},
    app::AppError,
    domain::{
        dialect::{InvalidRequest, TOO_LARGE},
        provider_refusal::{ProviderRefusal, RefusalKind, SHOULD_RETRY},
        time::retry_after_seconds,
    },
};

/// An error response in OpenAI's form.
#[derive(Debug)]
pub(super) struct OpenAiError {
    status: StatusCode,
    details: OpenAiErrorDetails,
    retry_after: Option<Duration>,
    /// Whether the same request would fail again.
    forbids_retry: bool,
}

impl OpenAiError {
    /// Converts an error of a use case. Logs the refusal of a provider.
    pub(super) fn of(error: &AppError) -> Self {
        if let AppError::ProviderRefused(refusal) = error {
            tracing::info!(code = refusal.code, kind = ?refusal.kind, "the provider refused a request");
            return Self::refused(refusal);
        }
        if let AppError::InvalidModelRequest(InvalidRequest { message, param, code }) = error {
            let status = if *code == TOO_LARGE { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            let mut error = Self::new(status, "invalid_request_error", code, message);
            error.details.param.clone_from(param);
            return Self { forbids_retry: true, ..error };
        }
        let mut converted = Self::from(Problem::of(error));
        if let AppError::RefreshUnavailable { wait: Some(wait), .. } = error {
            converted.retry_after = Some(*wait);
        }
        converted
    }

    fn new(status: StatusCode, kind: &str, code: &str, message: &str) -> Self {
        let details = OpenAiErrorDetails {
            message: message.to_owned(),
            kind: kind.to_owned(),
            code: code.to_owned(),
            param: None,
            resets_at: None,
            plan_type: None,
        };
        Self { status, details, retry_after: None, forbids_retry: false }
    }

    fn refused(refusal: &ProviderRefusal) -> Self {
        let status = match refusal.kind {
            RefusalKind::BadRequest
            | RefusalKind::NotAllowed
            | RefusalKind::AccountRefused
            | RefusalKind::TokenRefused => StatusCode::BAD_REQUEST,
            RefusalKind::NotFound => StatusCode::NOT_FOUND,
            RefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RefusalKind::UsageLimit | RefusalKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            RefusalKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            RefusalKind::Failed => StatusCode::BAD_GATEWAY,
        };
        let mut error = Self::new(status, refusal.kind.openai_type(), &refusal.code, &refusal.message);
        error.details.param.clone_from(&refusal.param);
        error.details.resets_at = refusal.resets_at;
        error.details.plan_type.clone_from(&refusal.plan_type);
        Self { retry_after: refusal.retry_after, forbids_retry: refusal.forbids_retry(), ..error }
    }
}

impl From<Problem> for OpenAiError {
    fn from(problem: Problem) -> Self {
        let (status, forbids_retry) = (problem.code.openai_status(), problem.code.forbids_retry());
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        let is_transient = status == StatusCode::SERVICE_UNAVAILABLE && !forbids_retry;
        let retry_after = is_transient.then_some(Duration::from_secs(1));
        Self { forbids_retry, retry_after, ..Self::new(status, kind, problem.code.as_str(), &problem.detail) }
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status).content_type("application/json");
        if let Some(wait) = self.retry_after {
            response = response.header(header::RETRY_AFTER, retry_after_seconds(wait).to_string());
        }
        if self.forbids_retry {
            response = response.header(SHOULD_RETRY, "false");
        }
        response.body(OpenAiErrorBody { error: self.details }.to_json_string())
    }
}
