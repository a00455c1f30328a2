//! Storage of the API tokens that the gateway issued, as digests.

use async_trait::async_trait;

use super::{Author, StoreError};
use crate::domain::{
    api_token::{ApiTokenId, SealedApiToken},
    time::Timestamp,
};

#[async_trait]
pub trait ApiTokenStore: Send + Sync {
    /// Stores a new token.
    ///
    /// Contract: a second token of the same id or digest MUST be an error and change nothing.
    async fn put(&self, token: &SealedApiToken, author: &Author) -> Result<(), StoreError>;

    /// Returns all tokens, oldest first. An unreadable one MUST be skipped and logged.
    async fn list(&self) -> Result<Vec<SealedApiToken>, StoreError>;

    /// Changes a token's expiry, with the mark that covers it. Returns whether the token exists.
    async fn extend(&self, token: &SealedApiToken) -> Result<bool, StoreError>;

    /// Deletes a token. Returns whether it existed; of concurrent calls for one token, exactly one returns true.
    async fn remove(&self, id: &ApiTokenId, author: &Author) -> Result<bool, StoreError>;

    /// Deletes the tokens that have expired.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}
