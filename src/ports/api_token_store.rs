//! Storage of the API tokens that the gateway issued, as digests.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    api_token::{ApiToken, ApiTokenId},
    time::Timestamp,
};

#[async_trait]
pub trait ApiTokenStore: Send + Sync {
    /// Stores a new token.
    ///
    /// Contract: a second token of the same id or digest MUST be an error and change nothing.
    async fn put(&self, token: &ApiToken) -> Result<(), StoreError>;

    /// Returns all tokens, oldest first.
    async fn list(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// Changes a token's expiry. Returns whether the token exists.
    async fn extend(&self, id: &ApiTokenId, expires_at: Timestamp) -> Result<bool, StoreError>;

    /// Deletes a token. Returns whether it existed; of concurrent calls for one token, exactly one returns true.
    async fn remove(&self, id: &ApiTokenId) -> Result<bool, StoreError>;

    /// Deletes the tokens that have expired.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}
