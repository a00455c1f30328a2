//! Where logins under way are kept, so that a restart or another replica can finish them, and only once.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    ids::{LoginId, Principal, ProviderName, StateDigest},
    login::SealedLogin,
    login_outcome::LoginOutcome,
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq)]
pub enum BeginOutcome {
    Begun,
    /// This principal has an open login for this account already; nothing was stored.
    AlreadyPending(Box<SealedLogin>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The caller, and nobody else, may redeem this login's code.
    Claimed,
    /// Somebody else claimed it, or it has ended.
    Taken,
}

/// Errors: [`StoreError`] whenever the store is broken or out of reach; then nothing was changed.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// Stores a pending login.
    ///
    /// Contract: there MUST be at most one open login for an account and principal, also under concurrent calls; an
    /// expired one MUST NOT stand in the way and ends as [`LoginOutcome::Expired`].
    async fn begin(&self, login: &SealedLogin, now: Timestamp) -> Result<BeginOutcome, StoreError>;

    /// The login with that state, in whatever state.
    async fn find(&self, state: &StateDigest) -> Result<Option<SealedLogin>, StoreError>;

    /// The newest login for an account by that principal, in whatever state.
    async fn latest(&self, name: &ProviderName, principal: &Principal) -> Result<Option<SealedLogin>, StoreError>;

    /// All logins that still wait for a callback at `now`.
    async fn open_logins(&self, now: Timestamp) -> Result<Vec<SealedLogin>, StoreError>;

    /// The logins that have ended, however that was, newest first, at most `limit`.
    async fn ended(&self, limit: usize) -> Result<Vec<SealedLogin>, StoreError>;

    /// Moves a pending login to "exchanging".
    ///
    /// Contract: of any number of concurrent calls exactly one MUST return [`ClaimOutcome::Claimed`].
    async fn claim(&self, id: &LoginId, now: Timestamp) -> Result<ClaimOutcome, StoreError>;

    /// Ends a login that has not ended yet; true if this call ended it. A login that has ended keeps its first outcome.
    async fn end(&self, id: &LoginId, outcome: LoginOutcome, now: Timestamp) -> Result<bool, StoreError>;

    /// Cancels whatever is under way for an account, whoever started it, also what is being exchanged; how many that were.
    async fn cancel_all(&self, name: &ProviderName, now: Timestamp) -> Result<usize, StoreError>;

    /// Ends overdue logins as expired, those that have been exchanging for longer than `stuck_after` as interrupted, and
    /// forgets those that ended longer than `keep` ago; how many were ended.
    async fn sweep(&self, now: Timestamp, stuck_after: Duration, keep: Duration) -> Result<usize, StoreError>;
}
