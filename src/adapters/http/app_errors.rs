//! Converts [`AppError`] into [`Problem`]: a stable code and a message for the caller.
//!
//! Error sources, upstream response bodies, SQL and file paths appear in the log only.

use crate::{
    adapters::contract::{Problem, ProblemKind},
    app::AppError,
    domain::{
        api_token::Scope,
        login::CallbackRejection,
        login_outcome::LoginOutcome,
        provider::{AuthMethod, ProviderType},
    },
    ports::UpstreamError,
};

impl Problem {
    /// Converts an error for the caller. Logs server errors with their sources.
    pub(super) fn of(error: &AppError) -> Self {
        let problem = Self::from(error);
        if problem.status().is_server_error() {
            tracing::error!(code = problem.code.as_str(), error = %chain(error), "request failed");
        }
        problem
    }
}

/// Returns an error and its sources as one line for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

impl From<&AppError> for Problem {
    fn from(error: &AppError) -> Self {
        let message = error.to_string();
        let (kind, detail) = match error {
            AppError::UnknownProvider(_) => (ProblemKind::UnknownProvider, message),
            AppError::InvalidDisplayName(_) => (ProblemKind::InvalidDisplayName, message),
            AppError::InvalidAccountName(_) => (ProblemKind::InvalidAccountName, message),
            AppError::UnknownProviderType(_) => {
                let known = ProviderType::ALL.map(ProviderType::as_str).join(", ");
                (ProblemKind::UnknownProviderType, format!("{message}; known types: {known}"))
            }
            AppError::TypeConflict { .. } => (ProblemKind::TypeConflict, message),
            AppError::AuthMethodMismatch { name, method } => {
                (ProblemKind::AuthMethodMismatch, format!("{message}: {}", how_to_connect(name.as_str(), *method)))
            }
            AppError::NotConnected(name) => (
                ProblemKind::NotConnected,
                format!("{message}; connect it: goclaw auth login {name}, or see GET /v1/providers"),
            ),
            AppError::DisabledByConfiguration(_) => (ProblemKind::DisabledByConfiguration, message),
            AppError::SwitchedOff(_) => (ProblemKind::SwitchedOff, message),
            AppError::NothingToRefresh(_) => (ProblemKind::NothingToRefresh, message),
            AppError::StaleConsent(_) => (ProblemKind::StaleConsent, format!("{message}; read the status again")),
            AppError::NeedsReauth(_) => (ProblemKind::NeedsReauth, format!("{message}; sign in again")),
            AppError::RefreshNotYet { .. } => (ProblemKind::RefreshUnavailable, message),
            AppError::RefreshNotBegun(_) => {
                (ProblemKind::RefreshUnavailable, format!("{message}; try again in a moment"))
            }
            AppError::RetryRequest(_) => (ProblemKind::RetryRequest, message),
            AppError::InvalidPath(_) => (ProblemKind::InvalidPath, message),
            AppError::PathNotAllowed { name, .. } => (
                ProblemKind::PathNotAllowed,
                format!("{message}; the setting providers.{name}.proxy_paths lists the allowed paths"),
            ),
            AppError::Upstream(UpstreamError::Body(error)) => return (*error).into(),
            AppError::Upstream(UpstreamError::Silent) => {
                (ProblemKind::UpstreamTimeout, UpstreamError::Silent.to_string())
            }
            AppError::Upstream(error) => (ProblemKind::UpstreamUnavailable, error.to_string()),
            AppError::UpstreamRedirect => {
                (ProblemKind::UpstreamRedirect, format!("{message}, which the gateway does not follow"))
            }
            AppError::ProviderRefused(refusal) => {
                (ProblemKind::UpstreamRefused, format!("{message}: {}", refusal.message))
            }
            AppError::InvalidUpstreamResponse(_) => (ProblemKind::InvalidUpstreamResponse, message),
            AppError::InvalidModelRequest(_) => (ProblemKind::InvalidBody, message),
            AppError::UnknownModel(_) => (ProblemKind::ModelNotFound, format!("{message}; see GET /v1/models")),
            AppError::NoModels(name) => {
                (ProblemKind::NoModels, format!("{message}; its own API is at /v1/proxy/{name}/"))
            }
            AppError::UnsupportedApi { .. } => (ProblemKind::UnsupportedApi, message),
            AppError::NoUsage(_) => (ProblemKind::NoUsage, message),
            AppError::UnknownScope(_) => (
                ProblemKind::UnknownScope,
                format!("{message}; known scopes: {}", Scope::GRANTED.map(Scope::as_str).join(", ")),
            ),
            AppError::LinkUsed => (ProblemKind::Unauthorized, format!("{message}; make a new one: goclaw open")),
            AppError::UnknownToken => (ProblemKind::UnknownToken, message),
            AppError::TooManyTokens(_) => (ProblemKind::TooManyTokens, message),
            AppError::InvalidSecret(_) => (ProblemKind::InvalidSecret, message),
            AppError::ExpiredSecret(_) => (ProblemKind::ExpiredSecret, message),
            AppError::SecretRefused { .. } => (ProblemKind::SecretRefused, message),
            AppError::NotChecked(cause) => (ProblemKind::UpstreamUnavailable, format!("{message}: {cause}")),
            AppError::InvalidRedirect(_) => (ProblemKind::InvalidRedirectUrl, message),
            AppError::NoPendingLogin => (ProblemKind::NoPendingLogin, message),
            AppError::CallbackRejected(rejection) => rejected(*rejection),
            AppError::OtherPrincipal => (
                ProblemKind::NotYourLogin,
                "another caller started this login; start your own, and never paste an address that somebody sent you"
                    .to_owned(),
            ),
            AppError::LoginInProgress => (
                ProblemKind::LoginInProgress,
                "another request is finishing this login; read the status in a moment".to_owned(),
            ),
            AppError::LoginOver(outcome) => (
                ProblemKind::LoginOver,
                format!("this address was already used, or its login has ended: {}", outcome.sentence()),
            ),
            AppError::LoginFailed { outcome, source } => {
                let because = source.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
                (failed(*outcome), format!("{}{because}", outcome.sentence()))
            }
            AppError::Store(_) => (
                ProblemKind::StoreUnavailable,
                "the gateway's database is unavailable; nothing was changed; see the gateway's log".to_owned(),
            ),
            AppError::Vault(_) => (
                ProblemKind::DecryptionFailed,
                "the configured key cannot decrypt a stored secret; nothing was changed; see the gateway's log"
                    .to_owned(),
            ),
            AppError::Random(_) | AppError::TaskDied => {
                (ProblemKind::Internal, "internal error; see the gateway's log".to_owned())
            }
        };
        Self::new(kind, detail)
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

fn rejected(rejection: CallbackRejection) -> (ProblemKind, String) {
    let (kind, detail) = match rejection {
        CallbackRejection::InvalidState => (
            ProblemKind::InvalidState,
            "invalid state parameter (possible CSRF): the address belongs to no pending login of this gateway",
        ),
        CallbackRejection::WrongAddress(part) => {
            let part = part.as_str();
            let detail =
                format!("this is not the redirect address of the login: its {part} differs; paste it unchanged");
            return (ProblemKind::WrongRedirectAddress, detail);
        }
        CallbackRejection::WrongIssuer => {
            (ProblemKind::WrongIssuer, "the authorization response comes from another issuer")
        }
        CallbackRejection::NoCode => (ProblemKind::NoCode, "no authorization code in redirect URL"),
    };
    (kind, detail.to_owned())
}

/// Returns the error kind for a login that the current request ended with this outcome.
fn failed(outcome: LoginOutcome) -> ProblemKind {
    match outcome {
        LoginOutcome::Denied => ProblemKind::Denied,
        LoginOutcome::MissingEntitlement => ProblemKind::MissingEntitlement,
        LoginOutcome::ProviderError => ProblemKind::ProviderError,
        LoginOutcome::Expired => ProblemKind::Expired,
        LoginOutcome::CodeRefused => ProblemKind::CodeRefused,
        LoginOutcome::ProviderUnavailable => ProblemKind::ProviderUnavailable,
        LoginOutcome::ProviderTimeout => ProblemKind::ProviderTimeout,
        LoginOutcome::InvalidResponse => ProblemKind::InvalidResponse,
        LoginOutcome::NotSaved => ProblemKind::NotSaved,
        // The current request never ends a login with these outcomes.
        LoginOutcome::Completed | LoginOutcome::Cancelled | LoginOutcome::Interrupted => ProblemKind::LoginOver,
    }
}
