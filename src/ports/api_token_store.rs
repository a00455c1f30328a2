//! Where the tokens that the gateway made are kept, as digests.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    api_token::{ApiToken, ApiTokenId},
    time::Timestamp,
};

#[async_trait]
pub trait ApiTokenStore: Send + Sync {
    /// Keeps a new token.
    ///
    /// Contract: a second token of the same id or digest MUST be an error and change nothing.
    async fn put(&self, token: &ApiToken) -> Result<(), StoreError>;

    /// All of them, oldest first.
    async fn list(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// Moves a token's end; whether it was there.
    async fn extend(&self, id: &ApiTokenId, expires_at: Timestamp) -> Result<bool, StoreError>;

    /// Forgets a token; whether it was there. Of many that forget the same one, exactly one hears that it was.
    async fn remove(&self, id: &ApiTokenId) -> Result<bool, StoreError>;

    /// Forgets those that have ended.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}
