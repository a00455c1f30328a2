//! The row of an account, as far as refreshing is concerned.

use std::fmt;

use crate::domain::{
    ids::{Generation, LoginId},
    time::Timestamp,
};

use super::Cause;

/// Which tokens of which login: what a caller has "seen". Both parts change with the tokens, so it names exactly one
/// refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenVersion {
    pub login_id: LoginId,
    pub generation: Generation,
}

impl TokenVersion {
    pub fn first_of(login_id: LoginId) -> Self {
        Self { login_id, generation: Generation::FIRST }
    }

    /// The version after one more committed refresh.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { login_id: self.login_id.clone(), generation: Generation(self.generation.0.saturating_add(1)) }
    }
}

impl fmt::Display for TokenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.login_id, self.generation.0)
    }
}

random_id!(
    /// Names one acquisition of the right to present a token, chosen by whoever asks. Naming it beforehand lets the asker
    /// recognise its own after the database's answer was lost.
    LeaseId
);

/// The right to present a refresh token, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    pub id: LeaseId,
    /// On the store's clock.
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TokenState {
    /// The refresh token is unspent.
    Active,
    /// Somebody presents it, or died trying.
    Refreshing(Lease),
    /// It was presented, and nobody knows whether the provider took it.
    InDoubt,
    /// The provider rejected it for good. The access token serves until it ends.
    NeedsReauth,
}

impl TokenState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Refreshing(_) => "refreshing",
            Self::InDoubt => "in_doubt",
            Self::NeedsReauth => "needs_reauth",
        }
    }
}

/// Where an account's refresh token stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RefreshState {
    pub version: TokenVersion,
    pub state: TokenState,
    /// How often the current refresh token was presented without proof that it was not taken.
    pub attempt: u32,
    /// Calls that failed in a row: what the pauses between them grow with.
    pub failures: u32,
    /// When it was presented, or was about to be: the first of the times that `attempt` counts.
    pub sent_at: Option<Timestamp>,
    /// Not before this.
    pub next_attempt_at: Option<Timestamp>,
    /// Why it is not simply Active.
    pub cause: Option<Cause>,
    /// Whether there is anything to refresh with.
    pub refreshable: bool,
    /// When the access token was received.
    pub obtained_at: Timestamp,
    /// When it ends, if that is known.
    pub expires_at: Option<Timestamp>,
}

impl RefreshState {
    /// A login that was just saved: whatever was before is over, whoever held a lease.
    pub fn signed_in(
        login_id: LoginId,
        refreshable: bool,
        obtained_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            version: TokenVersion::first_of(login_id),
            state: TokenState::Active,
            attempt: 0,
            failures: 0,
            sent_at: None,
            next_attempt_at: None,
            cause: None,
            refreshable,
            obtained_at,
            expires_at,
        }
    }

    /// As it is at `now`: a lease that ran out leaves doubt, and nobody has to write that down first.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        if let TokenState::Refreshing(lease) = &self.state
            && lease.until <= now
        {
            self.state = TokenState::InDoubt;
            self.cause = Some(Cause::Interrupted);
        }
        self
    }

    /// Whether the access token is over at `now`.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
