//! The events of accounts, in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        credential::SealedCredential,
        history::{CredentialEvent, EventKind, Revision},
        ids::AccountName,
        refresh::RefreshState,
        time::Timestamp,
    },
    ports::{CredentialHistory, NewEvents, StoreError},
};

use super::{MemoryStore, Tables};

#[async_trait]
impl CredentialHistory for MemoryStore {
    async fn since(&self, after: Revision, limit: usize) -> Result<NewEvents, StoreError> {
        let tables = self.tables_to("read the latest events").await?;
        let mut new = NewEvents { events: Vec::new(), is_complete: true };
        for event in tables.events.iter().filter(|event| event.revision > after) {
            if new.events.len() == limit {
                break;
            }
            if tables.is_readable(event) {
                new.events.push(event.clone());
            } else {
                new.is_complete = false;
            }
        }
        Ok(new)
    }

    async fn of(&self, name: &AccountName, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
        let tables = self.tables_to("read the events of an account").await?;
        let events = tables.events.iter().rev().filter(|event| event.name == *name && tables.is_readable(event));
        Ok(events.take(limit).cloned().collect())
    }

    async fn newest(&self, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
        let tables = self.tables_to("read the newest events").await?;
        Ok(tables.events.iter().rev().filter(|event| tables.is_readable(event)).take(limit).cloned().collect())
    }

    async fn prune(&self, keep: usize) -> Result<usize, StoreError> {
        let mut tables = self.tables_to("delete old events").await?;
        let old = tables.events.len().saturating_sub(keep);
        Ok(tables.events.drain(..old).count())
    }
}

impl Tables {
    fn is_readable(&self, event: &CredentialEvent) -> bool {
        !self.unreadable_events.contains(&event.revision)
    }

    /// Stores an account and records its event.
    pub(super) fn put(&mut self, mut account: SealedCredential, kind: EventKind, now: Timestamp) -> SealedCredential {
        account.revision = self.record(&account.name, kind, &account.refresh, now).revision;
        self.credentials.insert(account.name.clone(), account.clone());
        account
    }

    /// Deletes an account and its feedback.
    pub(super) fn delete(&mut self, name: &AccountName) {
        self.credentials.remove(name);
        self.feedback.remove(name);
    }

    pub(super) fn record(
        &mut self,
        name: &AccountName,
        kind: EventKind,
        state: &RefreshState,
        now: Timestamp,
    ) -> CredentialEvent {
        self.append_event(CredentialEvent::unnumbered(name, kind, state, now))
    }

    /// Numbers an event and adds it to the history.
    pub(super) fn append_event(&mut self, event: CredentialEvent) -> CredentialEvent {
        self.last_revision += 1;
        let event = CredentialEvent { revision: Revision(self.last_revision), ..event };
        self.events.push(event.clone());
        event
    }
}
