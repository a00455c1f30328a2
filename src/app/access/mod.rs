//! Access to the gateway's own API: tokens for programs, links and sessions of the page. All of them are API tokens
//! with different scopes. Every request looks one up in memory.

mod api_tokens;
mod page_sessions;

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

pub use api_tokens::IssuedToken;

use super::{AppError, Ports, Tasks};
use crate::{
    domain::{
        api_token::{ApiToken, TokenDigest},
        time::Timestamp,
    },
    ports::{ApiTokenStore, Clock, Random},
};

pub struct Access {
    store: Arc<dyn ApiTokenStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// The stored tokens by digest, at most a second behind other replicas.
    tokens: ArcSwap<HashMap<TokenDigest, Arc<ApiToken>>>,
    /// Held while the store is read, so that an older result never replaces a newer one.
    reading: Mutex<()>,
    /// Held while a token is issued, so that concurrent calls cannot exceed the limit together.
    issuing: Mutex<()>,
    tasks: Tasks,
}

impl Access {
    pub(super) fn new(ports: &Ports, tasks: &Tasks) -> Self {
        Self {
            store: Arc::clone(&ports.api_tokens),
            clock: Arc::clone(&ports.clock),
            random: Arc::clone(&ports.random),
            tokens: ArcSwap::default(),
            reading: Mutex::default(),
            issuing: Mutex::default(),
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
        let tokens = self.store.list().await?;
        let tokens = tokens.into_iter().map(|token| (token.digest.clone(), Arc::new(token))).collect();
        self.tokens.store(Arc::new(tokens));
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
