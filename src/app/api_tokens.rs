//! The tokens of programs: made, listed, taken back; and looked up with every request, in memory alone.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::{AppError, Gateway};
use crate::domain::{
    api_token::{ApiToken, ApiTokenId, ENTROPY, Scope, TokenDigest},
    ids::DisplayName,
    secret::ApiTokenSecret,
};

/// More than any owner keeps apart.
const MAX_TOKENS: usize = 1_000;

/// The tokens that are good now. Other gateways' changes are here within a second.
#[derive(Debug, Default)]
pub(super) struct ApiTokens {
    good: ArcSwap<HashMap<TokenDigest, Arc<ApiToken>>>,
    /// Held while they are read, so that an older reading never replaces a newer one.
    reading: Mutex<()>,
    /// Held while one is made, so that many at once do not pass the limit together.
    issuing: Mutex<()>,
}

/// A token that was made, with its text, which nobody can tell again.
#[derive(Debug)]
pub struct IssuedToken {
    pub token: ApiToken,
    pub secret: ApiTokenSecret,
}

impl Gateway {
    pub async fn create_api_token(self: &Arc<Self>, name: String, scope: String) -> Result<IssuedToken, AppError> {
        let gateway = Arc::clone(self);
        self.tasks.run(async move { gateway.grant(&name, &scope).await }).await
    }

    async fn grant(&self, name: &str, scope: &str) -> Result<IssuedToken, AppError> {
        let granted = Scope::GRANTED.into_iter().find(|granted| granted.as_str() == scope);
        let scope = granted.ok_or_else(|| AppError::UnknownScope(scope.to_owned()))?;
        self.issue(DisplayName::parse(name)?, scope).await
    }

    /// Makes a token, if there are not too many of its kind.
    pub(super) async fn issue(&self, name: DisplayName, scope: Scope) -> Result<IssuedToken, AppError> {
        let _alone = self.api_tokens.issuing.lock().await;
        self.api_tokens_store.remove_expired(self.now()).await?;
        let of_its_kind = self.api_tokens_store.list().await?.into_iter().filter(|token| token.scope == scope);
        if of_its_kind.count() >= MAX_TOKENS {
            return Err(AppError::TooManyTokens(MAX_TOKENS));
        }
        let (id, entropy) = (ApiTokenId::from_bytes(self.random_bytes()?), self.random_bytes::<ENTROPY>()?);
        let (token, secret) = ApiToken::issue(id, name, scope, &entropy, self.now());
        self.api_tokens_store.put(&token).await?;
        self.reload_api_tokens().await?;
        tracing::info!(token.id = token.id.as_str(), scope = scope.as_str(), "token made");
        Ok(IssuedToken { token, secret })
    }

    /// Those of programs.
    pub async fn list_api_tokens(&self) -> Result<Vec<ApiToken>, AppError> {
        let tokens = self.api_tokens_store.list().await?.into_iter();
        Ok(tokens.filter(|token| Scope::GRANTED.contains(&token.scope)).collect())
    }

    pub async fn revoke_api_token(self: &Arc<Self>, id: String) -> Result<(), AppError> {
        let gateway = Arc::clone(self);
        let revoke = async move {
            let id = ApiTokenId::from_stored(id);
            if !gateway.api_tokens_store.remove(&id).await? {
                return Err(AppError::UnknownToken);
            }
            gateway.reload_api_tokens().await?;
            tracing::info!(token.id = id.as_str(), "token revoked");
            Ok(())
        };
        self.tasks.run(revoke).await
    }

    /// The token that somebody presented, if it is one that is good now.
    pub fn api_token(&self, digest: &TokenDigest) -> Option<Arc<ApiToken>> {
        self.api_tokens.good.load().get(digest).filter(|token| token.is_good(self.now())).cloned()
    }

    /// Takes over what the store holds.
    pub(super) async fn reload_api_tokens(&self) -> Result<(), AppError> {
        let _alone = self.api_tokens.reading.lock().await;
        let tokens = self.api_tokens_store.list().await?;
        let tokens = tokens.into_iter().map(|token| (token.digest.clone(), Arc::new(token))).collect();
        self.api_tokens.good.store(Arc::new(tokens));
        Ok(())
    }
}
