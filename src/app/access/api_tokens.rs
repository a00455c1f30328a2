//! Tokens for programs: creates, lists and revokes them.

use std::sync::Arc;

use super::Access;
use crate::{
    app::{AppError, random_bytes},
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, Lineage, Scope},
        ids::DisplayName,
        secret::ApiTokenSecret,
    },
};

/// Maximum number of tokens of one scope.
const MAX_TOKENS: usize = 1_000;

/// A new token with its text, which is not stored and cannot be shown again.
#[derive(Debug)]
pub struct IssuedToken {
    pub token: ApiToken,
    pub secret: ApiTokenSecret,
}

impl Access {
    /// Creates a token for a program.
    ///
    /// # Errors
    /// [`AppError::InvalidDisplayName`], [`AppError::TooManyTokens`], [`AppError::Store`].
    #[tracing::instrument(name = "access.create_token", skip_all)]
    pub async fn create_token(self: &Arc<Self>, name: String, scope: Scope) -> Result<IssuedToken, AppError> {
        self.issue(DisplayName::parse(&name)?, scope, Lineage::default()).await
    }

    pub(super) async fn issue(
        self: &Arc<Self>,
        name: DisplayName,
        scope: Scope,
        lineage: Lineage,
    ) -> Result<IssuedToken, AppError> {
        self.tasks.run(Arc::clone(self).store_new(name, scope, lineage)).await
    }

    async fn store_new(
        self: Arc<Self>,
        name: DisplayName,
        scope: Scope,
        lineage: Lineage,
    ) -> Result<IssuedToken, AppError> {
        let _alone = self.issuing.lock().await;
        self.store.remove_expired(self.now()).await?;
        let of_scope = self.stored().await?.into_iter().filter(|token| token.scope == scope);
        if of_scope.count() >= MAX_TOKENS {
            return Err(AppError::TooManyTokens(MAX_TOKENS));
        }
        let (id, entropy) = (random_bytes(self.random.as_ref())?, random_bytes::<ENTROPY>(self.random.as_ref())?);
        let (token, secret) = ApiToken::issue(ApiTokenId::from_bytes(id), name, scope, lineage, &entropy, self.now());
        if !self.store.put(&self.marked(&token)?, &self.author()).await? {
            return Err(AppError::UnknownToken);
        }
        self.reload().await?;
        tracing::info!(token.id = token.id.as_str(), scope = scope.as_str(), "token created");
        Ok(IssuedToken { token, secret })
    }

    /// Returns the tokens of programs, oldest first.
    #[tracing::instrument(name = "access.list_tokens", skip_all)]
    pub async fn list_tokens(&self) -> Result<Vec<ApiToken>, AppError> {
        let tokens = self.stored().await?.into_iter();
        Ok(tokens.filter(|token| Scope::GRANTED.contains(&token.scope)).collect())
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`AppError::UnknownToken`], also for a text that cannot be an id.
    #[tracing::instrument(name = "access.revoke_token", skip_all)]
    pub async fn revoke_token(self: &Arc<Self>, id: &str) -> Result<(), AppError> {
        let (access, id) = (Arc::clone(self), ApiTokenId::parse(id).ok_or(AppError::UnknownToken)?);
        let revoke = async move {
            if !access.store.remove(&id, &access.author()).await? {
                return Err(AppError::UnknownToken);
            }
            access.reload().await?;
            tracing::info!(token.id = id.as_str(), "token revoked");
            Ok(())
        };
        self.tasks.run(revoke).await
    }
}
