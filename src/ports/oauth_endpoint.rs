//! A provider's token and revocation endpoints.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{
    oauth_client::OAuthClient,
    refresh::{Cause, Failure, classify},
    secret::RefreshToken,
    token_response::{CodeGrant, TokenResponse},
};

/// Why there is no answer to use. The three differ in what the provider may have done meanwhile.
///
/// The messages are ours: a provider's body never gets further than the adapter that read it.
#[derive(Debug, thiserror::Error)]
pub enum TokenEndpointError {
    /// A definite no. `code` is the provider's error code if it is a known one, else `unknown`.
    #[error("the provider refused (HTTP {status}, {code})")]
    Rejected { status: u16, code: &'static str },
    /// Proven not consumed: no byte of the request was sent.
    #[error("the provider is not available: {why}")]
    Unavailable { why: &'static str },
    /// Not consumed either: the provider said 429, and perhaps when to come back.
    #[error("the provider asks to come back later (HTTP 429)")]
    RateLimited { retry_after: Option<Duration> },
    /// The request was sent and there is no readable answer: the provider may or may not have acted on it.
    #[error("the provider's answer {}", .0.in_words())]
    Indeterminate(Doubt),
}

/// What became of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    TimedOut,
    ConnectionLost,
    /// HTTP 5xx.
    ServerError(u16),
    /// A success that does not parse, is too long or no JSON; or a redirect, which is never followed.
    Unreadable(u16),
}

impl Doubt {
    fn in_words(self) -> String {
        match self {
            Self::TimedOut => "did not come in time".to_owned(),
            Self::ConnectionLost => "was lost with the connection".to_owned(),
            Self::ServerError(status) => format!("was a server error (HTTP {status})"),
            Self::Unreadable(status) => format!("was not readable (HTTP {status})"),
        }
    }
}

impl TokenEndpointError {
    /// What it means for a refresh token that was presented.
    pub fn failure(&self) -> Failure {
        let unknown = Failure::Unknown;
        match self {
            Self::Rejected { status, code } => classify(*status, code, None),
            Self::RateLimited { retry_after } => {
                Failure::NotConsumed { cause: Cause::RateLimited, retry_after: *retry_after }
            }
            Self::Unavailable { .. } => Failure::NotConsumed { cause: Cause::NoConnection, retry_after: None },
            Self::Indeterminate(Doubt::TimedOut) => unknown(Cause::TimedOut),
            Self::Indeterminate(Doubt::ConnectionLost) => unknown(Cause::ConnectionLost),
            Self::Indeterminate(Doubt::ServerError(_)) => unknown(Cause::ServerError),
            Self::Indeterminate(Doubt::Unreadable(_)) => unknown(Cause::Unreadable),
        }
    }
}

/// Contract for all methods:
/// - MUST make at most one request: no redirect followed, no retry. The caller decides from the error's kind.
/// - MUST end within the adapter's total time limit and read a bounded answer.
#[async_trait]
pub trait OAuthEndpoint: Send + Sync {
    /// Redeems an authorization code (RFC 6749 section 4.1.3). Code and verifier are spent, whatever comes back.
    async fn exchange_code(&self, client: &OAuthClient, grant: CodeGrant) -> Result<TokenResponse, TokenEndpointError>;

    /// Presents a refresh token (RFC 6749 section 6), within `limit`. Borrowed: whoever holds it decides what its fate
    /// means. An answer without a refresh token means that the old one stays in force.
    async fn refresh(
        &self,
        client: &OAuthClient,
        token: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError>;

    /// Revokes a refresh token (RFC 7009). `Ok` means that the provider confirmed it.
    async fn revoke(&self, client: &OAuthClient, token: &RefreshToken) -> Result<(), TokenEndpointError>;
}
