//! Access to the gateway's own API: tokens for programs, links and sessions of the page. All of them are API tokens
//! with different scopes. Every request looks one up in memory.

mod api_tokens;
mod page_sessions;
mod refused_tokens;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

pub use api_tokens::IssuedToken;
use refused_tokens::RefusedTokens;

use super::{AppError, Ports, Tasks, Vault};
use crate::{
    domain::{
        api_token::{ApiToken, ApiTokenId, Scope, SealedApiToken, TokenDigest},
        time::Timestamp,
    },
    ports::{ApiTokenStore, Author, Clock, Random},
};

/// Tokens that are reported at most.
const MAX_REPORTED: usize = 1_000;

pub struct Access {
    store: Arc<dyn ApiTokenStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Vault,
    /// The digest of the gateway's token: the page's tokens end with it.
    gateway_token: TokenDigest,
    /// The stored tokens by digest, at most half a second behind other replicas.
    tokens: ArcSwap<HashMap<TokenDigest, Arc<ApiToken>>>,
    /// Held while the store is read, so that an older result never replaces a newer one.
    reading: Mutex<()>,
    /// Tokens without a valid mark that are in the log already.
    reported: std::sync::Mutex<HashSet<ApiTokenId>>,
    /// Held while a token is issued, so that concurrent calls cannot exceed the limit together.
    issuing: Mutex<()>,
    refused: RefusedTokens,
    tasks: Tasks,
}

impl Access {
    pub(super) fn new(ports: &Ports, gateway_token: TokenDigest, tasks: &Tasks) -> Self {
        Self {
            store: Arc::clone(&ports.api_tokens),
            clock: Arc::clone(&ports.clock),
            random: Arc::clone(&ports.random),
            vault: Vault::new(Arc::clone(&ports.cipher)),
            gateway_token,
            tokens: ArcSwap::default(),
            reading: Mutex::default(),
            reported: std::sync::Mutex::default(),
            issuing: Mutex::default(),
            refused: RefusedTokens::default(),
            tasks: tasks.clone(),
        }
    }

    /// Returns the token with that digest from memory if it is valid now.
    pub fn find(&self, digest: &TokenDigest) -> Option<Arc<ApiToken>> {
        self.tokens.load().get(digest).filter(|token| token.is_good(self.now())).cloned()
    }

    /// Replaces the tokens in memory by those in the store.
    pub(super) async fn reload(&self) -> Result<(), AppError> {
        let _alone = self.reading.lock().await;
        let tokens = self.stored().await?;
        let tokens = tokens.into_iter().map(|token| (token.digest.clone(), Arc::new(token))).collect();
        self.tokens.store(Arc::new(tokens));
        Ok(())
    }

    /// Returns the stored tokens with a valid mark, oldest first. Reports each other one once.
    async fn stored(&self) -> Result<Vec<ApiToken>, AppError> {
        let mut tokens = Vec::new();
        for sealed in self.store.list().await? {
            let id = sealed.token.id.clone();
            match self.vault.open_api_token(sealed) {
                Ok((token, gateway_token)) => tokens.extend(self.is_of_now(&token, gateway_token).then_some(token)),
                Err(error) => {
                    let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
                    if reported.len() < MAX_REPORTED && reported.insert(id.clone()) {
                        let cause = std::error::Error::source(&error);
                        tracing::error!(token.id = id.as_str(), error = %error, cause,
                            "refused an API token that this gateway did not write: somebody else can write to the database");
                    }
                }
            }
        }
        Ok(tokens)
    }

    /// Whether a token of the page was made under the present token of the gateway.
    fn is_of_now(&self, token: &ApiToken, gateway_token: Option<TokenDigest>) -> bool {
        !Scope::OF_THE_PAGE.contains(&token.scope) || gateway_token.as_ref() == Some(&self.gateway_token)
    }

    /// Returns a token with its mark.
    fn marked(&self, token: &ApiToken) -> Result<SealedApiToken, AppError> {
        let is_of_page = Scope::OF_THE_PAGE.contains(&token.scope);
        let mac = Some(self.vault.mark(token, is_of_page.then_some(&self.gateway_token))?);
        Ok(SealedApiToken { token: token.clone(), mac })
    }

    fn author(&self) -> Author {
        self.vault.author(self.now())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
