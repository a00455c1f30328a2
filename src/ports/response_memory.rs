//! Storage of responses for later requests that refer to them.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
    time::Timestamp,
};

#[async_trait]
pub trait ResponseMemory: Send + Sync {
    /// Stores responses, all or none of them. A response with the id of a stored one MUST NOT replace it.
    async fn remember(&self, responses: &[RememberedResponse]) -> Result<(), StoreError>;

    /// Deletes the responses that were last used before `oldest`, and then the oldest ones until the limits are met. A
    /// response that alone exceeds a limit MUST NOT stay.
    async fn make_room(&self, oldest: Timestamp, limits: MemoryLimits) -> Result<(), StoreError>;

    /// Returns a response and those that it continues, newest first, until the limits are reached. All of them count as
    /// used at `now`. The chain ends before a response that is deleted or was last used before [`ReadLimits::oldest`].
    async fn chain(
        &self,
        id: &ResponseId,
        limits: ReadLimits,
        now: Timestamp,
    ) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Returns the responses with these items in their outputs, in any order, until the limits are reached. Those that
    /// were last used before [`ReadLimits::oldest`] MUST NOT be among them.
    async fn with_items(&self, items: &[String], limits: ReadLimits) -> Result<Vec<RememberedResponse>, StoreError>;

    /// Deletes a response. Returns whether it was stored.
    async fn forget(&self, id: &ResponseId) -> Result<bool, StoreError>;
}
