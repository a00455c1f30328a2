//! Storage of the audit log. The other stores append to it too, each in the transaction of its change.

use std::sync::Arc;

use async_trait::async_trait;

use super::{SealError, SecretCipher, StoreError};
use crate::domain::{
    audit::{Actor, AuditEntry, AuditEvent, Checkpoint},
    sealed::SealContext,
    sealed_secret::SealedSecret,
    time::Timestamp,
};

/// Who makes a change and when, with the cipher that marks the audit entry.
#[derive(Clone)]
pub struct Author {
    pub actor: Actor,
    pub at: Timestamp,
    pub cipher: Arc<dyn SecretCipher>,
}

impl Author {
    /// Returns the gateway as the author of a change that follows from this author's change.
    pub fn gateway(&self) -> Self {
        Self { actor: Actor::gateway(), ..self.clone() }
    }

    /// Returns the audit entry of a change. `last` is the entry before it.
    pub fn entry(&self, last: Option<&AuditEntry>, event: AuditEvent) -> Result<AuditEntry, SealError> {
        let AuditEvent { action, subject, result, detail } = event;
        let action: &str = action.into();
        let mut entry = AuditEntry {
            id: last.map_or(1, |last| last.id + 1),
            at: self.at,
            actor: self.actor.clone(),
            action: action.to_owned(),
            subject,
            result: result.to_owned(),
            detail,
            digest: String::new(),
            mark: SealedSecret::from_stored(String::new()),
        };
        entry.digest = entry.digest_after(last.map_or("", |last| &last.digest));
        entry.mark = self.cipher.seal(&SealContext::AuditEntry(&entry.digest), "")?;
        Ok(entry)
    }
}

/// Contract: every store method that takes an [`Author`] MUST append the audit entries of its change in the same
/// transaction. If that fails, nothing may change. Ids MUST have no gaps, even if several replicas append.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends an entry for a change that no other store records.
    async fn append(&self, event: AuditEvent, author: &Author) -> Result<(), StoreError>;

    /// Returns at most `limit` entries with ids below `before`, newest first.
    async fn newest(&self, before: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError>;

    /// Returns at most `limit` entries with ids above `after`, oldest first.
    async fn oldest(&self, after: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError>;

    /// Deletes the entry `end` and all earlier ones, and appends an entry about the deletion. Returns the number of
    /// deleted entries. MUST delete nothing if the log does not have `end`, or if it is the newest entry.
    async fn delete_through(&self, end: &Checkpoint, author: &Author) -> Result<usize, StoreError>;
}
