//! What happened to accounts, newest last: for their owners to read, and for the other gateways to follow.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    history::{CredentialEvent, Revision},
    ids::ProviderName,
};

/// Contract: a reader that has seen all events up to a revision MUST never miss one by asking for those after it, however
/// many gateways write; revisions become visible in their order.
#[async_trait]
pub trait CredentialHistory: Send + Sync {
    /// The newest event's revision; the default one if there is none.
    async fn latest(&self) -> Result<Revision, StoreError>;

    /// The events after a revision, oldest first, at most `limit`.
    async fn since(&self, after: Revision, limit: usize) -> Result<Vec<CredentialEvent>, StoreError>;

    /// An account's events, newest first, at most `limit`.
    async fn of(&self, name: &ProviderName, limit: usize) -> Result<Vec<CredentialEvent>, StoreError>;

    /// The events of all accounts, newest first, at most `limit`.
    async fn newest(&self, limit: usize) -> Result<Vec<CredentialEvent>, StoreError>;

    /// Forgets all but the newest `keep` events; how many were forgotten.
    async fn prune(&self, keep: usize) -> Result<usize, StoreError>;
}
