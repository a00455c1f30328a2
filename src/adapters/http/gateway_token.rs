//! The gateway's own token, as a digest: the token itself is not kept in memory. A replaced token stays valid until its
//! end.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::{
    domain::{api_token::TokenDigest, time::Timestamp},
    ports::Clock,
};

/// Minimum time between two reads of the files, however many unknown tokens are presented.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Rereads the tokens; None if that fails.
pub type TokenSource = Box<dyn Fn() -> Option<GatewayTokens> + Send + Sync>;

/// The tokens that are valid.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayTokens {
    pub current: TokenDigest,
    /// The replaced token, and its end.
    pub previous: Option<(TokenDigest, Timestamp)>,
}

/// Shared by all who check tokens.
#[derive(Clone)]
pub struct GatewayToken(Arc<Shared>);

struct Shared {
    tokens: RwLock<GatewayTokens>,
    /// None if the token cannot change.
    files: Option<(TokenSource, Arc<dyn Clock>)>,
    /// When the files were read last, as time since the machine started.
    read_at: Mutex<Option<Duration>>,
}

impl GatewayToken {
    /// Creates a token that never changes.
    pub fn new(token: &SecretString) -> Self {
        let current = TokenDigest::of(token.expose_secret());
        Self(Arc::new(Shared {
            tokens: RwLock::new(GatewayTokens { current, previous: None }),
            files: None,
            read_at: Mutex::default(),
        }))
    }

    /// Creates tokens that `source` rereads when a caller presents an unknown one.
    pub fn of(tokens: GatewayTokens, source: TokenSource, clock: Arc<dyn Clock>) -> Self {
        let files = Some((source, clock));
        Self(Arc::new(Shared { tokens: RwLock::new(tokens), files, read_at: Mutex::default() }))
    }

    /// Returns the digest of the present token.
    pub fn digest(&self) -> TokenDigest {
        self.0.tokens.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    pub fn matches(&self, presented: &TokenDigest) -> bool {
        self.is_known(presented) || (self.look_again() && self.is_known(presented))
    }

    /// Compares digests in constant time, so the timing of the response does not leak how much of a guess matches.
    fn is_known(&self, presented: &TokenDigest) -> bool {
        let tokens = self.0.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let is =
            |token: &TokenDigest| -> bool { presented.as_str().as_bytes().ct_eq(token.as_str().as_bytes()).into() };
        let is_valid = |until: Timestamp| self.0.files.as_ref().is_some_and(|(_, clock)| clock.now() < until);
        is(&tokens.current) || tokens.previous.as_ref().is_some_and(|(token, until)| is(token) && is_valid(*until))
    }

    /// Rereads the files, at most once a second. Returns whether something has changed.
    fn look_again(&self) -> bool {
        let Some((source, clock)) = &self.0.files else { return false };
        {
            let (now, mut read_at) =
                (clock.since_boot(), self.0.read_at.lock().unwrap_or_else(PoisonError::into_inner));
            if read_at.is_some_and(|read_at| now < read_at + LOOK_AGAIN) {
                return false;
            }
            *read_at = Some(now);
        }
        let Some(read) = source() else { return false };
        let mut tokens = self.0.tokens.write().unwrap_or_else(PoisonError::into_inner);
        let is_changed = read != *tokens;
        *tokens = read;
        is_changed
    }
}
