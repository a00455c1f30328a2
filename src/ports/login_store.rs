//! Storage of logins. Any replica can finish a login, even after a restart, but only one does.

use std::time::Duration;

use async_trait::async_trait;

use super::{Author, StoreError};
use crate::domain::{
    ids::{AccountName, LoginId, Principal, StateDigest},
    login::SealedLogin,
    login_outcome::{LoginDetail, LoginOutcome},
    revocation::PendingRevocation,
    sealed_secret::SealedSecret,
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq)]
pub enum BeginOutcome {
    Begun,
    /// The principal already has an open login for this account. Nothing was stored.
    AlreadyPending(Box<SealedLogin>),
    /// The caller is a program or a page session whose token was deleted meanwhile. Nothing was stored.
    CallerGone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// Only this caller may exchange the login's code.
    Claimed,
    /// Another caller has claimed the login, or the login has ended.
    Taken,
}

/// All methods return [`StoreError`] if the store is broken or unreachable. Then either nothing was changed, or the
/// change was committed and only the reply was lost. An unreadable login MUST be skipped and logged, and MUST NOT block
/// a new one.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// Stores a pending login.
    ///
    /// Contract: an account and principal MUST have at most one open login, even under concurrent calls. An expired
    /// login MUST NOT block a new one, and MUST end as [`LoginOutcome::Expired`]. A program or page session without a
    /// stored token MUST NOT begin a login or learn about a pending one, because its access ended with the token.
    async fn begin(&self, login: &SealedLogin, author: &Author) -> Result<BeginOutcome, StoreError>;

    /// Returns the login with this OAuth state, whatever its progress.
    async fn find(&self, state: &StateDigest) -> Result<Option<SealedLogin>, StoreError>;

    /// Returns the login with this id, whatever its progress.
    async fn by_id(&self, id: &LoginId) -> Result<Option<SealedLogin>, StoreError>;

    /// Returns the principal's newest login for an account, whatever its progress.
    async fn latest(&self, name: &AccountName, principal: &Principal) -> Result<Option<SealedLogin>, StoreError>;

    /// Returns the logins that still wait for a callback at `now`.
    async fn open_logins(&self, now: Timestamp) -> Result<Vec<SealedLogin>, StoreError>;

    /// Returns the logins that are exchanging or unconfirmed.
    async fn unsettled(&self) -> Result<Vec<SealedLogin>, StoreError>;

    /// Returns at most `limit` ended logins, newest first.
    async fn ended(&self, limit: usize) -> Result<Vec<SealedLogin>, StoreError>;

    /// Moves a pending login to "exchanging".
    ///
    /// Contract: exactly one of any number of concurrent calls MUST return [`ClaimOutcome::Claimed`].
    async fn claim(&self, id: &LoginId, now: Timestamp) -> Result<ClaimOutcome, StoreError>;

    /// Moves an exchanging or interrupted login to "unconfirmed" and stores its tokens. Returns false if it was
    /// neither.
    async fn keep_unconfirmed(&self, id: &LoginId, tokens: &SealedSecret, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends an unconfirmed login and discards its tokens. Returns whether this call ended it.
    ///
    /// Contract: if this call ends the login, it MUST delete the tokens and queue the revocation in the same
    /// transaction. Otherwise it MUST do neither.
    async fn decline(
        &self,
        id: &LoginId,
        outcome: LoginOutcome,
        revocation: Option<&PendingRevocation>,
        author: &Author,
    ) -> Result<bool, StoreError>;

    /// Ends a pending or exchanging login. Returns whether this call ended it. A login that had already ended keeps its
    /// first outcome and detail.
    async fn end(
        &self,
        id: &LoginId,
        outcome: LoginOutcome,
        detail: Option<&LoginDetail>,
        author: &Author,
    ) -> Result<bool, StoreError>;

    /// Cancels all pending and exchanging logins of an account, whichever principals they have. Returns their number.
    /// Interrupted logins MUST end as cancelled too, because their tokens could still arrive. They are not counted.
    async fn cancel_all(&self, name: &AccountName, author: &Author) -> Result<usize, StoreError>;

    /// Ends overdue pending logins as expired. Ends logins that have been exchanging for longer than `stuck_after`
    /// as interrupted. Deletes logins that ended more than `keep` ago. Returns the number of logins that it ended.
    async fn sweep(&self, stuck_after: Duration, keep: Duration, author: &Author) -> Result<usize, StoreError>;
}
