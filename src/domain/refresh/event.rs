//! The events of the refresh protocol and their effects.

use std::collections::BTreeSet;

use crate::domain::{
    ids::{KeyId, LoginId},
    provider_settings::TokenMetadata,
    sealed_secret::SealedSecret,
    time::Timestamp,
};

use super::{Failure, LeaseId, TokenVersion};

/// Why a refresh runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefreshTrigger {
    /// The scheduled time has come.
    Due,
    /// A caller requested it, or the access token was refused. No retry out of doubt while the access token is served.
    Now,
    /// The owner consented to the one retry out of doubt.
    Consented,
    /// The access token is dead, so a retry out of doubt risks nothing.
    AccessDead,
    /// The last refresh returned a new refresh token but no access token. The new refresh token is presented at once.
    Continued,
}

/// The sealed tokens of a token response, or of a login, ready for the journal and the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// The version of these tokens. A token response has the version after that of the presented refresh token.
    pub version: TokenVersion,
    pub access_token: SealedSecret,
    /// None if the old refresh token remains valid (RFC 6749 section 6).
    pub refresh_token: Option<SealedSecret>,
    pub metadata: TokenMetadata,
    /// Whether the new tokens belong to the account that was refreshed.
    pub same_account: bool,
}

impl Rotation {
    /// Returns the ids of the keys that sealed the tokens.
    pub fn key_ids(&self) -> BTreeSet<KeyId> {
        self.refresh_token.iter().chain([&self.access_token]).filter_map(SealedSecret::key_id).collect()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum RefreshEvent {
    /// A gateway requests the lease, to present the refresh token of version `seen`.
    Begin { seen: TokenVersion, lease: LeaseId, trigger: RefreshTrigger },
    /// The token endpoint returned new tokens, or the journal had them.
    Succeeded(Rotation),
    /// Presenting the token failed. `spread` is random and varies the backoff.
    Failed { seen: TokenVersion, lease: LeaseId, failure: Failure, spread: u16 },
    /// An older copy of the database was restored. This process knows the version `known`, whose refresh token was
    /// presented `attempt` times, but it has no later tokens.
    Restored { known: TokenVersion, attempt: u32 },
    /// The restored copy of the database has a login that had ended.
    Returned { ended: LoginId, ending: Ending },
}

impl RefreshEvent {
    /// Returns the tokens that this event may store.
    pub fn rotation(&self) -> Option<&Rotation> {
        match self {
            Self::Succeeded(rotation) => Some(rotation),
            Self::Returned { ending: Ending::ReplacedBy(rotation), .. } => Some(rotation),
            Self::Begin { .. }
            | Self::Failed { .. }
            | Self::Restored { .. }
            | Self::Returned { ending: Ending::LoggedOut | Ending::ReplacedByUnknown, .. } => None,
        }
    }
}

/// How a login ended before an older copy of the database brought it back.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    LoggedOut,
    /// Another login replaced it. These are the newest tokens of that login.
    ReplacedBy(Box<Rotation>),
    /// Another login replaced it. This process does not have the tokens of that login.
    ReplacedByUnknown,
}

/// The result of an event for its caller: what to do next, or what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Present the token once, immediately.
    Present,
    /// Do nothing before this time. Another replica may hold the lease.
    Wait(Timestamp),
    /// Use the returned row: it has changed, or no refresh is possible.
    UseCurrent,
    /// The new tokens were stored.
    Stored,
    /// Discard the new tokens without revoking them.
    Discard,
    /// Discard the new tokens and revoke them.
    Revoke,
    /// The event was recorded, or there is nothing to record.
    Recorded,
}
