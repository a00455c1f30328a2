//! Access to the gateway's own API: tokens for programs, links and sessions of the page. All of them are API tokens
//! with different scopes. Every request looks one up in memory.

mod api_tokens;
mod page_sessions;
mod refused_requests;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub use api_tokens::{IssuedToken, LONGEST_OVERLAP, ProgramToken, RotatedToken};
use refused_requests::RefusedRequests;

use super::{AppError, Ports, Tasks, Vault};
use crate::{
    domain::{
        api_token::{ApiToken, ApiTokenId, SealedApiToken, TokenDigest},
        time::Timestamp,
    },
    ports::{ApiTokenStore, Author, Clock, Random},
};

/// Maximum number of tokens that are logged as refused.
const MAX_REPORTED: usize = 1_000;

/// A token in memory.
#[derive(Debug)]
pub struct KnownToken {
    pub token: ApiToken,
    /// Cancelled when the token is revoked, here or on another replica. The token's streams end then.
    pub revoked: CancellationToken,
}

pub struct Access {
    store: Arc<dyn ApiTokenStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Vault,
    /// The digest of the gateway token. The page's tokens end when it changes.
    gateway_token: TokenDigest,
    /// The stored tokens by digest, at most half a second behind other replicas.
    tokens: ArcSwap<HashMap<TokenDigest, Arc<KnownToken>>>,
    /// Held while the store is read, so that an older result never replaces a newer one.
    reading: Mutex<()>,
    /// Tokens without a valid mark that were logged already.
    reported: std::sync::Mutex<HashSet<ApiTokenId>>,
    /// Held while a token is issued, so that concurrent calls cannot exceed the limit together.
    issuing: Mutex<()>,
    /// The uses that are being noted.
    noting: std::sync::Mutex<HashSet<ApiTokenId>>,
    refused: RefusedRequests,
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
            noting: std::sync::Mutex::default(),
            refused: RefusedRequests::default(),
            tasks: tasks.clone(),
        }
    }

    /// Returns the token with that digest from memory if it is valid now.
    pub fn find(&self, digest: &TokenDigest) -> Option<Arc<KnownToken>> {
        self.tokens.load().get(digest).filter(|known| known.token.is_good(self.now())).cloned()
    }

    /// Replaces the tokens in memory by those in the store.
    pub(super) async fn reload(&self) -> Result<(), AppError> {
        let _alone = self.reading.lock().await;
        let (before, stored) = (self.tokens.load_full(), self.stored().await?);
        let known = |token: ApiToken| {
            let revoked = before.get(&token.digest).map(|known| known.revoked.clone()).unwrap_or_default();
            (token.digest.clone(), Arc::new(KnownToken { token, revoked }))
        };
        let tokens: HashMap<_, _> = stored.into_iter().map(known).collect();
        let gone = before.iter().filter(|(digest, _)| !tokens.contains_key(*digest));
        let gone: Vec<_> = gone.map(|(_, known)| known.revoked.clone()).collect();
        self.tokens.store(Arc::new(tokens));
        // Cancelled last: a stream that ends then no longer finds its token.
        gone.iter().for_each(CancellationToken::cancel);
        Ok(())
    }

    /// Returns the stored tokens with a valid mark, oldest first. Logs each other one once.
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

    /// Whether the token is a program's, or one of the page that was issued under the current gateway token.
    fn is_of_now(&self, token: &ApiToken, gateway_token: Option<TokenDigest>) -> bool {
        !token.grant.is_of_page() || gateway_token.as_ref() == Some(&self.gateway_token)
    }

    /// Returns a token with its mark.
    fn marked(&self, token: &ApiToken) -> Result<SealedApiToken, AppError> {
        let mac = Some(self.vault.mark(token, token.grant.is_of_page().then_some(&self.gateway_token))?);
        Ok(SealedApiToken { token: token.clone(), mac })
    }

    fn author(&self) -> Author {
        self.vault.author(self.now())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
