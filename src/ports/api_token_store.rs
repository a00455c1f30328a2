//! Where the tokens of programs are kept, as digests.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::api_token::{ApiToken, ApiTokenId};

#[async_trait]
pub trait ApiTokenStore: Send + Sync {
    /// Keeps a new token.
    async fn put(&self, token: &ApiToken) -> Result<(), StoreError>;

    /// All of them, oldest first.
    async fn list(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// Forgets a token; whether it was there.
    async fn remove(&self, id: &ApiTokenId) -> Result<bool, StoreError>;
}
