//! Where new tokens wait for the database: a safe place that needs nothing but this machine's disk.
//!
//! Between the provider's answer and the commit, what came back is the only live copy. It is put here first, so that
//! neither a database that is down nor a process that dies can lose it.

use async_trait::async_trait;

use crate::domain::{
    ids::ProviderName,
    refresh::{Rotation, TokenVersion},
};

/// The journal cannot be used. Whoever holds the tokens goes on without it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} the journal")]
pub struct JournalError {
    pub doing: &'static str,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// New tokens on their way to an account.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRecord {
    pub name: ProviderName,
    pub rotation: Rotation,
}

/// Contract: several processes may share one journal; an entry is named by account, login and generation. An entry may be
/// replayed while its writer lives: a commit of the same version twice stores it once.
#[async_trait]
pub trait TokenJournal: Send + Sync {
    /// Keeps an entry.
    ///
    /// Contract: an `Ok` MUST mean that the whole entry is on disk and survives a power cut; a short write MUST be an error.
    /// What was written in part MUST NOT count as an entry. What another process wrote MUST NOT be overwritten before this
    /// entry is complete.
    async fn put(&self, entry: &JournalRecord) -> Result<(), JournalError>;

    /// Everything in it, of any process.
    ///
    /// Contract: MUST return each entry that was written completely, even if its process was killed before `put` returned,
    /// and MUST return it once. What is incomplete or cannot be read MUST be skipped, logged and left where it is: another
    /// process may still be writing it. It MUST NOT be an error.
    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError>;

    /// Forgets an entry. Idempotent.
    ///
    /// Contract: MUST remove every copy that `list` would return, and MUST NOT touch another version.
    async fn remove(&self, name: &ProviderName, seen: &TokenVersion) -> Result<(), JournalError>;
}
