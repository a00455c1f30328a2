//! What the use cases refuse, as a caller reads it: a stable code and a sentence made here, for each one place.
//!
//! Sources, bodies of others, SQL and paths go to the log.

use poem::http::StatusCode;
use poem_openapi::ApiResponse;

use super::problem::{Problem, ProblemJson};
use crate::{
    app::AppError,
    domain::{login::CallbackRejection, login_outcome::LoginOutcome, provider::AuthMethod},
};

/// What an operation may answer instead of what was asked for.
#[derive(Debug, ApiResponse)]
pub(super) enum Refusal {
    /// The request makes no sense as it is.
    #[oai(status = 400)]
    BadRequest(ProblemJson),
    /// No token, or not the gateway's.
    #[oai(status = 401)]
    Unauthorized(ProblemJson),
    /// Declined at the provider, or somebody else's.
    #[oai(status = 403)]
    Forbidden(ProblemJson),
    /// No such provider.
    #[oai(status = 404)]
    NotFound(ProblemJson),
    /// It does not fit the state of things.
    #[oai(status = 409)]
    Conflict(ProblemJson),
    /// The login it is for is over.
    #[oai(status = 410)]
    Gone(ProblemJson),
    /// The body is too large.
    #[oai(status = 413)]
    PayloadTooLarge(ProblemJson),
    /// The body is not JSON.
    #[oai(status = 415)]
    UnsupportedMediaType(ProblemJson),
    /// A bug of the gateway.
    #[oai(status = 500)]
    Internal(ProblemJson),
    /// The provider refused or answered nonsense.
    #[oai(status = 502)]
    BadGateway(ProblemJson),
    /// The gateway's database or key is not usable now.
    #[oai(status = 503)]
    Unavailable(ProblemJson),
    /// The provider did not answer in time.
    #[oai(status = 504)]
    GatewayTimeout(ProblemJson),
}

impl Refusal {
    /// A body that holds both kinds of secret, or neither.
    pub(super) fn one_secret_wanted() -> Self {
        let detail = "send exactly one of api_key and session_token";
        Problem::new(StatusCode::BAD_REQUEST, "bad_body", "Bad body", detail).into()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let variant = match problem.status().as_u16() {
            400 => Self::BadRequest,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            409 => Self::Conflict,
            410 => Self::Gone,
            413 => Self::PayloadTooLarge,
            415 => Self::UnsupportedMediaType,
            502 => Self::BadGateway,
            503 => Self::Unavailable,
            504 => Self::GatewayTimeout,
            _ => Self::Internal,
        };
        variant(ProblemJson(problem))
    }
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let problem = Problem::from(&error);
        if problem.status().is_server_error() {
            tracing::error!(code = problem.code, error = %chain(&error), "request failed");
        }
        problem.into()
    }
}

/// An error with everything that caused it, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

impl From<&AppError> for Problem {
    fn from(error: &AppError) -> Self {
        use StatusCode as S;
        // The words of the original, where it had any.
        let sentence = error.to_string();
        match error {
            AppError::UnknownProvider(_) => Self::new(S::NOT_FOUND, "unknown_provider", "Unknown provider", sentence),
            AppError::BadProviderName(_) => Self::new(S::BAD_REQUEST, "bad_provider_name", "Bad name", sentence),
            AppError::UnknownProviderType(_) => {
                Self::new(S::BAD_REQUEST, "unknown_provider_type", "Unknown provider type", sentence)
            }
            AppError::TypeConflict { .. } => {
                Self::new(S::CONFLICT, "provider_type_conflict", "Provider of another type", sentence)
            }
            AppError::ConnectsWith { name, method } => {
                let way = how_to_connect(name.as_str(), *method);
                Self::new(S::CONFLICT, "connects_otherwise", "Connects in another way", format!("{sentence}: {way}"))
            }
            AppError::NotConnected(_) => Self::new(
                S::CONFLICT,
                "not_connected",
                "Not connected",
                format!("{sentence}, so there is nothing to change yet"),
            ),
            AppError::DisabledByConfiguration(_) => {
                Self::new(S::CONFLICT, "disabled_by_configuration", "Switched off", sentence)
            }
            AppError::BadSecret(_) => Self::new(S::BAD_REQUEST, "bad_secret", "Unusable secret", sentence),
            AppError::ExpiredSecret(_) => Self::new(S::BAD_REQUEST, "expired_secret", "Expired secret", sentence),
            AppError::BadRedirect(_) => Self::new(S::BAD_REQUEST, "bad_redirect_url", "Bad redirect URL", sentence),
            AppError::NoPendingLogin => Self::new(S::CONFLICT, "no_pending_login", "No pending login", sentence),
            AppError::CallbackRejected(rejection) => {
                let (code, sentence) = rejected(*rejection);
                Self::new(S::BAD_REQUEST, code, "Callback refused", sentence)
            }
            AppError::OtherPrincipal => Self::new(
                S::FORBIDDEN,
                "not_your_login",
                "Not your login",
                "this sign-in was started by somebody else; start your own, and never paste an address you were sent",
            ),
            AppError::LoginInProgress => Self::new(
                S::CONFLICT,
                "login_in_progress",
                "Being finished",
                "this sign-in is being finished by another request; ask for the status in a moment",
            ),
            AppError::LoginOver(outcome) => {
                let sentence = format!("this address was used or its sign-in is over: {}", outcome.sentence());
                Self::new(S::GONE, "login_over", "Login over", sentence)
            }
            AppError::LoginFailed { outcome, source } => {
                let because = source.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
                let sentence = format!("{}{because}", outcome.sentence());
                Self::new(status_of(*outcome), outcome.as_str(), "Login failed", sentence)
            }
            AppError::Store(_) => Self::new(
                S::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "Database not available",
                "the gateway's database cannot be used now; nothing was changed; its log says why",
            ),
            AppError::Vault(_) => Self::new(
                S::SERVICE_UNAVAILABLE,
                "sealed",
                "Secrets not readable",
                "a stored secret cannot be opened with the configured key; nothing was changed; the log says why",
            ),
            AppError::Random(_) | AppError::TaskDied => Self::new(
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
                "the gateway could not do this; its log says why",
            ),
        }
    }
}

fn how_to_connect(name: &str, method: AuthMethod) -> String {
    match method {
        AuthMethod::OAuth => format!("POST /v1/auth/{name}/start"),
        AuthMethod::SessionToken | AuthMethod::ApiKey => {
            format!(
                "PUT /v1/auth/{name}/secret with {{\"{}\": \"...\"}}, or goclaw providers set-secret {name}",
                method.as_str()
            )
        }
    }
}

fn rejected(rejection: CallbackRejection) -> (&'static str, String) {
    match rejection {
        CallbackRejection::InvalidState => (
            "invalid_state",
            "invalid state parameter (possible CSRF): the address belongs to no sign-in that is under way here"
                .to_owned(),
        ),
        CallbackRejection::WrongAddress(part) => (
            "wrong_redirect_address",
            format!(
                "this is not the address the sign-in comes back to: its {} differs; paste it unchanged",
                part.as_str()
            ),
        ),
        CallbackRejection::WrongIssuer => {
            ("wrong_issuer", "the answer names another provider than the one asked".to_owned())
        }
        CallbackRejection::NoCode => ("no_code", "no authorization code in redirect URL".to_owned()),
    }
}

fn status_of(outcome: LoginOutcome) -> StatusCode {
    match outcome {
        LoginOutcome::Denied | LoginOutcome::MissingEntitlement => StatusCode::FORBIDDEN,
        LoginOutcome::Expired | LoginOutcome::Cancelled | LoginOutcome::Completed => StatusCode::GONE,
        LoginOutcome::ProviderError
        | LoginOutcome::CodeRefused
        | LoginOutcome::ProviderUnavailable
        | LoginOutcome::BadAnswer => StatusCode::BAD_GATEWAY,
        LoginOutcome::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
        LoginOutcome::NotSaved | LoginOutcome::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
    }
}
