//! A provider's token and revocation endpoints.

use std::time::Duration;

use async_trait::async_trait;

use super::{ConnectError, ConnectProblem};
use crate::domain::{
    ids::AccountName,
    oauth_client::OAuthClient,
    refresh::{Cause, Failure, classify},
    secret::RefreshToken,
    token_response::{CodeGrant, TokenResponse},
};

/// Stands for an error code that the gateway does not know, or for a missing one.
pub const UNKNOWN_CODE: &str = "unknown";

/// Why a token request failed. The variants differ in whether the provider may have acted on the request.
///
/// The messages are the gateway's own. The body of an error response never leaves the adapter.
#[derive(Debug, thiserror::Error)]
pub enum TokenEndpointError {
    /// The provider refused the request. `code` is its error code, or [`UNKNOWN_CODE`].
    #[error("the provider refused the request (HTTP {status}, {code})")]
    Rejected { status: u16, code: &'static str },
    /// The token is not consumed: nothing of the request was sent.
    #[error("the provider is not available: {why}")]
    Unavailable { why: &'static str },
    /// The token is not consumed: no connection could be made.
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    /// The token is not consumed: the provider responded with 429, and possibly with a delay.
    #[error("the provider rate-limits the request (HTTP 429)")]
    RateLimited { retry_after: Option<Duration> },
    /// The request was sent, but no readable response arrived. The provider may have acted on the request.
    #[error("the provider's response {}", .0.in_words())]
    Indeterminate(Doubt),
}

/// Why the response is missing or unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    TimedOut,
    ConnectionLost,
    /// HTTP 5xx.
    ServerError(u16),
    /// A success that is too long or is not the expected JSON, a redirect, which is never followed, or a 401 that may
    /// come from an intermediary.
    Unreadable(u16),
}

impl Doubt {
    fn in_words(self) -> String {
        match self {
            Self::TimedOut => "did not arrive in time".to_owned(),
            Self::ConnectionLost => "was lost with the connection".to_owned(),
            Self::ServerError(status) => format!("was a server error (HTTP {status})"),
            Self::Unreadable(status) => format!("was not readable (HTTP {status})"),
        }
    }
}

impl TokenEndpointError {
    /// Returns what the error means for a presented refresh token.
    pub fn failure(&self) -> Failure {
        let unknown = Failure::Unknown;
        match self {
            Self::Rejected { status, code } => classify(*status, code, None),
            Self::RateLimited { retry_after } => {
                Failure::NotConsumed { cause: Cause::RateLimited, retry_after: *retry_after }
            }
            Self::Unavailable { .. } => Failure::NotConsumed { cause: Cause::NoConnection, retry_after: None },
            Self::Unreachable(error) => {
                let cause = match error.problem {
                    ConnectProblem::NameNotResolved => Cause::NameNotResolved,
                    ConnectProblem::Refused => Cause::ConnectionRefused,
                    ConnectProblem::TimedOut => Cause::ConnectTimedOut,
                    ConnectProblem::CertificateRejected => Cause::CertificateRejected,
                    ConnectProblem::ProxyUnreachable | ConnectProblem::ProxyRefused | ConnectProblem::Other => {
                        Cause::NoConnection
                    }
                };
                Failure::NotConsumed { cause, retry_after: None }
            }
            Self::Indeterminate(Doubt::TimedOut) => unknown(Cause::TimedOut),
            Self::Indeterminate(Doubt::ConnectionLost) => unknown(Cause::ConnectionLost),
            Self::Indeterminate(Doubt::ServerError(_)) => unknown(Cause::ServerError),
            Self::Indeterminate(Doubt::Unreadable(_)) => unknown(Cause::Unreadable),
        }
    }
}

/// Contract for all methods:
/// - MUST send at most one request, follow no redirect and not retry. The caller decides about retries.
/// - MUST use the outbound proxy that is configured for `account`. If the proxy is unreachable or refuses, nothing of
///   the request was sent.
/// - MUST end within the adapter's total time limit and read a response of bounded size.
#[async_trait]
pub trait OAuthEndpoint: Send + Sync {
    /// Exchanges an authorization code (RFC 6749 section 4.1.3). Code and verifier are used once, even if this fails.
    async fn exchange_code(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        grant: CodeGrant,
    ) -> Result<TokenResponse, TokenEndpointError>;

    /// Presents a refresh token (RFC 6749 section 6) within `timeout`. A response without a refresh token means that
    /// the presented token remains valid.
    async fn refresh(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
        timeout: Duration,
    ) -> Result<TokenResponse, TokenEndpointError>;

    /// Revokes a refresh token (RFC 7009). `Ok` means that the provider confirmed the revocation.
    async fn revoke(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
    ) -> Result<(), TokenEndpointError>;
}
