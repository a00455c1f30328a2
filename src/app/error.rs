//! The errors of the services. `adapters/http/app_errors.rs` maps each of them to a response.

use std::time::Duration;

use crate::{
    domain::{
        authorization_response::InvalidRedirect,
        confirmation::Confirmation,
        dialect::{EventTooLong, InvalidRequest},
        ids::{AccountName, InvalidAccountName, InvalidDisplayName},
        login::CallbackRejection,
        login_outcome::LoginEnd,
        provider::{AuthMethod, ProviderType},
        provider_refusal::ProviderRefusal,
        proxy::{InvalidPath, ProxyPath},
        scope::InvalidScope,
        secret::InvalidSecret,
        token_response::AlreadyExpired,
        unreadable::UnreadableAccount,
    },
    ports::{JournalError, RandomError, StoreError, StoreTrouble, TokenEndpointError, UpstreamError},
};

use super::{KeyError, VaultError};

/// An error of a use case. `Display` omits the source.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("unknown provider: {0}")]
    UnknownProvider(String),
    #[error(transparent)]
    InvalidAccountName(#[from] InvalidAccountName),
    #[error(transparent)]
    InvalidDisplayName(#[from] InvalidDisplayName),
    #[error("unknown provider type: {0}")]
    UnknownProviderType(String),
    #[error("provider \"{name}\" already exists as type \"{existing}\"")]
    TypeConflict { name: AccountName, existing: ProviderType },
    /// The account connects with another authentication method than the one in the request.
    #[error("provider {name} connects with {}", method.in_words())]
    AuthMethodMismatch { name: AccountName, method: AuthMethod },
    #[error("provider {0} is not connected")]
    NotConnected(AccountName),
    #[error("the stored account {} cannot be read ({})", .0.name, .0.row)]
    AccountUnreadable(Box<UnreadableAccount>),
    /// The configuration switches the account off. A request cannot switch it on.
    #[error("provider {0} is switched off in the configuration")]
    DisabledByConfiguration(AccountName),
    #[error("provider {0} is switched off")]
    SwitchedOff(AccountName),
    /// The account has no refresh token or cookie.
    #[error("provider {0} has no refresh token")]
    NothingToRefresh(AccountName),
    /// The owner's consent was for tokens that have been replaced since.
    #[error("the tokens of provider {0} have changed")]
    StaleConsent(AccountName),
    /// There is no usable access token. The owner must log in again.
    #[error("the access token of provider {0} has expired and cannot be refreshed")]
    NeedsReauth(AccountName),
    #[error(transparent)]
    InvalidPath(#[from] InvalidPath),
    /// The account's `proxy_paths` do not include the path.
    #[error("the path {path} is not allowed for provider {name}")]
    PathNotAllowed { name: AccountName, path: ProxyPath },
    /// The caller is a program, and the account's `program_paths` do not include the method and path.
    #[error("{method} {path} is not allowed for programs at provider {name}")]
    PathNotForPrograms { name: AccountName, method: String, path: ProxyPath },
    /// The provider could not be reached, or its response broke off.
    #[error("the provider's API failed")]
    Upstream(#[from] UpstreamError),
    #[error("the provider's API responded with a redirect")]
    UpstreamRedirect,
    #[error("the provider refused the request: {}", .0.code)]
    ProviderRefused(Box<ProviderRefusal>),
    /// The provider's response cannot be used, for this reason.
    #[error("the provider's API failed: {0}")]
    InvalidUpstreamResponse(&'static str),
    /// The request cannot be translated for the provider.
    #[error("{}", .0.message)]
    InvalidModelRequest(#[from] InvalidRequest),
    #[error("no connected account has a model called {0}")]
    UnknownModel(String),
    #[error("provider {0} has no models")]
    NoModels(AccountName),
    #[error("the models of provider {name} do not support this API; use {instead}")]
    UnsupportedApi { name: AccountName, instead: &'static str },
    #[error("provider {0} does not report usage")]
    NoUsage(AccountName),
    #[error("this link was used or has expired")]
    LinkUsed,
    #[error("the token of this request was revoked, or its session has ended")]
    CallerRevoked,
    #[error("no token has this id or name")]
    UnknownToken,
    #[error("{0} tokens have this name or begin like this; use the whole id")]
    AmbiguousToken(usize),
    #[error("the token \"{0}\" has expired; create a new one")]
    TokenExpired(String),
    #[error("another token is called \"{0}\"; choose another name, or revoke that one")]
    TokenNameTaken(String),
    #[error(transparent)]
    InvalidScope(#[from] InvalidScope),
    /// The response is not remembered, or belongs to another caller. The text is that of OpenAI's API.
    #[error("{0}")]
    ResponseNotFound(String),
    /// The referenced item is not remembered. The text is that of OpenAI's API.
    #[error("{0}")]
    ItemNotFound(String),
    /// The caller's token lacks this scope.
    #[error("this token lacks the scope {0}")]
    InsufficientScope(String),
    #[error("no session or link of the page has this id, or it has ended")]
    UnknownSession,
    #[error("there are {0} tokens already; revoke some")]
    TooManyTokens(usize),
    /// The retry that the owner consented to cannot begin yet.
    #[error("the refresh of provider {name} can be retried in {} s", wait.as_secs() + 1)]
    RefreshNotYet { name: AccountName, wait: Duration },
    /// There is no usable access token now. A later request may succeed.
    #[error("the tokens of provider {name} cannot be refreshed now")]
    RefreshUnavailable {
        name: AccountName,
        /// The time until a refresh may begin, if it is known.
        wait: Option<Duration>,
    },
    /// The provider refused the token, but the gateway cannot repeat the streamed body. The token has been refreshed.
    #[error("the token of provider {0} was refreshed while the request was sent; send it again")]
    RetryRequest(AccountName),
    #[error(transparent)]
    InvalidSecret(#[from] InvalidSecret),
    #[error(transparent)]
    ExpiredSecret(#[from] AlreadyExpired),
    /// The provider refused the pasted secret. Nothing was saved.
    #[error("the provider of {name} rejected this {what}")]
    SecretRefused {
        name: AccountName,
        what: &'static str,
        /// A possible reason, for the owner.
        hint: Option<String>,
    },
    /// The pasted secret could not be checked. Nothing was saved.
    #[error("the secret could not be checked with the provider")]
    NotChecked(#[source] TokenEndpointError),
    #[error(transparent)]
    InvalidRedirect(#[from] InvalidRedirect),
    #[error("no pending OAuth flow")]
    NoPendingLogin,
    /// Another account than the connected one signed in, and its tokens wait for the owner's answer.
    #[error("another account signed in")]
    ConfirmationNeeded(Box<Confirmation>),
    /// The database failed after the code exchange. The tokens are saved once it works again. If `is_journaled` is set, they
    /// are in the token journal and survive a restart.
    #[error("the tokens of the login are not saved yet")]
    TokensUnsaved { is_journaled: bool, source: Box<AppError> },
    /// The database failed after the provider had replaced the pasted cookie. The new one is saved once it works again.
    #[error("the secret is not saved yet")]
    SecretUnsaved(#[source] Box<AppError>),
    /// The callback was rejected. The login is still pending.
    #[error("the callback was rejected: {0:?}")]
    CallbackRejected(CallbackRejection),
    #[error("another caller started the login")]
    OtherPrincipal,
    #[error("another request is finishing the login")]
    LoginInProgress,
    /// The login ended before this request.
    #[error("the login has already ended: {}", .0.outcome.as_str())]
    LoginEnded(LoginEnd),
    /// This request ended the login without tokens.
    #[error("the login failed: {}", .0.reason)]
    LoginFailed(LoginEnd),
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The store failed a moment ago, during this request or another one.
    #[error("{}", .0.in_words())]
    StoreDown(StoreTrouble),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("a secret could not be sealed or opened")]
    Vault(#[from] VaultError),
    #[error("the random source failed")]
    Random(#[from] RandomError),
    /// The task of the use case panicked. The panic was logged.
    #[error("the task panicked")]
    TaskDied,
}

impl AppError {
    /// Returns the store's trouble, if the store is down.
    pub(super) fn store_trouble(&self) -> Option<StoreTrouble> {
        if let Self::Store(error) = self { error.trouble() } else { None }
    }

    /// Whether a later attempt to save tokens may succeed: the database, the random source or the cipher failed.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Vault(_) | Self::Random(_))
    }
}

impl From<UnreadableAccount> for AppError {
    fn from(account: UnreadableAccount) -> Self {
        Self::AccountUnreadable(Box::new(account))
    }
}

impl From<EventTooLong> for AppError {
    fn from(_: EventTooLong) -> Self {
        Self::InvalidUpstreamResponse("an event of its response is too large")
    }
}
