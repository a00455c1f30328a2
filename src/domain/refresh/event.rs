//! What happens to an account's tokens, and what is to be done about it.

use crate::domain::{provider_settings::TokenMetadata, sealed::SealedSecret, time::Timestamp};

use super::{Failure, LeaseId, TokenVersion};

/// How much somebody wants a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefreshTrigger {
    /// When its time has come.
    Due,
    /// Now, because somebody asked or an access token was refused. Never out of doubt.
    Now,
    /// Now, also out of doubt: its owner saw the doubt and asked for the one retry.
    Consented,
    /// Now, also out of doubt: the access token is dead, so there is nothing to lose.
    AccessDead,
}

/// What a refresh brought, sealed: ready for the journal and the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// What was presented.
    pub seen: TokenVersion,
    pub access_token: SealedSecret,
    /// None if the provider kept the old one in force (RFC 6749 section 6).
    pub refresh_token: Option<SealedSecret>,
    pub metadata: TokenMetadata,
    /// Whether the tokens are of the account that was refreshed.
    pub same_account: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RefreshEvent {
    /// Somebody wants to present the refresh token of `seen`.
    Begin { seen: TokenVersion, lease: LeaseId, trigger: RefreshTrigger },
    /// It was presented, and this came back, now or from the journal.
    Answered(Rotation),
    /// It was presented, or was about to be, and this went wrong. `spread` is random and spreads the pauses.
    Failed { seen: TokenVersion, lease: LeaseId, failure: Failure, spread: u16 },
}

/// What whoever caused the event has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Present the token, at once and once.
    Send,
    /// Nothing before this time. Somebody else may be at it.
    Wait(Timestamp),
    /// Read the row: it has moved on, or has come to rest.
    Adopt,
    /// The new tokens are the account's now.
    Stored,
    /// Throw the answer away, quietly: a newer one is stored.
    Discard,
    /// Throw the answer away and have it revoked: nobody is to use it.
    Revoke,
    /// It is written down, or was not ours to write.
    Noted,
}
