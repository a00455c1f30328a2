//! The audit log in memory.

use async_trait::async_trait;
use goclaw::{
    domain::audit::{AuditAction, AuditEntry, AuditEvent, Checkpoint},
    ports::{AuditLog, Author, StoreError},
};

use super::{MemoryStore, Tables};

#[async_trait]
impl AuditLog for MemoryStore {
    async fn append(&self, event: AuditEvent, author: &Author) -> Result<(), StoreError> {
        self.tables_to("append to the audit log").await?.append(event, author);
        Ok(())
    }

    async fn newest(&self, before: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let tables = self.tables_to("read the audit log").await?;
        Ok(tables.audit.iter().rev().filter(|entry| entry.id < before).take(limit).cloned().collect())
    }

    async fn oldest(&self, after: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let tables = self.tables_to("read the audit log").await?;
        Ok(tables.audit.iter().filter(|entry| entry.id > after).take(limit).cloned().collect())
    }

    async fn delete_through(&self, end: &Checkpoint, author: &Author) -> Result<usize, StoreError> {
        let mut tables = self.tables_to("delete old audit entries").await?;
        let Some((_newest, earlier)) = tables.audit.split_last() else { return Ok(0) };
        let Some(last) = earlier.iter().position(|entry| entry.checkpoint() == *end) else { return Ok(0) };
        let deleted = tables.audit.drain(..=last).count();
        let event = AuditEvent::done(AuditAction::EntriesDeleted, end.id.to_string(), Some(end.digest.clone()));
        tables.append(event, author);
        Ok(deleted)
    }
}

impl Tables {
    pub(super) fn append(&mut self, event: AuditEvent, author: &Author) {
        let entry = author.entry(self.audit.last(), event).expect("random bytes");
        self.audit.push(entry);
    }
}
