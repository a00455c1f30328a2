//! Storage of the API tokens that the gateway issued, as digests.

use async_trait::async_trait;

use super::{Author, StoreError};
use crate::domain::{
    api_token::{ApiTokenId, Scope, SealedApiToken},
    time::Timestamp,
};

#[async_trait]
pub trait ApiTokenStore: Send + Sync {
    /// Stores a new token, unless its parent is gone. Returns whether it did.
    ///
    /// Contract: MUST be one transaction. A second token of the same id or digest MUST be an error and change nothing.
    async fn put(&self, token: &SealedApiToken, author: &Author) -> Result<bool, StoreError>;

    /// Returns all tokens, oldest first. An unreadable one MUST be skipped and logged.
    async fn list(&self) -> Result<Vec<SealedApiToken>, StoreError>;

    /// Changes a token's expiry, with the mark that covers it. Returns whether the token exists.
    async fn extend(&self, token: &SealedApiToken) -> Result<bool, StoreError>;

    /// Deletes a token and everything that comes from it, in one transaction. Returns whether it existed; of concurrent
    /// calls for one token, exactly one returns true.
    async fn remove(&self, id: &ApiTokenId, author: &Author) -> Result<bool, StoreError>;

    /// Deletes all tokens of these scopes in one transaction. Returns their number.
    async fn remove_all(&self, scopes: &[Scope], author: &Author) -> Result<usize, StoreError>;

    /// Deletes the tokens that have expired.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}
