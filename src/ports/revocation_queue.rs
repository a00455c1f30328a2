//! Where refresh tokens wait until their provider has confirmed that it forgot them.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    revocation::{PendingRevocation, RevocationId},
    time::Timestamp,
};

/// Beside what is put here, a credential store puts in what it is ordered to: see
/// [`RevocationOrder`](crate::domain::revocation::RevocationOrder).
#[async_trait]
pub trait RevocationQueue: Send + Sync {
    /// Queues a revocation, due at once. One that is there already stays as it is.
    async fn put(&self, revocation: &PendingRevocation) -> Result<(), StoreError>;

    /// What is due at `now`, oldest first, at most `limit`.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationId>, StoreError>;

    /// Takes one that is due, to try it; it is due again after `pause`, unless it is removed.
    ///
    /// Contract: of any number of concurrent calls at most one MUST get it.
    async fn take(
        &self,
        id: &RevocationId,
        now: Timestamp,
        pause: Duration,
    ) -> Result<Option<PendingRevocation>, StoreError>;

    /// Forgets a revocation. Idempotent.
    async fn forget(&self, id: &RevocationId) -> Result<(), StoreError>;

    /// Forgets those that were queued before a time; how many that were.
    async fn forget_queued_before(&self, time: Timestamp) -> Result<usize, StoreError>;
}
