//! Storage of responses that later requests may refer to.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
    time::Timestamp,
};

#[async_trait]
pub trait ResponseMemory: Send + Sync {
    /// Stores responses, all or none of them. A response MUST NOT replace a stored one with the same id.
    async fn remember(&self, responses: &[RememberedResponse]) -> Result<(), StoreError>;

    /// Deletes the responses that were last used before `oldest`, and then the least recently used ones until the limits
    /// are met. A response that exceeds a limit by itself MUST NOT stay.
    async fn make_room(&self, oldest: Timestamp, limits: MemoryLimits) -> Result<(), StoreError>;

    /// Returns a response and those that it continues, newest first, until the limits are reached. Sets their last use
    /// to `now`. Ends before a response that is deleted or was last used before [`ReadLimits::oldest`].
    async fn chain(
        &self,
        id: &ResponseId,
        limits: ReadLimits,
        now: Timestamp,
    ) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Returns the responses whose outputs have these items, in any order, until the limits are reached. Responses that
    /// were last used before [`ReadLimits::oldest`] MUST be left out.
    async fn with_items(&self, items: &[String], limits: ReadLimits) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Deletes a response. Returns whether it was stored.
    async fn forget(&self, id: &ResponseId) -> Result<bool, StoreError>;
}
