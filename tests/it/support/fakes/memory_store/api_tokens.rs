//! API tokens in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        api_token::{ApiTokenId, SealedApiToken},
        audit::AuditEvent,
        time::Timestamp,
    },
    ports::{ApiTokenStore, Author, StoreError, StoreTrouble},
};

use super::MemoryStore;

#[async_trait]
impl ApiTokenStore for MemoryStore {
    async fn put(&self, token: &SealedApiToken, author: &Author) -> Result<(), StoreError> {
        const DOING: &str = "keep a token";
        let mut tables = self.tables_to(DOING).await?;
        if tables
            .api_tokens
            .iter()
            .any(|SealedApiToken { token: other, .. }| other.id == token.token.id || other.digest == token.token.digest)
        {
            return Err(StoreError::Unavailable {
                doing: DOING,
                trouble: StoreTrouble::Unavailable,
                source: "the token is not unique".into(),
            });
        }
        tables.api_tokens.push(token.clone());
        tables.append(AuditEvent::token_created(&token.token), author);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<SealedApiToken>, StoreError> {
        let mut tokens = self.tables_to("list the tokens").await?.api_tokens.clone();
        tokens.sort_by_key(|SealedApiToken { token, .. }| (token.created_at, token.id.as_str().to_owned()));
        Ok(tokens)
    }

    async fn extend(&self, new: &SealedApiToken) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("extend a token").await?;
        let stored = tables.api_tokens.iter_mut().find(|stored| stored.token.id == new.token.id);
        Ok(stored
            .map(|stored| {
                stored.token.expires_at = new.token.expires_at;
                stored.mac = new.mac.clone();
            })
            .is_some())
    }

    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.tables_to("forget expired tokens").await?.api_tokens.retain(|stored| stored.token.is_good(now));
        Ok(())
    }

    async fn remove(&self, id: &ApiTokenId, author: &Author) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("forget a token").await?;
        let Some(position) = tables.api_tokens.iter().position(|stored| stored.token.id == *id) else {
            return Ok(false);
        };
        let token = tables.api_tokens.remove(position).token;
        tables.append(AuditEvent::token_revoked(id, token.name.into_string(), Some(token.scope)), author);
        Ok(true)
    }
}
