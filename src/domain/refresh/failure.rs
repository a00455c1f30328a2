//! Classifies failed refreshes by their consequence for the presented token.

use std::time::Duration;

/// What a failed refresh means for the presented refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The token is unspent: nothing was sent, or the response proves it. `retry_after` comes from the provider.
    NotConsumed { cause: Cause, retry_after: Option<Duration> },
    /// The provider may have consumed the token.
    Unknown(Cause),
    /// The provider no longer accepts the token.
    Rejected(Cause),
}

impl Failure {
    /// Returns the failure for a reusable secret. Presenting it never spends it, so nothing is in doubt.
    #[must_use]
    pub fn for_reusable_secret(self) -> Self {
        match self {
            Self::Unknown(cause) => Self::NotConsumed { cause, retry_after: None },
            Self::NotConsumed { .. } | Self::Rejected(_) => self,
        }
    }
}

/// Why the last refresh of an account failed. The code is stored in the account's row and in its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Cause {
    RefreshTokenExpired,
    RefreshTokenReused,
    RefreshTokenInvalidated,
    InvalidGrant,
    /// The provider has deactivated, suspended or deleted the account.
    AccountDeactivated,
    /// The provider has deactivated the account's workspace, or the account may not use it.
    WorkspaceDeactivated,
    /// A 401 without a known code.
    Unauthorized,
    /// The new tokens belong to another user or workspace.
    AccountMismatch,
    TimedOut,
    ConnectionLost,
    ServerError,
    Unreadable,
    /// The provider refused the request for a reason other than the token.
    Refused,
    /// The process that presented the token stopped before it recorded the outcome.
    Interrupted,
    /// The token was not sent in time: the lease could end before the response, and another replica could get a lease.
    HeldUp,
    RateLimited,
    NoConnection,
    NameNotResolved,
    ConnectionRefused,
    ConnectTimedOut,
    /// The gateway does not trust the server's certificate.
    CertificateRejected,
    /// An older copy of the database was restored: the stored refresh token is spent, and its successor is unknown.
    Restored,
    /// The stored refresh token cannot be decrypted.
    #[strum(serialize = "sealed")]
    DecryptionFailed,
}

stored_words!(Cause);

impl Cause {
    /// Whether the gateway could not connect to the server.
    pub fn is_unreachable(self) -> bool {
        matches!(
            self,
            Self::NoConnection
                | Self::NameNotResolved
                | Self::ConnectionRefused
                | Self::ConnectTimedOut
                | Self::CertificateRejected
        )
    }

    /// Returns text that completes the sentence "the refresh failed: ...".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::RefreshTokenExpired => "the refresh token has expired",
            Self::RefreshTokenReused => "the refresh token has already been used",
            Self::RefreshTokenInvalidated => "the refresh token was revoked",
            Self::InvalidGrant => "the provider no longer accepts the refresh token",
            Self::AccountDeactivated => "the provider has deactivated or suspended the account",
            Self::WorkspaceDeactivated => "the account may no longer use its workspace",
            Self::Unauthorized => "the provider refused the refresh token",
            Self::AccountMismatch => "the provider returned tokens of another account",
            Self::TimedOut => "the provider did not respond in time",
            Self::ConnectionLost => "the connection was lost before the response arrived",
            Self::ServerError => "the provider had a server error",
            Self::Unreadable => "the provider's response was not readable",
            Self::Refused => "the provider refused the request for a reason other than the token",
            Self::Interrupted => "the gateway was interrupted before the response arrived",
            Self::HeldUp => "the gateway was delayed and did not send the refresh in time",
            Self::RateLimited => "the provider rate-limits refreshes",
            Self::NoConnection => "the provider could not be reached",
            Self::NameNotResolved => {
                "the name of the provider's server cannot be resolved; check the network and the DNS of the gateway's machine"
            }
            Self::ConnectionRefused => {
                "the provider's server refused the connection; check the configured address and the firewall"
            }
            Self::ConnectTimedOut => {
                "the provider's server did not accept a connection in time; check the network and the firewall"
            }
            Self::CertificateRejected => {
                "the certificate of the provider's server was rejected; the gateway's log says why. If a proxy of your \
                 network signs it, set tls.ca_file"
            }
            Self::Restored => "an older copy of the database was restored, and the newest tokens are not in it",
            Self::DecryptionFailed => "the stored refresh token cannot be opened with the configured key",
        }
    }
}

/// Classifies an error response of a token endpoint. `code` is the provider's error code, or `unknown` if the gateway
/// does not know it.
///
/// A code about the token, account or workspace is final, whatever the status. So is a 401 without a known code, as in
/// OpenAI's client. A 429 and codes about the request (RFC 6749 section 5.2) leave the token unspent. Any other
/// response may come from a proxy, a filter or an outage in front of the server, which must not cost a login.
pub fn classify(status: u16, code: &str, retry_after: Option<Duration>) -> Failure {
    match (status, code) {
        (_, "refresh_token_expired" | "app_session_expired") => Failure::Rejected(Cause::RefreshTokenExpired),
        (_, "refresh_token_reused") => Failure::Rejected(Cause::RefreshTokenReused),
        (_, "refresh_token_invalidated" | "app_session_terminated" | "token_invalidated" | "token_revoked") => {
            Failure::Rejected(Cause::RefreshTokenInvalidated)
        }
        (_, "invalid_grant" | "invalid_refresh_token" | "token_expired") => Failure::Rejected(Cause::InvalidGrant),
        (
            _,
            "account_deactivated"
            | "account_deleted"
            | "account_disabled"
            | "account_suspended"
            | "user_deactivated"
            | "user_deleted"
            | "user_suspended",
        ) => Failure::Rejected(Cause::AccountDeactivated),
        (
            _,
            "deactivated_workspace"
            | "organization_deactivated"
            | "workspace_deactivated"
            | "workspace_access_denied"
            | "codex_workspace_access_denied"
            | "invalid_workspace_selected",
        ) => Failure::Rejected(Cause::WorkspaceDeactivated),
        (429, _) => Failure::NotConsumed { cause: Cause::RateLimited, retry_after },
        (
            400..=499,
            "invalid_client"
            | "invalid_request"
            | "invalid_scope"
            | "missing_expired_token"
            | "requires_captcha"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "unsupported_country_region_territory",
        ) => Failure::NotConsumed { cause: Cause::Refused, retry_after },
        (401, _) => Failure::Rejected(Cause::Unauthorized),
        (400..=499, _) => Failure::Unknown(Cause::Refused),
        (500..=599, _) => Failure::Unknown(Cause::ServerError),
        _ => Failure::Unknown(Cause::Unreadable),
    }
}
