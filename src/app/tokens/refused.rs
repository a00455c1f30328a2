//! Replaces access tokens that a provider refused before they expired.
//!
//! A refusal without a reason may come from a proxy in between, and retrying a refresh in doubt may end a login whose
//! token is valid. Such a retry therefore needs a second refusal some time after the first, without a success of the
//! token in between.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{ProviderRegistration, RefreshOutcome, Tokens};
use crate::{
    app::AppError,
    domain::{
        ids::AccountName,
        provider::ProviderDefinition,
        refresh::{RefreshTrigger, TokenState, TokenVersion},
        time::Timestamp,
    },
};

/// The refused token of each account that has one.
#[derive(Debug, Default)]
pub(super) struct RefusedTokens {
    refused: Mutex<HashMap<AccountName, Refused>>,
    /// Whether `refused` has entries. Saves a lock for every success.
    any: AtomicBool,
}

#[derive(Debug)]
struct Refused {
    version: TokenVersion,
    since: Timestamp,
    is_dead: bool,
}

impl RefusedTokens {
    /// Records a refusal; `is_dead` if the provider said that the token is dead. Returns whether the tokens were
    /// already refused a `pause` ago and not accepted since.
    pub(super) fn note(
        &self,
        name: &AccountName,
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

    /// Removes the refusals of an account after the provider has accepted its token.
    pub(super) fn forget(&self, name: &AccountName) {
        if self.any.load(Ordering::Relaxed) {
            let mut refused = self.lock();
            refused.remove(name);
            self.any.store(!refused.is_empty(), Ordering::Relaxed);
        }
    }

    /// Whether the provider said that these tokens are dead.
    pub(super) fn are_dead(&self, name: &AccountName, version: &TokenVersion) -> bool {
        self.any.load(Ordering::Relaxed)
            && self.lock().get(name).is_some_and(|known| known.is_dead && known.version == *version)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountName, Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// Records that the provider accepted the account's access token.
    pub(in crate::app) fn note_accepted(&self, name: &AccountName) {
        self.refused.forget(name);
    }

    /// Returns the account with another access token than the refused one, after a refresh if necessary, or `None` if
    /// the refusal is the response. Concurrent refusals of one token cause one refresh.
    ///
    /// # Errors
    /// Those of [`Tokens::usable`] if the refused token has been replaced and its successor is not usable.
    pub(in crate::app) async fn replace_refused(
        self: &Arc<Self>,
        name: &AccountName,
        refused: &ProviderRegistration,
        is_dead: bool,
    ) -> Result<Option<Arc<ProviderRegistration>>, AppError> {
        let (definition, version) = (&refused.definition, &refused.refresh.version);
        if self.refresh_refused(name, definition, version, is_dead).await {
            // The successor may have expired during a slow response.
            return self.usable(name).await.map(Some);
        }
        Ok(None)
    }

    /// Refreshes refused tokens unless that would not help. Returns whether other tokens have replaced them.
    async fn refresh_refused(
        self: &Arc<Self>,
        name: &AccountName,
        definition: &ProviderDefinition,
        version: &TokenVersion,
        is_dead: bool,
    ) -> bool {
        let Some(known) = self.registry.get(name) else { return false };
        if known.refresh.version != *version {
            return true;
        }
        let refresh = known.refresh.clone().at(self.now());
        let pause = definition.refresh.backoff_min;
        let was_refused_before = self.refused.note(name, version, is_dead, self.now(), pause);
        // A token this new was not refused because of its age, so a refresh would not help.
        let is_new = refresh.obtained_at.until(self.now()) < pause;
        if !refresh.refreshable || refresh.state == TokenState::NeedsReauth || is_new {
            return false;
        }
        // In doubt, only a dead access token justifies a retry: the provider called it dead, or has refused it for a
        // while.
        let trigger = if is_dead || was_refused_before { RefreshTrigger::AccessDead } else { RefreshTrigger::Now };
        tracing::info!(provider.name = %name, version = %version, "access token refused by the provider; refreshing it");
        if let RefreshOutcome::Waiting(_) = self.refresh(definition, version, trigger).await
            && self.wait_for_other_replica(definition, version).await.is_err()
        {
            return false;
        }
        self.registry.get(name).is_some_and(|known| known.refresh.version != *version)
    }
}
