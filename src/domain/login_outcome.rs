//! How a login stands and how it ended, each with a stable code for storage and API and a sentence for people.

/// How a login ended. Stored as its code; the code is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LoginOutcome {
    Completed,
    Denied,
    MissingEntitlement,
    /// The provider came back with an `error` other than a denial.
    ProviderError,
    Expired,
    Cancelled,
    /// The provider refused the code.
    CodeRefused,
    /// The provider could not be reached, or said that it cannot answer.
    ProviderUnavailable,
    /// The provider did not answer in time.
    ProviderTimeout,
    /// The provider's answer made no sense, or lacked what a lasting login needs.
    #[strum(serialize = "bad_answer")]
    InvalidResponse,
    /// The tokens could not be saved.
    NotSaved,
    /// The gateway stopped in the middle of the exchange.
    Interrupted,
}

impl LoginOutcome {
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// What happened and what to do, for the person who signed in.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Completed => "The sign-in is complete and the tokens are saved.",
            Self::Denied => "You declined at the provider. Nothing was saved. Start again if that was a mistake.",
            Self::MissingEntitlement => {
                "This workspace has no access to Codex. Ask its administrator, or sign in with another account."
            }
            Self::ProviderError => "The provider ended the sign-in with an error. Nothing was saved. Start again.",
            Self::Expired => "The time for this sign-in is over. Nothing was saved. Start again.",
            Self::Cancelled => "This sign-in was cancelled. Nothing was saved.",
            Self::CodeRefused => "The provider did not accept the code. Nothing was saved. Start again.",
            Self::ProviderUnavailable => {
                "The provider could not be reached to finish the sign-in. Nothing was saved. Start again in a moment."
            }
            Self::ProviderTimeout => {
                "The provider did not answer in time to finish the sign-in. Nothing was saved. Start again in a moment."
            }
            Self::InvalidResponse => {
                "The provider's answer was not usable: no token, or none that can be refreshed. Nothing was saved."
            }
            Self::NotSaved => "The tokens could not be saved, see the gateway's log. Repair that, then start again.",
            Self::Interrupted => "The gateway stopped in the middle of this sign-in. Start again.",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Where a stored login stands.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_reads_back_as_it_was_written() {
        let ended = LoginOutcome::ALL.iter().copied().map(LoginProgress::Ended);
        for progress in [LoginProgress::Pending, LoginProgress::Exchanging].into_iter().chain(ended) {
            assert_eq!(LoginProgress::parse(progress.as_str()), Some(progress));
        }
        assert_eq!(LoginProgress::parse("lost"), None);
    }
}
