//! The owner's confirmation of a login that would replace the account of another user or workspace.

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

/// How long a login waits for the owner's answer.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Which account the tokens of a login may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaces {
    /// Any account. The owner asked for this at the start of the login, or pasted a secret.
    Any,
    /// Only the account with the tokens of this login: it has the same user and workspace. None: the name must be free.
    Only(Option<LoginId>),
    /// The account with the tokens of this login, of another user or workspace: the owner has confirmed it.
    Confirmed(LoginId),
}

impl Replaces {
    /// Whether a login may replace the account whose tokens come from `current`. None: there is no account.
    pub fn allows(&self, current: Option<&LoginId>) -> bool {
        match self {
            Self::Any => true,
            Self::Only(expected) => expected.as_ref() == current,
            Self::Confirmed(expected) => Some(expected) == current,
        }
    }

    /// Returns the progress that a login must have before it can be completed.
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
    /// The login that the account's tokens come from.
    pub login_id: LoginId,
    pub account: AccountLabels,
}

/// The tokens of a login, before they are saved.
#[derive(Debug)]
pub struct LoginTokens {
    pub access_token: AccessToken,
    pub refresh_token: RefreshToken,
    pub metadata: TokenMetadata,
    /// The account of another user or workspace that the tokens would replace. Set only for an unconfirmed login.
    pub replaces: Option<Replaced>,
}

/// What the owner has to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub login_id: LoginId,
    /// The account that the user signed in to.
    pub new_account: AccountLabels,
    /// The connected account that would be replaced.
    pub replaces: Replaced,
    pub expires_at: Timestamp,
}

impl Confirmation {
    /// Returns what happened and the next step, for the owner.
    pub fn sentence(&self) -> String {
        format!(
            "You signed in to a different account. Connected: {}. Signed in: {}. The connected account stays in use unless you \
             choose to replace it within {} minutes.",
            self.replaces.account.in_words(),
            self.new_account.in_words(),
            CONFIRM_WITHIN.as_secs() / 60
        )
    }
}

impl SealedLogin {
    /// Returns the deadline of the owner's answer; None if the login does not wait for one at `now`.
    pub fn confirm_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.progress_since.plus(CONFIRM_WITHIN);
        (self.progress == LoginProgress::Unconfirmed && now < until).then_some(until)
    }
}
