//! What a failed refresh call means for the token that it presented.

use std::time::Duration;

/// What can be known about the presented token afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Proven not taken: no byte was sent, or the provider said so. `retry_after` is the provider's wish.
    NotConsumed { cause: Cause, retry_after: Option<Duration> },
    /// It may or may not have been taken.
    Unknown(Cause),
    /// The provider will never take it.
    Rejected(Cause),
}

impl Failure {
    /// What it means for a secret that presenting does not spend: nothing is ever in doubt.
    #[must_use]
    pub fn of_a_lasting_secret(self) -> Self {
        match self {
            Self::Unknown(cause) => Self::NotConsumed { cause, retry_after: None },
            Self::NotConsumed { .. } | Self::Rejected(_) => self,
        }
    }
}

/// Why an account is not simply fine; part of its row and of its history, so a closed set of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    RefreshTokenExpired,
    RefreshTokenReused,
    RefreshTokenInvalidated,
    InvalidGrant,
    /// A 401 that does not say more.
    Unauthorized,
    /// The answer was for another account.
    AccountMismatch,
    TimedOut,
    ConnectionLost,
    ServerError,
    Unreadable,
    /// Refused, but not for what was presented.
    Refused,
    /// Whoever presented it did not live to say what came of it.
    Interrupted,
    /// It was not sent: so much time had passed that another gateway might have thought this one dead.
    HeldUp,
    RateLimited,
    NoConnection,
    /// The stored refresh token does not open.
    #[strum(serialize = "sealed")]
    DecryptionFailed,
}

impl Cause {
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// As stored, and as `cause` in events.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// For a sentence: "the refresh failed: ...".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::RefreshTokenExpired => "the refresh token has expired",
            Self::RefreshTokenReused => "the refresh token has already been used",
            Self::RefreshTokenInvalidated => "the refresh token was revoked",
            Self::InvalidGrant => "the provider no longer accepts the refresh token",
            Self::Unauthorized => "the provider refused the refresh token",
            Self::AccountMismatch => "the provider answered for another account",
            Self::TimedOut => "the provider did not answer in time",
            Self::ConnectionLost => "the connection was lost before the answer came",
            Self::ServerError => "the provider had a server error",
            Self::Unreadable => "the provider's answer was not readable",
            Self::Refused => "the provider refused the request for another reason than the token",
            Self::Interrupted => "the gateway was interrupted before the answer came",
            Self::HeldUp => "the gateway was held up and did not send the refresh in time",
            Self::RateLimited => "the provider asked to come back later",
            Self::NoConnection => "the provider could not be reached",
            Self::DecryptionFailed => "the stored refresh token cannot be opened with the configured key",
        }
    }
}

/// What an error answer of a token endpoint means: `code` is the provider's, one of a closed set, else `unknown`.
///
/// OpenAI's client takes a known code as final whatever the status, and a 401 without one too; everything else may be a
/// proxy, a filter or an outage in front of the server, and none of these may cost a login. RFC 6749 section 5.2 has codes
/// that refuse the request, not the token.
pub fn classify(status: u16, code: &str, retry_after: Option<Duration>) -> Failure {
    match (status, code) {
        (_, "refresh_token_expired") => Failure::Rejected(Cause::RefreshTokenExpired),
        (_, "refresh_token_reused") => Failure::Rejected(Cause::RefreshTokenReused),
        (_, "refresh_token_invalidated" | "token_invalidated" | "token_revoked") => {
            Failure::Rejected(Cause::RefreshTokenInvalidated)
        }
        (_, "invalid_grant" | "invalid_refresh_token" | "token_expired") => Failure::Rejected(Cause::InvalidGrant),
        (429, _) => Failure::NotConsumed { cause: Cause::RateLimited, retry_after },
        (
            400..=499,
            "invalid_client"
            | "invalid_request"
            | "invalid_scope"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_meaning() {
        let (rejected, unknown) = (Failure::Rejected, Failure::Unknown);
        let spared = |cause| Failure::NotConsumed { cause, retry_after: None };
        for (status, code, meaning) in [
            (401, "refresh_token_expired", rejected(Cause::RefreshTokenExpired)),
            (401, "refresh_token_reused", rejected(Cause::RefreshTokenReused)),
            (400, "refresh_token_reused", rejected(Cause::RefreshTokenReused)),
            (500, "refresh_token_reused", rejected(Cause::RefreshTokenReused)),
            (401, "refresh_token_invalidated", rejected(Cause::RefreshTokenInvalidated)),
            (400, "invalid_grant", rejected(Cause::InvalidGrant)),
            (401, "token_expired", rejected(Cause::InvalidGrant)),
            (401, "unknown", rejected(Cause::Unauthorized)),
            (429, "unknown", spared(Cause::RateLimited)),
            (401, "invalid_client", spared(Cause::Refused)),
            (400, "unsupported_grant_type", spared(Cause::Refused)),
            (403, "unsupported_country_region_territory", spared(Cause::Refused)),
            (400, "unknown", unknown(Cause::Refused)),
            (403, "unknown", unknown(Cause::Refused)),
            (404, "unknown", unknown(Cause::Refused)),
            (500, "unknown", unknown(Cause::ServerError)),
            (503, "unknown", unknown(Cause::ServerError)),
            (307, "unknown", unknown(Cause::Unreadable)),
        ] {
            assert_eq!(classify(status, code, None), meaning, "{status} {code}");
        }
    }

    #[test]
    fn the_provider_s_wish_to_wait_is_kept() {
        let wish = Some(Duration::from_secs(90));
        let Failure::NotConsumed { retry_after, .. } = classify(429, "unknown", wish) else { panic!("not spared") };
        assert_eq!(retry_after, wish);
    }
}
