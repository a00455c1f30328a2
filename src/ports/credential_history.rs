//! The events of accounts. The owner reads them, and the other replicas follow them.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    history::{CredentialEvent, Revision},
    ids::AccountName,
};

/// The events after a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvents {
    pub events: Vec<CredentialEvent>,
    /// False if an unreadable event was skipped. It may have changed any account.
    pub is_complete: bool,
}

/// Contract: revisions MUST become visible in order, even if several replicas write. A reader that continues after the
/// last revision that it read then misses no event. An unreadable event MUST be skipped and logged.
#[async_trait]
pub trait CredentialHistory: Send + Sync {
    /// Returns at most `limit` events after a revision, oldest first.
    ///
    /// Contract: MUST return `limit` events if there are as many readable ones.
    async fn since(&self, after: Revision, limit: usize) -> Result<NewEvents, StoreError>;

    /// Returns at most `limit` events of an account, newest first.
    async fn of(&self, name: &AccountName, limit: usize) -> Result<Vec<CredentialEvent>, StoreError>;

    /// Returns at most `limit` events of all accounts, newest first.
    async fn newest(&self, limit: usize) -> Result<Vec<CredentialEvent>, StoreError>;

    /// Deletes all but the newest `keep` events. Returns the number of deleted events.
    async fn prune(&self, keep: usize) -> Result<usize, StoreError>;
}
