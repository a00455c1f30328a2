//! The progress and outcome of a login, with stable codes for storage and API and sentences for users.

/// The outcome of a login. Its code is stored and must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LoginOutcome {
    Completed,
    Denied,
    MissingEntitlement,
    /// The callback had an `error` other than a denial.
    ProviderError,
    Expired,
    Cancelled,
    /// The provider refused the code.
    CodeRefused,
    /// The provider was unreachable, or reported that it is unavailable.
    ProviderUnavailable,
    /// The provider did not respond in time.
    ProviderTimeout,
    /// The token response was invalid, or had no refresh token.
    #[strum(serialize = "bad_answer")]
    InvalidResponse,
    /// The tokens could not be saved.
    NotSaved,
    /// The gateway stopped during the code exchange.
    Interrupted,
}

stored_words!(LoginOutcome);

impl LoginOutcome {
    /// Returns the outcome and the next step, for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Completed => "Sign-in complete. The tokens are saved.",
            Self::Denied => "You denied access at the provider. Nothing was saved. Start again if that was a mistake.",
            Self::MissingEntitlement => {
                "This workspace has no access to Codex. Ask its administrator, or sign in with another account."
            }
            Self::ProviderError => "The provider returned an error. Nothing was saved. Start again.",
            Self::Expired => "Sign-in timed out. Nothing was saved. Start again.",
            Self::Cancelled => "Sign-in cancelled. Nothing was saved.",
            Self::CodeRefused => "The provider rejected the authorization code. Nothing was saved. Start again.",
            Self::ProviderUnavailable => "The provider is unavailable. Nothing was saved. Start again in a moment.",
            Self::ProviderTimeout => {
                "The provider did not respond in time. Nothing was saved. Start again in a moment."
            }
            Self::InvalidResponse => {
                "The provider's response was invalid or had no refresh token. Nothing was saved. Start again."
            }
            Self::NotSaved => "The tokens could not be saved. Fix the problem in the gateway's log, then start again.",
            Self::Interrupted => "The gateway stopped during the sign-in. Start again.",
        }
    }
}

/// The progress of a stored login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginProgress {
    Pending,
    Exchanging,
    Ended(LoginOutcome),
}

impl LoginProgress {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Exchanging => "exchanging",
            Self::Ended(outcome) => outcome.as_str(),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "exchanging" => Some(Self::Exchanging),
            ended => LoginOutcome::parse(ended).map(Self::Ended),
        }
    }
}
