//! The question whether the tokens of a login may replace the connected account of another user or workspace. They wait
//! until the owner has answered.

use std::time::Duration;

use super::{
    account::AccountLabels,
    ids::LoginId,
    login::SealedLogin,
    login_outcome::LoginProgress,
    provider_settings::TokenMetadata,
    secret::{AccessToken, RefreshToken},
    time::Timestamp,
};

/// How long a login waits for the answer.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Which account the tokens of a login may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaces {
    /// Any account: the owner asked for it at the start of the login, or pasted a secret.
    Any,
    /// Only the tokens of this login, which has the same user and workspace. None: the name must be free.
    Only(Option<LoginId>),
    /// The tokens of this login, although it is another account: the owner has confirmed it.
    Confirmed(LoginId),
}

impl Replaces {
    /// Whether the account that has the tokens of `current` may be replaced.
    pub fn allows(&self, current: Option<&LoginId>) -> bool {
        match self {
            Self::Any => true,
            Self::Only(expected) => expected.as_ref() == current,
            Self::Confirmed(expected) => Some(expected) == current,
        }
    }

    /// Returns the progress from which a login may be completed.
    pub fn required_progress(&self) -> LoginProgress {
        match self {
            Self::Any | Self::Only(_) => LoginProgress::Exchanging,
            Self::Confirmed(_) => LoginProgress::Unconfirmed,
        }
    }
}

/// The account that a login would replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The login that its tokens come from.
    pub login_id: LoginId,
    pub account: AccountLabels,
}

/// The tokens of a login, before they are saved.
#[derive(Debug)]
pub struct LoginTokens {
    pub access_token: AccessToken,
    pub refresh_token: RefreshToken,
    pub metadata: TokenMetadata,
    /// The account of another user or workspace that they would replace. Set only for an unconfirmed login.
    pub replaces: Option<Replaced>,
}

/// The question about an unconfirmed login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub login_id: LoginId,
    /// The account that signed in.
    pub new_account: AccountLabels,
    /// The account that is connected and would be replaced.
    pub replaces: Replaced,
    pub expires_at: Timestamp,
}

impl Confirmation {
    /// Returns what happened and the next step, for the user.
    pub fn sentence(&self) -> String {
        format!(
            "You signed in as another account. Connected: {}. Signed in: {}. The connected account stays in use unless you \
             choose to replace it within {} minutes.",
            self.replaces.account.in_words(),
            self.new_account.in_words(),
            CONFIRM_WITHIN.as_secs() / 60
        )
    }
}

impl SealedLogin {
    /// Returns until when the login waits for its owner's answer, if it does at `now`.
    pub fn confirm_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.progress_since.plus(CONFIRM_WITHIN);
        (self.progress == LoginProgress::Unconfirmed && now < until).then_some(until)
    }
}
