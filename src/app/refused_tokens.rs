//! Which access tokens a provider has refused although their time was not over.
//!
//! One refusal without a word may be the fault of whatever stands in between; and a retry out of doubt may end a login whose
//! token is good. So only a second one counts, some time after the first, with no answer to that token in between.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::domain::{ids::ProviderName, refresh::TokenVersion, time::Timestamp};

/// The refused token of each account that has one.
#[derive(Debug, Default)]
pub(super) struct RefusedTokens {
    refused: Mutex<HashMap<ProviderName, Refused>>,
    /// Whether there is any, so that an answer need not look.
    any: AtomicBool,
}

#[derive(Debug)]
struct Refused {
    version: TokenVersion,
    since: Timestamp,
    is_dead: bool,
}

impl RefusedTokens {
    /// Remembers a refusal, `is_dead` if the provider said that the token is; true if these tokens had been refused a
    /// `pause` before, and ever since.
    pub(super) fn note(
        &self,
        name: &ProviderName,
        version: &TokenVersion,
        is_dead: bool,
        now: Timestamp,
        pause: Duration,
    ) -> bool {
        let mut refused = self.lock();
        self.any.store(true, Ordering::Relaxed);
        match refused.get_mut(name).filter(|known| known.version == *version) {
            Some(known) => {
                known.is_dead |= is_dead;
                known.since.plus(pause) <= now
            }
            None => {
                refused.insert(name.clone(), Refused { version: version.clone(), since: now, is_dead });
                false
            }
        }
    }

    /// The provider took the account's token: whatever it refused before was not for the token's sake.
    pub(super) fn forget(&self, name: &ProviderName) {
        if self.any.load(Ordering::Relaxed) {
            let mut refused = self.lock();
            refused.remove(name);
            self.any.store(!refused.is_empty(), Ordering::Relaxed);
        }
    }

    /// Whether the provider said that these tokens are dead.
    pub(super) fn are_dead(&self, name: &ProviderName, version: &TokenVersion) -> bool {
        self.any.load(Ordering::Relaxed)
            && self.lock().get(name).is_some_and(|known| known.is_dead && known.version == *version)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderName, Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
