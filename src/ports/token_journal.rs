//! Durable storage of new tokens until the database has committed them. It needs only the local disk.
//!
//! Between the provider's response and the commit, the response holds the only valid tokens. They are written to the
//! journal first, so that neither a database outage nor a crash loses them.

use async_trait::async_trait;

use crate::domain::{
    ids::AccountName,
    refresh::{Rotation, TokenVersion},
};

/// The journal cannot be used. Callers continue without it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} the journal")]
pub struct JournalError {
    pub doing: &'static str,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// New tokens of an account, not yet committed.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRecord {
    pub name: AccountName,
    pub rotation: Rotation,
}

/// Contract: several processes may share one journal. An entry is identified by account, login and generation. An entry
/// may be replayed while its writer still runs: committing one version twice stores it once.
#[async_trait]
pub trait TokenJournal: Send + Sync {
    /// Writes an entry.
    ///
    /// Contract: `Ok` MUST mean that the whole entry is on disk and survives a power cut; a short write MUST be an
    /// error. A partially written entry MUST NOT count as an entry. An entry of another process MUST NOT be overwritten
    /// before this one is complete.
    async fn put(&self, entry: &JournalRecord) -> Result<(), JournalError>;

    /// Returns the entries of all processes.
    ///
    /// Contract: MUST return each completely written entry once, even if its process was killed before `put` returned.
    /// An incomplete or unreadable entry MUST NOT be an error: it MUST be skipped, logged and not deleted, because
    /// another process may still be writing it.
    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError>;

    /// Deletes an entry. Idempotent.
    ///
    /// Contract: MUST delete every copy that `list` would return, and no other version.
    async fn remove(&self, name: &AccountName, seen: &TokenVersion) -> Result<(), JournalError>;
}
