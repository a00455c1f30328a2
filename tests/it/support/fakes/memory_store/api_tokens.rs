//! The gateway's tokens, in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        api_token::{ApiToken, ApiTokenId},
        time::Timestamp,
    },
    ports::{ApiTokenStore, StoreError},
};

use super::MemoryStore;

#[async_trait]
impl ApiTokenStore for MemoryStore {
    async fn put(&self, token: &ApiToken) -> Result<(), StoreError> {
        self.tables_to("keep a token").await?.api_tokens.push(token.clone());
        Ok(())
    }

    async fn list(&self) -> Result<Vec<ApiToken>, StoreError> {
        Ok(self.tables_to("list the tokens").await?.api_tokens.clone())
    }

    async fn extend(&self, id: &ApiTokenId, expires_at: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("extend a token").await?;
        let token = tables.api_tokens.iter_mut().find(|token| token.id == *id);
        Ok(token.map(|token| token.expires_at = Some(expires_at)).is_some())
    }

    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.tables_to("forget expired tokens").await?.api_tokens.retain(|token| token.is_good(now));
        Ok(())
    }

    async fn remove(&self, id: &ApiTokenId) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("forget a token").await?;
        let before = tables.api_tokens.len();
        tables.api_tokens.retain(|token| token.id != *id);
        Ok(tables.api_tokens.len() < before)
    }
}
