//! Converts [`AppError`] into [`Problem`]: a stable code and a message for the caller.
//!
//! The messages contain no SQL and no file paths, which appear in the log only. Some contain the message of a provider.

use std::fmt::Display;

use crate::{
    adapters::contract::{Problem, ProblemKind as Kind},
    app::AppError,
    domain::{
        ids::AccountName,
        login::CallbackRejection,
        login_outcome::LoginOutcome,
        provider::{AuthMethod, ProviderType},
        time::retry_after_seconds,
    },
    ports::{StoreTrouble, UpstreamError, chain},
};

impl Problem {
    /// Converts an error for the caller. Logs server errors with their sources.
    pub(super) fn of(error: &AppError) -> Self {
        let problem = Self::from(error);
        if problem.status().is_server_error() {
            tracing::error!(code = problem.code.as_str(), error = chain(error), "request failed");
        }
        problem
    }
}

impl From<&AppError> for Problem {
    fn from(error: &AppError) -> Self {
        let (kind, detail) = kind_and_detail(error);
        Self::new(kind, detail.unwrap_or_else(|| error.to_string()))
    }
}

/// Returns the kind of an error. Also returns a detail, if the error's own message does not suffice.
fn kind_and_detail(error: &AppError) -> (Kind, Option<String>) {
    let with_next_step = |kind, next_step: &str| (kind, Some(format!("{error}; {next_step}")));
    let with_cause = |kind, cause: &dyn Display| (kind, Some(format!("{error}: {cause}")));
    let with_detail = |kind, detail: &str| (kind, Some(detail.to_owned()));
    match error {
        AppError::UnknownProvider(_) => (Kind::UnknownProvider, None),
        AppError::InvalidDisplayName(_) => (Kind::InvalidDisplayName, None),
        AppError::InvalidAccountName(_) => (Kind::InvalidAccountName, None),
        AppError::UnknownProviderType(_) => {
            let known = ProviderType::ALL.map(ProviderType::as_str).join(", ");
            with_next_step(Kind::UnknownProviderType, &format!("known types: {known}"))
        }
        AppError::TypeConflict { .. } => (Kind::TypeConflict, None),
        AppError::AuthMethodMismatch { name, method } => {
            with_cause(Kind::AuthMethodMismatch, &how_to_connect(name.as_str(), *method))
        }
        AppError::NotConnected(name) => {
            with_next_step(Kind::NotConnected, &format!("connect it: {}", commands_to_connect(name)))
        }
        AppError::AccountUnreadable(account) => with_next_step(Kind::AccountUnreadable, account.row.remedy()),
        AppError::DisabledByConfiguration(_) => (Kind::DisabledByConfiguration, None),
        AppError::SwitchedOff(_) => (Kind::SwitchedOff, None),
        AppError::NothingToRefresh(_) => (Kind::NothingToRefresh, None),
        AppError::StaleConsent(_) => with_next_step(Kind::StaleConsent, "read the status again"),
        AppError::NeedsReauth(_) => with_next_step(Kind::NeedsReauth, "sign in again"),
        AppError::RefreshNotYet { .. } => (Kind::RefreshUnavailable, None),
        AppError::RefreshUnavailable { wait: Some(wait), .. } => {
            with_next_step(Kind::RefreshUnavailable, &format!("try again in {} s", retry_after_seconds(*wait)))
        }
        AppError::RefreshUnavailable { wait: None, .. } => {
            with_next_step(Kind::RefreshUnavailable, "try again in a moment")
        }
        AppError::RetryRequest(_) => (Kind::RetryRequest, None),
        AppError::InvalidPath(_) => (Kind::InvalidPath, None),
        AppError::PathNotAllowed { name, .. } => with_next_step(
            Kind::PathNotAllowed,
            &format!("the setting providers.{name}.proxy_paths lists the allowed paths"),
        ),
        AppError::PathNotForPrograms { name, .. } => with_next_step(
            Kind::PathNotAllowed,
            &format!("the setting providers.{name}.program_paths lists the paths for programs"),
        ),
        AppError::Upstream(UpstreamError::Body(error)) => (Problem::from(*error).code, Some(error.to_string())),
        AppError::Upstream(error @ UpstreamError::Silent) => with_detail(Kind::UpstreamTimeout, &error.to_string()),
        AppError::Upstream(error) => with_detail(Kind::UpstreamUnavailable, &error.to_string()),
        AppError::UpstreamRedirect => {
            (Kind::UpstreamRedirect, Some(format!("{error}, which the gateway does not follow")))
        }
        AppError::ProviderRefused(refusal) => with_cause(Kind::UpstreamRefused, &refusal.message),
        AppError::InvalidUpstreamResponse(_) => (Kind::InvalidUpstreamResponse, None),
        AppError::InvalidModelRequest(_) => (Kind::InvalidBody, None),
        AppError::UnknownModel(_) => with_next_step(Kind::ModelNotFound, "see GET /v1/models"),
        AppError::NoModels(name) => with_next_step(Kind::NoModels, &format!("its own API is at /v1/proxy/{name}/")),
        AppError::UnsupportedApi { .. } => (Kind::UnsupportedApi, None),
        AppError::NoUsage(_) => (Kind::NoUsage, None),
        AppError::LinkUsed => with_next_step(Kind::Unauthorized, "make a new one: goclaw open"),
        AppError::CallerRevoked => (Kind::Unauthorized, None),
        AppError::UnknownToken | AppError::TokenExpired(_) => (Kind::UnknownToken, None),
        AppError::AmbiguousToken(_) => (Kind::AmbiguousToken, None),
        AppError::TokenNameTaken(_) => (Kind::TokenNameTaken, None),
        AppError::InvalidScope(_) => (Kind::InvalidScope, None),
        AppError::ResponseNotFound(_) => (Kind::ResponseNotFound, None),
        AppError::ItemNotFound(_) => (Kind::ItemNotFound, None),
        AppError::InsufficientScope(_) => with_next_step(Kind::InsufficientScope, "see goclaw tokens create --help"),
        AppError::UnknownSession => (Kind::UnknownSession, None),
        AppError::TooManyTokens(_) => (Kind::TooManyTokens, None),
        AppError::InvalidSecret(_) => (Kind::InvalidSecret, None),
        AppError::ExpiredSecret(_) => (Kind::ExpiredSecret, None),
        AppError::SecretRefused { hint: Some(hint), .. } => with_cause(Kind::SecretRefused, hint),
        AppError::SecretRefused { hint: None, .. } => (Kind::SecretRefused, None),
        AppError::NotChecked(cause) => with_cause(Kind::UpstreamUnavailable, cause),
        AppError::InvalidRedirect(_) => (Kind::InvalidRedirectUrl, None),
        AppError::NoPendingLogin => (Kind::NoPendingLogin, None),
        AppError::ConfirmationNeeded(question) => (Kind::ConfirmationNeeded, Some(question.sentence())),
        AppError::TokensUnsaved { is_journaled, .. } => with_detail(Kind::NotSaved, unsaved_detail(*is_journaled)),
        AppError::SecretUnsaved(_) => with_detail(Kind::NotSaved, UNSAVED_SECRET),
        AppError::CallbackRejected(rejection) => rejection_kind_and_detail(*rejection),
        AppError::OtherPrincipal => with_detail(
            Kind::NotYourLogin,
            "another caller started this login; start your own, and never paste an address that somebody sent you",
        ),
        AppError::LoginInProgress => {
            with_detail(Kind::LoginInProgress, "another request is finishing this login; read the status in a moment")
        }
        AppError::LoginEnded(end) => {
            let reason = &end.reason;
            with_detail(Kind::LoginEnded, &format!("this address was already used, or its login has ended: {reason}"))
        }
        AppError::LoginFailed(end) => with_detail(failure_kind(end.outcome), &end.reason),
        AppError::Store(error) => {
            with_detail(Kind::StoreUnavailable, &store_detail(error.trouble().unwrap_or(StoreTrouble::Unavailable)))
        }
        AppError::StoreDown(_) => with_next_step(Kind::StoreUnavailable, "see the gateway's log"),
        AppError::Vault(_) | AppError::Key(_) => with_detail(
            Kind::DecryptionFailed,
            "the configured key cannot decrypt a stored secret; nothing was changed; see the gateway's log",
        ),
        AppError::Random(_) | AppError::Journal(_) | AppError::TaskDied => {
            with_detail(Kind::Internal, "internal error; see the gateway's log")
        }
    }
}

/// Returns the commands that connect an account. Only the built-in accounts show their type in their name.
fn commands_to_connect(name: &AccountName) -> String {
    let login = format!("goclaw auth login {name}");
    let secret = format!("goclaw providers set-secret {name}");
    match ProviderType::parse(name.as_str()).map(ProviderType::descriptor) {
        Some(built_in) if built_in.pasted.is_none() => login,
        Some(built_in) if built_in.oauth.is_none() => secret,
        Some(_) | None => format!("{login}, or {secret} for a key or a cookie"),
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

fn store_detail(trouble: StoreTrouble) -> String {
    let effect = if trouble == StoreTrouble::Unconfirmed {
        "it is not known whether the change was made, so look before you repeat it"
    } else {
        "nothing was changed"
    };
    format!("{effect}: {}; see the gateway's log", trouble.in_words())
}

/// What happens to a replaced cookie that could not be saved in the database.
const UNSAVED_SECRET: &str = "the provider has replaced the cookie, and the new one is in memory only: it is saved \
     when the database is back; do not stop the gateway, and see its log";

/// Returns what happens to tokens that could not be saved in the database.
fn unsaved_detail(is_journaled: bool) -> &'static str {
    if is_journaled {
        "the authorization code is spent, and its tokens are in the token journal: they are saved when the database is back, \
         or at the next start; read the status in a moment, and see the gateway's log"
    } else {
        "the authorization code is spent, and its tokens are in memory only: they are saved when the database or the disk \
         is back; do not stop the gateway, and see its log"
    }
}

fn rejection_kind_and_detail(rejection: CallbackRejection) -> (Kind, Option<String>) {
    let (kind, detail) = match rejection {
        CallbackRejection::InvalidState => (
            Kind::InvalidState,
            "this address is from a different sign-in: its state belongs to no pending login of this account here"
                .to_owned(),
        ),
        CallbackRejection::WrongIssuer => {
            (Kind::WrongIssuer, "the authorization response comes from another issuer".to_owned())
        }
        CallbackRejection::NoCode => (Kind::NoCode, "no authorization code in redirect URL".to_owned()),
    };
    (kind, Some(detail))
}

/// Returns the error kind if the current request ended a login with this outcome.
fn failure_kind(outcome: LoginOutcome) -> Kind {
    match outcome {
        LoginOutcome::Denied => Kind::Denied,
        LoginOutcome::MissingEntitlement => Kind::MissingEntitlement,
        LoginOutcome::ProviderError => Kind::ProviderError,
        LoginOutcome::Expired => Kind::Expired,
        LoginOutcome::CodeRefused => Kind::CodeRefused,
        LoginOutcome::ProviderUnavailable => Kind::ProviderUnavailable,
        LoginOutcome::ProviderTimeout => Kind::ProviderTimeout,
        LoginOutcome::InvalidResponse => Kind::InvalidResponse,
        LoginOutcome::NotSaved => Kind::NotSaved,
        // The current request never ends a login with these outcomes.
        LoginOutcome::Completed
        | LoginOutcome::ConfirmationNeeded
        | LoginOutcome::Cancelled
        | LoginOutcome::Interrupted => Kind::LoginEnded,
    }
}
