//! The refresh state in an account's row.

use std::fmt;

use crate::domain::{
    ids::{Generation, LoginId},
    time::Timestamp,
};

use super::Cause;

/// Identifies one refresh token by its login and generation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenVersion {
    pub login_id: LoginId,
    pub generation: Generation,
}

impl TokenVersion {
    pub fn first_of(login_id: LoginId) -> Self {
        Self { login_id, generation: Generation::FIRST }
    }

    /// Whether this is a later generation of the same login.
    pub fn is_later_than(&self, other: &Self) -> bool {
        self.login_id == other.login_id && self.generation > other.generation
    }

    /// Returns the generation before this one; None for the first tokens of a login.
    pub fn previous_generation(&self) -> Option<Generation> {
        self.generation.0.checked_sub(1).map(Generation)
    }

    /// Returns the version after one more committed refresh.
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
    /// The id of a lease, chosen by the caller to recognise its lease if the database's reply is lost.
    LeaseId
);

/// The right to present a refresh token for a limited time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    pub id: LeaseId,
    /// By the store's clock.
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum TokenState {
    /// The refresh token is unspent.
    Active,
    /// A replica holds the lease to present it.
    Refreshing(Lease),
    /// The refresh token may be consumed: no readable response arrived, or the row is from a restored database.
    InDoubt,
    /// The provider rejected the refresh token for good. The access token is served until it expires.
    NeedsReauth,
}

impl TokenState {
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}

/// The state of an account's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RefreshState {
    pub version: TokenVersion,
    pub state: TokenState,
    /// How often the current refresh token was presented without proof that it is unspent.
    pub attempt: u32,
    /// The number of consecutive failures, which determines the backoff.
    pub failures: u32,
    /// When the first presentation that `attempt` counts began.
    pub sent_at: Option<Timestamp>,
    /// The earliest time of the next presentation.
    pub next_attempt_at: Option<Timestamp>,
    /// Why the last refresh failed.
    pub cause: Option<Cause>,
    /// Whether there is a refresh token.
    pub refreshable: bool,
    /// When the access token was received.
    pub obtained_at: Timestamp,
    /// When the access token expires, if known.
    pub expires_at: Option<Timestamp>,
    /// Whether the refresh token is a client cookie that the provider replaces. Such a cookie has no grace window.
    pub cookie_rotates: bool,
}

impl RefreshState {
    /// Returns the state after a login, without any lease of the previous login.
    pub fn after_login(
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
            cookie_rotates: false,
        }
    }

    /// Returns the state at `now`. An expired lease means in doubt, even before a replica stores that.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        if let TokenState::Refreshing(lease) = &self.state
            && lease.until <= now
        {
            self.state = TokenState::InDoubt;
            self.set_cause(Cause::Interrupted);
        }
        self
    }

    /// Sets the cause of the last failure. `Restored` stays: the token remains spent, whatever failed since.
    pub(super) fn set_cause(&mut self, cause: Cause) {
        if !self.is_restored() {
            self.cause = Some(cause);
        }
    }

    /// Whether the refresh token comes from a restored database and is or may be spent. Only the owner may risk it.
    pub fn is_restored(&self) -> bool {
        self.cause == Some(Cause::Restored)
    }

    /// Whether the refresh token is unspent and not being presented.
    pub fn is_at_rest(&self) -> bool {
        self.state == TokenState::Active && self.attempt == 0
    }

    /// Whether the access token has expired at `now`.
    pub fn access_token_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
