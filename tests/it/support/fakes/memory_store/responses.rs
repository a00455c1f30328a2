//! Remembered responses in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
        time::Timestamp,
    },
    ports::{ResponseMemory, StoreError},
};

use super::MemoryStore;

#[async_trait]
impl ResponseMemory for MemoryStore {
    async fn remember(&self, responses: &[RememberedResponse]) -> Result<(), StoreError> {
        let mut tables = self.tables_to("remember responses").await?;
        for response in responses {
            if tables.responses.iter().all(|known| known.id != response.id) {
                tables.responses.push(response.clone());
            }
        }
        Ok(())
    }

    async fn make_room(&self, oldest: Timestamp, limits: MemoryLimits) -> Result<(), StoreError> {
        let mut tables = self.tables_to("make room for responses").await?;
        let all = &mut tables.responses;
        all.retain(|known| known.used_at >= oldest);
        all.sort_by_key(|known| (known.used_at, known.id.clone()));
        let owners: Vec<_> = all.iter().map(|known| known.owner.clone()).collect();
        for owner in owners {
            forget_oldest(all, |known| known.owner == owner, limits.per_owner);
        }
        forget_oldest(all, |_| true, limits.in_all);
        Ok(())
    }

    async fn chain(
        &self,
        id: &ResponseId,
        limits: ReadLimits,
        now: Timestamp,
    ) -> Result<Vec<RememberedResponse>, StoreError> {
        let mut tables = self.tables_to("read remembered responses").await?;
        let (mut chain, mut next) = (Vec::new(), Some(id.clone()));
        while let Some(id) = next.take().filter(|_| !limits.are_reached_by(&chain)) {
            let Some(known) =
                tables.responses.iter_mut().find(|known| known.id == id && known.used_at >= limits.oldest)
            else {
                break;
            };
            next = known.previous.clone();
            chain.push(known.clone());
            known.used_at = now;
        }
        Ok(chain)
    }

    async fn with_items(&self, items: &[String], limits: ReadLimits) -> Result<Vec<RememberedResponse>, StoreError> {
        let tables = self.tables_to("read remembered items").await?;
        let has_one = |known: &&RememberedResponse| {
            known.used_at >= limits.oldest && known.items.iter().any(|item| items.contains(item))
        };
        let mut found = Vec::new();
        for known in tables.responses.iter().filter(has_one) {
            if !limits.are_reached_by(&found) {
                found.push(known.clone());
            }
        }
        Ok(found)
    }

    async fn forget(&self, id: &ResponseId) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("delete a response").await?;
        let before = tables.responses.len();
        tables.responses.retain(|known| known.id != *id);
        Ok(tables.responses.len() < before)
    }
}

/// Forgets the first of the chosen responses until the others fit.
fn forget_oldest(all: &mut Vec<RememberedResponse>, is_chosen: impl Fn(&RememberedResponse) -> bool, limit: i64) {
    while all.iter().filter(|known| is_chosen(known)).map(RememberedResponse::size).sum::<i64>() > limit {
        let Some(first) = all.iter().position(&is_chosen) else { break };
        all.remove(first);
    }
}
