//! The queue of refresh tokens whose revocation the provider has not confirmed yet.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    revocation::{PendingRevocation, RevocationId},
    time::Timestamp,
};

/// Contract: an unreadable revocation MUST be skipped and logged.
///
/// The token store adds entries too, in its own transactions: see
/// [`RevocationOrder`](crate::domain::revocation::RevocationOrder).
#[async_trait]
pub trait RevocationQueue: Send + Sync {
    /// Queues a revocation, due at once. Does not change an existing entry.
    async fn put(&self, revocation: &PendingRevocation) -> Result<(), StoreError>;

    /// Returns at most `limit` revocations that are due at `now`, oldest first.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationId>, StoreError>;

    /// Returns all revocations, in the order of their ids.
    async fn all(&self) -> Result<Vec<PendingRevocation>, StoreError>;

    /// Takes a due revocation for one attempt. It is due again after `pause` unless it is deleted.
    ///
    /// Contract: at most one of any number of concurrent calls MUST get the revocation.
    async fn take(
        &self,
        id: &RevocationId,
        now: Timestamp,
        pause: Duration,
    ) -> Result<Option<PendingRevocation>, StoreError>;

    /// Deletes a revocation. Idempotent.
    async fn delete(&self, id: &RevocationId) -> Result<(), StoreError>;

    /// Deletes the revocations that were queued before `time`. Returns the number of deleted revocations.
    async fn delete_queued_before(&self, time: Timestamp) -> Result<usize, StoreError>;
}
