//! The revocation queue in memory.

use std::time::Duration;

use async_trait::async_trait;
use goclaw::{
    domain::{
        revocation::{PendingRevocation, RevocationId},
        time::Timestamp,
    },
    ports::{RevocationQueue, StoreError},
};

use super::{MemoryStore, Tables};

#[async_trait]
impl RevocationQueue for MemoryStore {
    async fn put(&self, revocation: &PendingRevocation) -> Result<(), StoreError> {
        self.tables_to("queue a revocation").await?.queue(revocation.clone());
        Ok(())
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationId>, StoreError> {
        let tables = self.tables_to("find the revocations that are due").await?;
        let mut due: Vec<_> = tables.revocations.iter().filter(|(_, at)| *at <= now).collect();
        due.sort_by_key(|(_, at)| *at);
        Ok(due.into_iter().take(limit).map(|(revocation, _)| revocation.id.clone()).collect())
    }

    async fn all(&self) -> Result<Vec<PendingRevocation>, StoreError> {
        let tables = self.tables_to("read the revocations").await?;
        let mut all: Vec<_> = tables.revocations.iter().map(|(revocation, _)| revocation.clone()).collect();
        all.sort_by_key(|revocation| revocation.id.as_str().to_owned());
        Ok(all)
    }

    async fn take(
        &self,
        id: &RevocationId,
        now: Timestamp,
        pause: Duration,
    ) -> Result<Option<PendingRevocation>, StoreError> {
        let mut tables = self.tables_to("take a revocation").await?;
        let due = tables.revocations.iter_mut().find(|(revocation, at)| revocation.id == *id && *at <= now);
        Ok(due.map(|(revocation, at)| {
            *at = now.plus(pause);
            revocation.clone()
        }))
    }

    async fn delete(&self, id: &RevocationId) -> Result<(), StoreError> {
        self.tables_to("forget a revocation").await?.revocations.retain(|(revocation, _)| revocation.id != *id);
        Ok(())
    }

    async fn delete_queued_before(&self, time: Timestamp) -> Result<usize, StoreError> {
        let mut tables = self.tables_to("forget old revocations").await?;
        let before = tables.revocations.len();
        tables.revocations.retain(|(revocation, _)| revocation.created_at >= time);
        Ok(before - tables.revocations.len())
    }
}

impl Tables {
    pub(super) fn unqueue(&mut self, id: &RevocationId) {
        self.revocations.retain(|(revocation, _)| revocation.id != *id);
    }

    /// Queues a revocation unless its id is already queued.
    pub(super) fn queue(&mut self, revocation: PendingRevocation) {
        if self.revocations.iter().all(|(queued, _)| queued.id != revocation.id) {
            let due_at = revocation.created_at;
            self.revocations.push((revocation, due_at));
        }
    }
}
