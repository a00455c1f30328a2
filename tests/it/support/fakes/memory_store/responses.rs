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
            if tables.responses.iter().all(|stored| stored.id != response.id) {
                tables.responses.push(response.clone());
            }
        }
        Ok(())
    }

    async fn make_room(&self, oldest: Timestamp, limits: MemoryLimits) -> Result<(), StoreError> {
        let mut tables = self.tables_to("make room for responses").await?;
        let all = &mut tables.responses;
        all.retain(|stored| stored.used_at >= oldest);
        all.sort_by_key(|stored| (stored.used_at, stored.id.clone()));
        let principals: Vec<_> = all.iter().map(|stored| stored.principal.clone()).collect();
        for principal in principals {
            forget_oldest(all, |stored| stored.principal == principal, limits.per_principal);
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
            let Some(stored) =
                tables.responses.iter_mut().find(|stored| stored.id == id && stored.used_at >= limits.oldest)
            else {
                break;
            };
            next = stored.previous.clone();
            chain.push(stored.clone());
            stored.used_at = now;
        }
        Ok(chain)
    }

    async fn with_items(&self, items: &[String], limits: ReadLimits) -> Result<Vec<RememberedResponse>, StoreError> {
        let tables = self.tables_to("read remembered items").await?;
        let has_one = |stored: &&RememberedResponse| {
            stored.used_at >= limits.oldest && stored.items.iter().any(|item| items.contains(item))
        };
        let mut found = Vec::new();
        for stored in tables.responses.iter().filter(has_one) {
            if !limits.are_reached_by(&found) {
                found.push(stored.clone());
            }
        }
        Ok(found)
    }

    async fn forget(&self, id: &ResponseId) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("delete a response").await?;
        let before = tables.responses.len();
        tables.responses.retain(|stored| stored.id != *id);
        Ok(tables.responses.len() < before)
    }
}

/// Forgets the first of the chosen responses until the others fit.
fn forget_oldest(all: &mut Vec<RememberedResponse>, is_chosen: impl Fn(&RememberedResponse) -> bool, limit: i64) {
    while all.iter().filter(|stored| is_chosen(stored)).map(RememberedResponse::size).sum::<i64>() > limit {
        let Some(first) = all.iter().position(&is_chosen) else { break };
        all.remove(first);
    }
}
