//! API tokens in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        api_token::{ApiToken, ApiTokenId, SealedApiToken},
        audit::AuditEvent,
        ids::Principal,
        time::Timestamp,
    },
    ports::{ApiTokenStore, Author, StoreError, StoreTrouble, TokenStored},
};

use super::{MemoryStore, Tables};

#[async_trait]
impl ApiTokenStore for MemoryStore {
    async fn put(&self, token: &SealedApiToken, author: &Author) -> Result<TokenStored, StoreError> {
        const DOING: &str = "store a token";
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
        let is_program = |token: &ApiToken| !token.grant.is_page_token();
        let has_name = |stored: &SealedApiToken| is_program(&stored.token) && stored.token.name == token.token.name;
        if is_program(&token.token) && tables.api_tokens.iter().any(has_name) {
            return Ok(TokenStored::NameTaken);
        }
        let is_gone = |id: &str| tables.api_tokens.iter().all(|stored| stored.token.id.as_str() != id);
        let parent = token.token.parent.as_ref().map(ApiTokenId::as_str);
        if parent.into_iter().chain(author.actor.token_id()).any(is_gone) {
            return Ok(TokenStored::ParentGone);
        }
        tables.api_tokens.push(token.clone());
        tables.append(AuditEvent::token_created(&token.token), author);
        Ok(TokenStored::Stored)
    }

    async fn list(&self) -> Result<Vec<SealedApiToken>, StoreError> {
        let mut tokens = self.tables_to("list the tokens").await?.api_tokens.clone();
        tokens.sort_by_key(|SealedApiToken { token, .. }| (token.created_at, token.id.as_str().to_owned()));
        Ok(tokens)
    }

    async fn rotate(&self, new: &SealedApiToken, old: &SealedApiToken, author: &Author) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("rotate a token").await?;
        let is_rotated =
            |stored: &&mut SealedApiToken| stored.token.id == new.token.id && stored.token.digest == old.token.digest;
        let Some(stored) = tables.api_tokens.iter_mut().find(is_rotated) else { return Ok(false) };
        *stored = new.clone();
        tables.api_tokens.retain(|stored| stored.token.parent.as_ref() != Some(&new.token.id));
        tables.api_tokens.push(old.clone());
        tables.append(AuditEvent::token_rotated(&new.token, &old.token), author);
        Ok(true)
    }

    async fn extend(&self, new: &SealedApiToken) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("extend a token").await?;
        let stored = tables.api_tokens.iter_mut().find(|stored| stored.token.id == new.token.id);
        Ok(stored
            .map(|stored| {
                stored.token.expires_at = new.token.expires_at;
                stored.mark = new.mark.clone();
            })
            .is_some())
    }

    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables_to("forget expired tokens").await?;
        let id = |stored: &SealedApiToken| stored.token.id.clone();
        let expired = tables.api_tokens.iter().filter(|stored| !stored.token.is_unexpired(now));
        let mut gone: Vec<ApiTokenId> = expired.map(id).collect();
        while let Some(parent) = gone.pop() {
            tables.api_tokens.retain(|stored| stored.token.id != parent);
            gone.extend(
                tables.api_tokens.iter().filter(|stored| stored.token.parent.as_ref() == Some(&parent)).map(id),
            );
        }
        Ok(())
    }

    async fn remove(&self, id: &ApiTokenId, author: &Author) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("delete a token").await?;
        if !tables.delete_token(id, author) {
            return Ok(false);
        }
        let mut parents = vec![id.clone()];
        while let Some(parent) = parents.pop() {
            let children = tables.api_tokens.iter().filter(|stored| stored.token.parent.as_ref() == Some(&parent));
            let children: Vec<ApiTokenId> = children.map(|stored| stored.token.id.clone()).collect();
            for child in children {
                tables.delete_token(&child, author);
                parents.push(child);
            }
        }
        tables.cancel(author, |login| login.session.principal == Principal::program(id.as_str()));
        Ok(true)
    }

    async fn remove_all(&self, programs: bool, author: &Author) -> Result<usize, StoreError> {
        let mut tables = self.tables_to("delete tokens").await?;
        let removed = tables.api_tokens.iter().filter(|stored| programs || stored.token.grant.is_page_token());
        let ids: Vec<ApiTokenId> = removed.map(|stored| stored.token.id.clone()).collect();
        for id in &ids {
            tables.delete_token(id, author);
        }
        let mut principals: Vec<_> = ids.iter().map(|id| Principal::program(id.as_str())).collect();
        principals.push(Principal::gateway_token());
        tables.cancel(author, |login| principals.contains(&login.session.principal));
        Ok(ids.len())
    }

    async fn note_use(&self, id: &ApiTokenId, at: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables_to("note the use of a token").await?;
        let used = tables.api_tokens.iter_mut().find(|stored| stored.token.id == *id);
        used.into_iter().for_each(|stored| stored.token.last_used_at = Some(at));
        Ok(())
    }
}

impl Tables {
    fn delete_token(&mut self, id: &ApiTokenId, author: &Author) -> bool {
        let Some(position) = self.api_tokens.iter().position(|stored| stored.token.id == *id) else { return false };
        let token = self.api_tokens.remove(position).token;
        let name = token.name.clone().into_string();
        self.append(AuditEvent::token_revoked(id, name, Some(&token.grant), &author.actor), author);
        true
    }
}
