//! Everything that can go wrong in a use case, closed and free of transport: HTTP and CLI each map it once.

use std::time::Duration;

use crate::{
    domain::{
        authorization_response::InvalidRedirect,
        dialect::{EventTooLong, InvalidRequest, ResponseFailure},
        ids::{InvalidDisplayName, InvalidProviderName, ProviderName},
        login::CallbackRejection,
        login_outcome::LoginOutcome,
        provider::{AuthMethod, ProviderType},
        provider_refusal::ProviderRefusal,
        proxy::{InvalidPath, ProxyPath},
        secret::InvalidSecret,
        token_response::AlreadyExpired,
    },
    ports::{RandomError, StoreError, TokenEndpointError, UpstreamError},
};

use super::VaultError;

/// `Display` is for the log and never prints its source; what a caller reads is made in one place per transport.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("unknown provider: {0}")]
    UnknownProvider(String),
    #[error(transparent)]
    InvalidProviderName(#[from] InvalidProviderName),
    #[error(transparent)]
    InvalidDisplayName(#[from] InvalidDisplayName),
    /// A new account's type was given and is none of ours, or is missing where it is needed.
    #[error("unknown provider type: {0}")]
    UnknownProviderType(String),
    /// The account exists (in storage or configuration) with another type.
    #[error("provider \"{name}\" already exists as type \"{existing}\"")]
    TypeConflict { name: ProviderName, existing: ProviderType },
    /// The account is connected in another way than the one asked for.
    #[error("provider {name} connects with {}", method.in_words())]
    AuthMethodMismatch { name: ProviderName, method: AuthMethod },
    /// There is no credential to change.
    #[error("provider {0} is not connected")]
    NotConnected(ProviderName),
    /// Configuration switches the provider off; a request cannot switch it on.
    #[error("provider {0} is switched off in the configuration")]
    DisabledByConfiguration(ProviderName),
    /// Its owner switched it off.
    #[error("provider {0} is switched off")]
    SwitchedOff(ProviderName),
    /// There is nothing to refresh it with: a key, a session token, or a login that gave no refresh token.
    #[error("provider {0} has nothing to refresh with")]
    NothingToRefresh(ProviderName),
    /// A consent names tokens that are no longer there.
    #[error("the tokens of provider {0} have changed since")]
    StaleConsent(ProviderName),
    /// There is no usable token, and only its owner can bring a new one.
    #[error("the access token of provider {0} has ended and cannot be refreshed")]
    NeedsReauth(ProviderName),
    #[error(transparent)]
    InvalidPath(#[from] InvalidPath),
    /// The provider has such a path perhaps, but it is not among those that pass through.
    #[error("the path {path} of provider {name} does not pass through this gateway")]
    PathNotAllowed { name: ProviderName, path: ProxyPath },
    /// It answered, or did not, in a way that cannot be passed on.
    #[error("the provider's API failed")]
    Upstream(#[from] UpstreamError),
    #[error("the provider's API redirects elsewhere")]
    UpstreamRedirect,
    /// It answered with an error of its own.
    #[error("the provider refused the request: {}", .0.code)]
    ProviderRefused(Box<ProviderRefusal>),
    /// What it answered cannot be used: the text completes "the provider's API failed: ...".
    #[error("the provider's API failed: {0}")]
    InvalidUpstreamResponse(&'static str),
    /// The request cannot be translated for the provider.
    #[error("{}", .0.message)]
    InvalidModelRequest(#[from] InvalidRequest),
    /// No connected account lists it.
    #[error("no connected account has a model called {0}")]
    UnknownModel(String),
    /// There is nothing to prompt there.
    #[error("provider {0} has no models")]
    NoModels(ProviderName),
    /// Its models are asked in another way.
    #[error("the models of provider {name} do not speak this API; use {instead}")]
    UnsupportedApi { name: ProviderName, instead: &'static str },
    /// It does not tell.
    #[error("provider {0} does not tell how much of a plan is used")]
    NoUsage(ProviderName),
    #[error("unknown scope: {0}")]
    UnknownScope(String),
    /// Somebody has opened the page with it.
    #[error("this link has been used")]
    LinkUsed,
    #[error("no token has this id")]
    UnknownToken,
    #[error("there are {0} tokens already; revoke some")]
    TooManyTokens(usize),
    /// A retry was consented to, and may not begin yet.
    #[error("the refresh of provider {name} may be tried again in {} s", wait.as_secs() + 1)]
    RefreshNotYet { name: ProviderName, wait: Duration },
    /// There is no usable token now; waiting may help.
    #[error("the tokens of provider {0} cannot be refreshed now")]
    RefreshNotBegun(ProviderName),
    /// The provider refused the token after it had taken a body that is too large to be kept; there is a new token now.
    #[error("the token of provider {0} was refreshed while the request was sent; send it again")]
    RetryRequest(ProviderName),
    #[error(transparent)]
    InvalidSecret(#[from] InvalidSecret),
    #[error(transparent)]
    ExpiredSecret(#[from] AlreadyExpired),
    /// The provider does not take what was pasted. Nothing was saved.
    #[error("the provider of {name} does not take this {what}")]
    SecretRefused { name: ProviderName, what: &'static str },
    /// It could not be asked whether it does. Nothing was saved.
    #[error("the provider could not be asked whether it takes this")]
    NotChecked(#[source] TokenEndpointError),
    #[error(transparent)]
    InvalidRedirect(#[from] InvalidRedirect),
    #[error("no pending OAuth flow")]
    NoPendingLogin,
    /// The callback was not let in; the login it was aimed at is still pending.
    #[error("the callback was refused: {0:?}")]
    CallbackRejected(CallbackRejection),
    #[error("the login was started by somebody else")]
    OtherPrincipal,
    /// This login's code is being redeemed already.
    #[error("the login is being finished by another request")]
    LoginInProgress,
    /// The login had ended before this request came.
    #[error("the login has already ended: {}", .0.as_str())]
    LoginOver(LoginOutcome),
    /// This request ended the login, and not well.
    #[error("the login failed: {}", outcome.as_str())]
    LoginFailed { outcome: LoginOutcome, source: Option<TokenEndpointError> },
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("a stored secret could not be used")]
    Vault(#[from] VaultError),
    #[error("no random bytes")]
    Random(#[from] RandomError),
    /// The task that did the work died. A bug: its panic is in the log.
    #[error("the work was not finished")]
    TaskDied,
}

impl From<ResponseFailure> for AppError {
    fn from(failure: ResponseFailure) -> Self {
        Self::ProviderRefused(Box::new(failure.into()))
    }
}

impl From<EventTooLong> for AppError {
    fn from(_: EventTooLong) -> Self {
        Self::InvalidUpstreamResponse("an event of its answer is larger than any event of a model")
    }
}
