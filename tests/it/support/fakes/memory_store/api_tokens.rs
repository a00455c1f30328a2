//! API tokens in memory.

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
        const DOING: &str = "keep a token";
        let mut tables = self.tables_to(DOING).await?;
        if tables.api_tokens.iter().any(|other| other.id == token.id || other.digest == token.digest) {
            return Err(StoreError::Unavailable { doing: DOING, source: "the token is not unique".into() });
        }
        tables.api_tokens.push(token.clone());
        Ok(())
    }

    async fn list(&self) -> Result<Vec<ApiToken>, StoreError> {
        let mut tokens = self.tables_to("list the tokens").await?.api_tokens.clone();
        tokens.sort_by(|one, other| (one.created_at, one.id.as_str()).cmp(&(other.created_at, other.id.as_str())));
        Ok(tokens)
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
