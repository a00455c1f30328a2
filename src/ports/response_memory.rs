//! Storage of responses for later requests that refer to them. Losing one costs a conversation, never a login.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
    time::Timestamp,
};

#[async_trait]
pub trait ResponseMemory: Send + Sync {
    /// Stores a response, and forgets those that were used last before `oldest` or exceed the limits, oldest first. A
    /// response that exceeds a limit alone MUST NOT stay. A second one with the same id MUST replace nothing.
    async fn remember(
        &self,
        response: &RememberedResponse,
        oldest: Timestamp,
        limits: MemoryLimits,
    ) -> Result<(), StoreError>;

    /// Returns a response and those that it continues, newest first, until the limits are reached. All of them count as
    /// used at `now`. The chain ends at a response that is forgotten.
    async fn chain(
        &self,
        id: &ResponseId,
        limits: ReadLimits,
        now: Timestamp,
    ) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Returns the responses with these items in their outputs, in any order, until the limits are reached.
    async fn with_items(&self, items: &[String], limits: ReadLimits) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Forgets a response. Returns whether it was there.
    async fn forget(&self, id: &ResponseId) -> Result<bool, StoreError>;
}
