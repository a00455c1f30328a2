//! An escrow in memory: what a disk would keep over a crash.

use std::sync::Mutex;

use async_trait::async_trait;
use goclaw::{
    domain::{ids::ProviderName, refresh::TokenVersion},
    ports::{EscrowEntry, EscrowError, RefreshEscrow},
};

#[derive(Default)]
pub(crate) struct MemoryEscrow {
    entries: Mutex<Vec<EscrowEntry>>,
}

impl MemoryEscrow {
    pub(crate) fn contents(&self) -> Vec<EscrowEntry> {
        self.entries.lock().expect("no test panics while it holds the entries").clone()
    }
}

#[async_trait]
impl RefreshEscrow for MemoryEscrow {
    async fn put(&self, entry: &EscrowEntry) -> Result<(), EscrowError> {
        self.remove(&entry.name, &entry.rotation.seen).await?;
        self.entries.lock().expect("no test panics while it holds the entries").push(entry.clone());
        Ok(())
    }

    async fn list(&self) -> Result<Vec<EscrowEntry>, EscrowError> {
        Ok(self.contents())
    }

    async fn remove(&self, name: &ProviderName, seen: &TokenVersion) -> Result<(), EscrowError> {
        let mut entries = self.entries.lock().expect("no test panics while it holds the entries");
        entries.retain(|entry| entry.name != *name || entry.rotation.seen != *seen);
        Ok(())
    }
}
