//! The token endpoint's errors: the status, code and message of each, in the real provider's words where known.
//! `auth::error_shape` selects their JSON form.

/// Why the token endpoint refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// RFC 6749 section 5.2 `invalid_request`.
    InvalidRequest(String),
    UnsupportedGrantType,
    UnknownClient,
    /// The code is unknown, used or expired, or a parameter does not match it.
    InvalidGrant(&'static str),
    /// The refresh token belongs to another client.
    WrongClient,
    EmptyRefreshToken,
    /// Never issued by this provider.
    UnknownRefreshToken,
    RefreshTokenExpired,
    RefreshTokenReused,
    RefreshTokenInvalidated,
    /// A bug of the simulator.
    Internal(&'static str),
}

impl Refusal {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::InvalidRequest(_) | Self::UnsupportedGrantType | Self::InvalidGrant(_) | Self::EmptyRefreshToken => {
                400
            }
            Self::UnknownClient
            | Self::WrongClient
            | Self::UnknownRefreshToken
            | Self::RefreshTokenExpired
            | Self::RefreshTokenReused
            | Self::RefreshTokenInvalidated => 401,
            Self::Internal(_) => 500,
        }
    }

    /// Returns the error code, if the provider sends one.
    pub(crate) fn code(&self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest(_) => Some("invalid_request"),
            Self::UnsupportedGrantType => Some("unsupported_grant_type"),
            Self::UnknownClient => Some("invalid_client"),
            Self::InvalidGrant(_) | Self::WrongClient => Some("invalid_grant"),
            Self::EmptyRefreshToken => Some("empty_string"),
            Self::UnknownRefreshToken => None,
            Self::RefreshTokenExpired => Some("refresh_token_expired"),
            Self::RefreshTokenReused => Some("refresh_token_reused"),
            Self::RefreshTokenInvalidated => Some("refresh_token_invalidated"),
            Self::Internal(_) => Some("server_error"),
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::InvalidRequest(why) => why,
            Self::UnsupportedGrantType => "The grant_type is not supported.",
            Self::UnknownClient => "The client_id is unknown.",
            Self::InvalidGrant(why) | Self::Internal(why) => why,
            Self::WrongClient => "The refresh token was issued to another client.",
            Self::EmptyRefreshToken => {
                "Invalid 'refresh_token': empty string. Expected a string with minimum length 1, \
                 but got an empty string instead."
            }
            Self::UnknownRefreshToken => "Could not validate your refresh token. Please try signing in again.",
            Self::RefreshTokenExpired => "Your refresh token has expired. Please try signing in again.",
            Self::RefreshTokenReused => {
                "Your refresh token has already been used to generate a new access token. Please try signing in again."
            }
            Self::RefreshTokenInvalidated => "Your refresh token has been invalidated. Please try signing in again.",
        }
    }

    /// Returns the name in the journal.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::UnknownRefreshToken => "unknown_refresh_token",
            Self::InvalidRequest(_)
            | Self::UnsupportedGrantType
            | Self::UnknownClient
            | Self::InvalidGrant(_)
            | Self::WrongClient
            | Self::EmptyRefreshToken
            | Self::RefreshTokenExpired
            | Self::RefreshTokenReused
            | Self::RefreshTokenInvalidated
            | Self::Internal(_) => self.code().unwrap_or_default(),
        }
    }
}
