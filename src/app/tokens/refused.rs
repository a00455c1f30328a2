//! Access tokens that a provider refused before they expired, and their replacement.
//!
//! A single refusal without a reason may come from a proxy in between, and a retry of a refresh in doubt may end a login whose
//! token is good. So only a second refusal counts, some time after the first, with no success of that token in between.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{ProviderRegistration, RefreshOutcome, Tokens};
use crate::domain::{
    ids::ProviderName,
    refresh::{RefreshTrigger, TokenState, TokenVersion},
    time::Timestamp,
};

/// The refused token of each account that has one.
#[derive(Debug, Default)]
pub(super) struct RefusedTokens {
    refused: Mutex<HashMap<ProviderName, Refused>>,
    /// Whether `refused` has entries, so that a success need not lock it.
    any: AtomicBool,
}

#[derive(Debug)]
struct Refused {
    version: TokenVersion,
    since: Timestamp,
    is_dead: bool,
}

impl RefusedTokens {
    /// Notes a refusal; `is_dead` if the provider said that the token is dead. Returns whether these tokens were refused a `pause`
    /// ago and not accepted since.
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

    /// Forgets the refusals of an account: the provider has accepted its token.
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

impl Tokens {
    /// Notes that the provider accepted the account's access token.
    pub(in crate::app) fn note_accepted(&self, name: &ProviderName) {
        self.refused.forget(name);
    }

    /// Returns the account with another access token than the refused one, after a refresh if that may help. Concurrent refusals
    /// of one token cause one refresh.
    pub(in crate::app) async fn replace_refused(
        self: &Arc<Self>,
        name: &ProviderName,
        refused: &ProviderRegistration,
        is_dead: bool,
    ) -> Option<Arc<ProviderRegistration>> {
        let another = || self.cached(name).filter(|known| known.refresh.version != refused.refresh.version);
        if let Some(newer) = another() {
            return Some(newer);
        }
        let (definition, version) = (&refused.definition, &refused.refresh.version);
        let refresh = self.registry.get(name)?.refresh.clone().at(self.now());
        let pause = definition.refresh.backoff_min;
        let was_refused_before = self.refused.note(name, version, is_dead, self.now(), pause);
        // A token this new was not refused for its age: the next one would be refused too.
        let is_new = refresh.obtained_at.until(self.now()) < pause;
        if !refresh.refreshable || refresh.state == TokenState::NeedsReauth || is_new {
            return None;
        }
        // In doubt, only a dead access token justifies a retry: the provider called it dead, or has refused it for a while.
        let trigger = if is_dead || was_refused_before { RefreshTrigger::AccessDead } else { RefreshTrigger::Now };
        tracing::info!(provider.name = %name, version = %version, "access token refused by the provider; refreshing it");
        match self.refresh(definition, version, trigger).await {
            RefreshOutcome::Waiting(_) => {
                self.wait_for_other_replica(definition, version).await.ok()?;
            }
            RefreshOutcome::Settled | RefreshOutcome::StoreDown => {}
        }
        another()
    }
}
