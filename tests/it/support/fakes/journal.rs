//! A token journal in memory. It survives a restart of the gateway.

use std::sync::Mutex;

use async_trait::async_trait;
use goclaw::{
    domain::{ids::AccountName, refresh::TokenVersion},
    ports::{JournalError, JournalRecord, TokenJournal},
};

#[derive(Default)]
pub(crate) struct MemoryJournal {
    entries: Mutex<Vec<JournalRecord>>,
}

impl MemoryJournal {
    pub(crate) fn contents(&self) -> Vec<JournalRecord> {
        self.entries.lock().expect("no test panics while it holds the entries").clone()
    }
}

#[async_trait]
impl TokenJournal for MemoryJournal {
    async fn put(&self, entry: &JournalRecord) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        // One lock, so a reader sees the old entry or the new one.
        let mut entries = self.entries.lock().expect("no test panics while it holds the entries");
        entries.retain(|other| other.name != entry.name || other.rotation.seen != entry.rotation.seen);
        entries.push(entry.clone());
        Ok(())
    }

    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError> {
        tokio::task::yield_now().await;
        Ok(self.contents())
    }

    async fn remove(&self, name: &AccountName, seen: &TokenVersion) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        let mut entries = self.entries.lock().expect("no test panics while it holds the entries");
        entries.retain(|entry| entry.name != *name || entry.rotation.seen != *seen);
        Ok(())
    }
}
