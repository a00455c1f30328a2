//! Checks the gateway token by its digest. After a rotation, the replaced token stays valid until it expires.

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

/// Minimum time between two reads of the token files that unknown tokens trigger, and between two that known ones
/// trigger. They are separate so that a new token is accepted at once while programs use the old one.
const REREAD_INTERVAL: Duration = Duration::from_secs(1);

/// Reads the tokens from their files. Returns `None` if that fails.
pub type TokenSource = Box<dyn Fn() -> Option<GatewayTokens> + Send + Sync>;

/// The digests of the valid tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayTokens {
    pub current: TokenDigest,
    /// The replaced token, and the time when it expires.
    pub previous: Option<(TokenDigest, Timestamp)>,
}

/// The gateway token and its replaced predecessor. Clones share one state.
#[derive(Clone)]
pub struct GatewayToken(Arc<Shared>);

struct Shared {
    tokens: RwLock<GatewayTokens>,
    /// The source to read again, and the clock; `None` if the token cannot change.
    files: Option<(TokenSource, Arc<dyn Clock>)>,
    /// Held during a read, so that an older result never replaces a newer one.
    last_reads: Mutex<LastReads>,
}

/// The times of the last reads because of a known and of an unknown token, since the boot of the machine.
#[derive(Default)]
struct LastReads {
    for_known: Option<Duration>,
    for_unknown: Option<Duration>,
}

impl GatewayToken {
    /// Creates a token that never changes.
    pub fn new(token: &SecretString) -> Self {
        let current = TokenDigest::of(token.expose_secret());
        Self(Arc::new(Shared {
            tokens: RwLock::new(GatewayTokens { current, previous: None }),
            files: None,
            last_reads: Mutex::default(),
        }))
    }

    /// Creates tokens that are read again from `source` when a caller sends one of them or an unknown token.
    pub fn of(tokens: GatewayTokens, source: TokenSource, clock: Arc<dyn Clock>) -> Self {
        let files = Some((source, clock));
        Self(Arc::new(Shared { tokens: RwLock::new(tokens), files, last_reads: Mutex::default() }))
    }

    /// Returns the digest of the current token.
    pub fn digest(&self) -> TokenDigest {
        self.0.tokens.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    pub fn matches(&self, presented: &TokenDigest) -> bool {
        // A known token may have been replaced, and its overlap may be over, although nobody has sent the new one yet.
        self.reread(self.is_known(presented));
        self.is_known(presented)
    }

    /// Compares digests in constant time, so that the response time does not reveal how much of a guess matches.
    fn is_known(&self, presented: &TokenDigest) -> bool {
        let tokens = self.0.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let equals =
            |token: &TokenDigest| -> bool { presented.as_str().as_bytes().ct_eq(token.as_str().as_bytes()).into() };
        let is_valid = |until: Timestamp| self.0.files.as_ref().is_some_and(|(_, clock)| clock.now() < until);
        equals(&tokens.current)
            || tokens.previous.as_ref().is_some_and(|(token, until)| equals(token) && is_valid(*until))
    }

    /// Reads the files again, at most once per [`REREAD_INTERVAL`]. A concurrent caller waits for the result.
    fn reread(&self, for_known: bool) {
        let Some((source, clock)) = &self.0.files else { return };
        let mut last_reads = self.0.last_reads.lock().unwrap_or_else(PoisonError::into_inner);
        let LastReads { for_known: of_known, for_unknown: of_unknown } = &mut *last_reads;
        let read_at = if for_known { of_known } else { of_unknown };
        let now = clock.since_boot();
        if read_at.is_some_and(|read_at| now < read_at + REREAD_INTERVAL) {
            return;
        }
        *read_at = Some(now);
        if let Some(read) = source() {
            *self.0.tokens.write().unwrap_or_else(PoisonError::into_inner) = read;
        }
    }
}
