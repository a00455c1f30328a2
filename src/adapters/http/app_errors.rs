//! Converts the errors of use cases to problems: a stable code and a sentence, the same for all operations.
//!
//! Sources, upstream response bodies, SQL and paths go to the log only.

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
    /// Converts an error for a caller. A server error is logged with its sources.
    pub(super) fn of(error: &AppError) -> Self {
        let problem = Self::from(error);
        if problem.status().is_server_error() {
            tracing::error!(code = problem.code.as_str(), error = %chain(error), "request failed");
        }
        problem
    }
}

/// Returns an error with its sources, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

impl From<&AppError> for Problem {
    fn from(error: &AppError) -> Self {
        let words = error.to_string();
        let (kind, sentence) = match error {
            AppError::UnknownProvider(_) => (ProblemKind::UnknownProvider, words),
            AppError::InvalidDisplayName(_) => (ProblemKind::InvalidDisplayName, words),
            AppError::InvalidProviderName(_) => (ProblemKind::InvalidProviderName, words),
            AppError::UnknownProviderType(_) => {
                let known = ProviderType::ALL.map(ProviderType::as_str).join(", ");
                (ProblemKind::UnknownProviderType, format!("{words}; known are {known}"))
            }
            AppError::TypeConflict { .. } => (ProblemKind::TypeConflict, words),
            AppError::AuthMethodMismatch { name, method } => {
                (ProblemKind::AuthMethodMismatch, format!("{words}: {}", how_to_connect(name.as_str(), *method)))
            }
            AppError::NotConnected(name) => (
                ProblemKind::NotConnected,
                format!("{words}; connect it: goclaw auth login {name}, or see GET /v1/providers"),
            ),
            AppError::DisabledByConfiguration(_) => (ProblemKind::DisabledByConfiguration, words),
            AppError::SwitchedOff(_) => (ProblemKind::SwitchedOff, words),
            AppError::NothingToRefresh(_) => (ProblemKind::NothingToRefresh, words),
            AppError::StaleConsent(_) => (ProblemKind::StaleConsent, format!("{words}; ask for the status again")),
            AppError::NeedsReauth(_) => (ProblemKind::NeedsReauth, format!("{words}; sign in again")),
            AppError::RefreshNotYet { .. } => (ProblemKind::RefreshUnavailable, words),
            AppError::RefreshNotBegun(_) => {
                (ProblemKind::RefreshUnavailable, format!("{words}; try again in a moment"))
            }
            AppError::RetryRequest(_) => (ProblemKind::RetryRequest, words),
            AppError::InvalidPath(_) => (ProblemKind::InvalidPath, words),
            AppError::PathNotAllowed { name, .. } => (
                ProblemKind::PathNotAllowed,
                format!("{words}; the setting providers.{name}.proxy_paths lists those that do"),
            ),
            AppError::Upstream(UpstreamError::Body(error)) => return (*error).into(),
            AppError::Upstream(UpstreamError::Silent) => {
                (ProblemKind::UpstreamTimeout, UpstreamError::Silent.to_string())
            }
            AppError::Upstream(error) => (ProblemKind::UpstreamUnavailable, error.to_string()),
            AppError::UpstreamRedirect => (ProblemKind::UpstreamRedirect, format!("{words}, which is not followed")),
            AppError::ProviderRefused(refusal) => {
                (ProblemKind::UpstreamRefused, format!("{words}: {}", refusal.message))
            }
            AppError::InvalidUpstreamResponse(_) => (ProblemKind::InvalidUpstreamResponse, words),
            AppError::InvalidModelRequest(_) => (ProblemKind::InvalidBody, words),
            AppError::UnknownModel(_) => {
                (ProblemKind::ModelNotFound, format!("{words}; GET /v1/models lists what there is"))
            }
            AppError::NoModels(name) => {
                (ProblemKind::NoModels, format!("{words}; its own API is at /v1/proxy/{name}/"))
            }
            AppError::UnsupportedApi { .. } => (ProblemKind::UnsupportedApi, words),
            AppError::NoUsage(_) => (ProblemKind::NoUsage, words),
            AppError::UnknownScope(_) => (
                ProblemKind::UnknownScope,
                format!("{words}; known is {}", Scope::GRANTED.map(Scope::as_str).join(", ")),
            ),
            AppError::LinkUsed => (ProblemKind::Unauthorized, format!("{words}; make a new one: goclaw open")),
            AppError::UnknownToken => (ProblemKind::UnknownToken, words),
            AppError::TooManyTokens(_) => (ProblemKind::TooManyTokens, words),
            AppError::InvalidSecret(_) => (ProblemKind::InvalidSecret, words),
            AppError::ExpiredSecret(_) => (ProblemKind::ExpiredSecret, words),
            AppError::SecretRefused { .. } => (ProblemKind::SecretRefused, words),
            AppError::NotChecked(cause) => (ProblemKind::UpstreamUnavailable, format!("{words}: {cause}")),
            AppError::InvalidRedirect(_) => (ProblemKind::InvalidRedirectUrl, words),
            AppError::NoPendingLogin => (ProblemKind::NoPendingLogin, words),
            AppError::CallbackRejected(rejection) => rejected(*rejection),
            AppError::OtherPrincipal => (
                ProblemKind::NotYourLogin,
                "this sign-in was started by somebody else; start your own, and never paste an address you were sent"
                    .to_owned(),
            ),
            AppError::LoginInProgress => (
                ProblemKind::LoginInProgress,
                "this sign-in is being finished by another request; ask for the status in a moment".to_owned(),
            ),
            AppError::LoginOver(outcome) => (
                ProblemKind::LoginOver,
                format!("this address was used or its sign-in is over: {}", outcome.sentence()),
            ),
            AppError::LoginFailed { outcome, source } => {
                let because = source.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
                (failed(*outcome), format!("{}{because}", outcome.sentence()))
            }
            AppError::Store(_) => (
                ProblemKind::StoreUnavailable,
                "the gateway's database cannot be used now; nothing was changed; its log says why".to_owned(),
            ),
            AppError::Vault(_) => (
                ProblemKind::DecryptionFailed,
                "a stored secret cannot be opened with the configured key; nothing was changed; the log says why"
                    .to_owned(),
            ),
            AppError::Random(_) | AppError::TaskDied => {
                (ProblemKind::Internal, "the gateway could not do this; its log says why".to_owned())
            }
        };
        Self::new(kind, sentence)
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
    let (kind, sentence) = match rejection {
        CallbackRejection::InvalidState => (
            ProblemKind::InvalidState,
            "invalid state parameter (possible CSRF): the address belongs to no sign-in that is under way here",
        ),
        CallbackRejection::WrongAddress(part) => {
            let part = part.as_str();
            let sentence =
                format!("this is not the address the sign-in comes back to: its {part} differs; paste it unchanged");
            return (ProblemKind::WrongRedirectAddress, sentence);
        }
        CallbackRejection::WrongIssuer => {
            (ProblemKind::WrongIssuer, "the answer names another provider than the one asked")
        }
        CallbackRejection::NoCode => (ProblemKind::NoCode, "no authorization code in redirect URL"),
    };
    (kind, sentence.to_owned())
}

/// Returns the kind of error for a login that the current request ended.
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
        // A callback request never ends a login with these outcomes.
        LoginOutcome::Completed | LoginOutcome::Cancelled | LoginOutcome::Interrupted => ProblemKind::LoginOver,
    }
}
