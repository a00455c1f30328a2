//! Access to the gateway's own API. Issues and revokes API tokens: those of programs, and the links and sessions of the
//! page. The HTTP API looks up the token of each request here, in memory.

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

/// Maximum number of tokens without a valid mark that are logged. Their ids are kept in memory.
const MAX_REPORTED: usize = 1_000;

/// A stored token, as kept in memory.
#[derive(Debug)]
pub struct KnownToken {
    pub token: ApiToken,
    /// Cancelled when the token is revoked on any replica. Its running streams then end.
    pub revoked: CancellationToken,
}

pub struct Access {
    store: Arc<dyn ApiTokenStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Vault,
    /// Digest of the gateway token. Links and sessions issued under another gateway token are not valid.
    gateway_token: TokenDigest,
    /// The stored tokens by digest. Changes of other replicas arrive within about half a second.
    tokens: ArcSwap<HashMap<TokenDigest, Arc<KnownToken>>>,
    /// Held during a reload, so that an older result never replaces a newer one.
    reloading: Mutex<()>,
    /// Tokens without a valid mark that were already logged.
    reported: std::sync::Mutex<HashSet<ApiTokenId>>,
    /// Held while a token is issued, so that concurrent calls cannot exceed the limit together.
    issuing: Mutex<()>,
    /// Tokens whose use is being recorded.
    recording: std::sync::Mutex<HashSet<ApiTokenId>>,
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
            reloading: Mutex::default(),
            reported: std::sync::Mutex::default(),
            issuing: Mutex::default(),
            recording: std::sync::Mutex::default(),
            refused: RefusedRequests::default(),
            tasks: tasks.clone(),
        }
    }

    /// Returns the token with this digest from memory, if it is valid now.
    pub fn find(&self, digest: &TokenDigest) -> Option<Arc<KnownToken>> {
        self.tokens.load().get(digest).filter(|known| known.token.is_unexpired(self.now())).cloned()
    }

    /// Reloads the tokens from the store, and ends the streams of removed ones.
    pub(super) async fn reload(&self) -> Result<(), AppError> {
        let _guard = self.reloading.lock().await;
        let (before, stored) = (self.tokens.load_full(), self.load_tokens().await?);
        let known = |token: ApiToken| {
            let revoked = before.get(&token.digest).map(|known| known.revoked.clone()).unwrap_or_default();
            (token.digest.clone(), Arc::new(KnownToken { token, revoked }))
        };
        self.replace(stored.into_iter().map(known).collect());
        Ok(())
    }

    /// Reloads the tokens after a committed change. A failure is only logged: the caller would take an error for a
    /// change that did not happen, and repeat it. `app/follow.rs` reloads the tokens once the store works again.
    async fn reload_after_commit(&self) {
        if let Err(error) = self.reload().await {
            tracing::warn!(error = %error, "a change of tokens is saved, but the tokens could not be read again");
        }
    }

    /// Rejects deleted tokens and their descendants at once, even if the store fails now, and ends their streams.
    async fn forget(&self, is_deleted: impl Fn(&ApiToken) -> bool + Send) {
        let _guard = self.reloading.lock().await;
        let mut kept = HashMap::clone(&self.tokens.load());
        let mut gone: HashSet<ApiTokenId> = HashSet::new();
        loop {
            let is_gone = |token: &ApiToken| {
                is_deleted(token) || token.parent.as_ref().is_some_and(|parent| gone.contains(parent))
            };
            let found: Vec<_> = kept.extract_if(|_, known| is_gone(&known.token)).collect();
            if found.is_empty() {
                break;
            }
            gone.extend(found.into_iter().map(|(_, known)| known.token.id.clone()));
        }
        self.replace(kept);
    }

    /// Replaces the tokens in memory, and ends the streams of those that are gone. The caller holds `reloading`.
    fn replace(&self, tokens: HashMap<TokenDigest, Arc<KnownToken>>) {
        let before = self.tokens.load_full();
        let gone: Vec<_> = before.iter().filter(|(digest, _)| !tokens.contains_key(*digest)).collect();
        self.tokens.store(Arc::new(tokens));
        // Cancel after the swap, so that a client that reconnects at once is refused.
        gone.into_iter().for_each(|(_, known)| known.revoked.cancel());
    }

    /// Returns the stored tokens with a valid mark, oldest first, without those of an earlier gateway token. Logs each
    /// token without a valid mark once. A link or session ends with the session that it comes from.
    async fn load_tokens(&self) -> Result<Vec<ApiToken>, AppError> {
        let mut tokens = Vec::new();
        for sealed in self.store.list().await? {
            let id = sealed.token.id.clone();
            match self.vault.open_api_token(sealed) {
                Ok((token, gateway_token)) => tokens.extend(self.is_current(&token, gateway_token).then_some(token)),
                Err(error) => {
                    let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
                    if reported.len() < MAX_REPORTED && reported.insert(id.clone()) {
                        let cause = std::error::Error::source(&error);
                        let why = if error.lacks_key() {
                            "its mark needs a key that this gateway lacks; add the key, if another gateway seals with it"
                        } else {
                            "this gateway did not write it: somebody else can write to the database"
                        };
                        tracing::error!(token.id = id.as_str(), error = %error, cause, "refused an API token: {why}");
                    }
                }
            }
        }
        Ok(ApiToken::end_with_parents(tokens))
    }

    /// Whether the token is a program's, or was issued under the current gateway token.
    fn is_current(&self, token: &ApiToken, gateway_token: Option<TokenDigest>) -> bool {
        !token.grant.is_page_token() || gateway_token.as_ref() == Some(&self.gateway_token)
    }

    /// Adds the mark that authenticates the token's row.
    fn add_mark(&self, token: &ApiToken) -> Result<SealedApiToken, AppError> {
        let mark = Some(self.vault.mark(token, token.grant.is_page_token().then_some(&self.gateway_token))?);
        Ok(SealedApiToken { token: token.clone(), mark })
    }

    fn author(&self) -> Author {
        self.vault.author(self.now())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
