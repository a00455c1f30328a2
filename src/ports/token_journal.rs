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

/// Contract: several processes may share one journal; an entry is named by account, login and generation.
#[async_trait]
pub trait TokenJournal: Send + Sync {
    /// Keeps an entry.
    ///
    /// Contract: MUST survive a power cut from the moment it returns, and MUST NOT be seen in part.
    async fn put(&self, entry: &JournalRecord) -> Result<(), JournalError>;

    /// Everything in it, of any process. What cannot be read is left where it is and logged.
    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError>;

    /// Forgets an entry. Idempotent.
    async fn remove(&self, name: &ProviderName, seen: &TokenVersion) -> Result<(), JournalError>;
}
