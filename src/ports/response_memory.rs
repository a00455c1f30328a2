//! Storage of responses for later requests that refer to them. Losing one costs a conversation, never a login.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
    time::Timestamp,
};

#[async_trait]
pub trait ResponseMemory: Send + Sync {
    /// Stores responses, all or none of them. A second one with the same id MUST replace nothing.
    async fn remember(&self, responses: &[RememberedResponse]) -> Result<(), StoreError>;

    /// Forgets the responses that were used last before `oldest`, and those that exceed the limits, oldest first. A
    /// response that exceeds a limit alone MUST NOT stay.
    async fn make_room(&self, oldest: Timestamp, limits: MemoryLimits) -> Result<(), StoreError>;

    /// Returns a response and those that it continues, newest first, until the limits are reached. All of them count as
    /// used at `now`. The chain ends at a response that is forgotten or was used last before the limit.
    async fn chain(
        &self,
        id: &ResponseId,
        limits: ReadLimits,
        now: Timestamp,
    ) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Returns the responses with these items in their outputs, in any order, until the limits are reached. Those that
    /// were used last before the limit MUST NOT be among them.
    async fn with_items(&self, items: &[String], limits: ReadLimits) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Forgets a response. Returns whether it was there.
    async fn forget(&self, id: &ResponseId) -> Result<bool, StoreError>;
}
