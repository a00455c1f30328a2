//! Replaces access tokens that a provider refused before they expired.
//!
//! If the provider refuses the new tokens too, refreshes do not help. After two such futile refreshes, the next one
//! waits for hours.
//!
//! A 401 without a known code may come from a proxy in between, and a retry out of doubt may end a login whose token is
//! valid. So such a 401 permits a retry out of doubt only if it repeats after a while, with no accepted request in
//! between.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{ProviderRegistration, RefreshOutcome, Tokens, schedule::STORE_PAUSE};
use crate::{
    app::AppError,
    domain::{
        ids::AccountName,
        provider::ProviderDefinition,
        refresh::{RefreshState, RefreshTrigger, TokenState, TokenVersion},
        time::Timestamp,
    },
};

/// The refused access tokens, by account.
#[derive(Debug, Default)]
pub(super) struct RefusedTokens {
    refused: Mutex<HashMap<AccountName, Refused>>,
    /// Whether `refused` is not empty. Most requests find it empty, and need not lock it.
    has_entries: AtomicBool,
}

/// A refused access token, or one that has replaced a refused one.
#[derive(Debug)]
struct Refused {
    version: TokenVersion,
    /// When the token was first refused. None if it has replaced a refused one and was not refused itself.
    since: Option<Timestamp>,
    is_dead: bool,
    replaced_refused: bool,
}

/// The reason for a 401, according to its error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Unauthorized {
    /// The access token is expired, invalidated or revoked.
    Dead,
    Unexplained,
    /// The account or a scope is refused, not the token.
    AccountRefused,
}

/// What became of a refused access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replacement {
    Replaced,
    /// The refresh failed. A later one may succeed.
    Failed,
    /// A refresh cannot help.
    Useless,
}

impl RefusedTokens {
    /// Records a refusal. `is_dead` is set if the provider named the token as the reason. Returns whether the token was
    /// already refused at least `pause` ago, and not accepted since.
    pub(super) fn note(
        &self,
        name: &AccountName,
        version: &TokenVersion,
        is_dead: bool,
        now: Timestamp,
        pause: Duration,
    ) -> bool {
        let mut refused = self.lock();
        self.has_entries.store(true, Ordering::Relaxed);
        match refused.get_mut(name).filter(|known| known.version == *version) {
            Some(known) => {
                known.is_dead |= is_dead;
                known.since.get_or_insert(now).plus(pause) <= now
            }
            None => {
                let (version, since) = (version.clone(), Some(now));
                refused.insert(name.clone(), Refused { version, since, is_dead, replaced_refused: false });
                false
            }
        }
    }

    /// Records that the tokens of `version` have replaced refused ones.
    fn note_replacement(&self, name: &AccountName, version: &TokenVersion) {
        let replacement = Refused { version: version.clone(), since: None, is_dead: false, replaced_refused: true };
        let mut refused = self.lock();
        if refused.get(name).is_none_or(|known| known.version != *version) {
            refused.insert(name.clone(), replacement);
        }
        self.has_entries.store(true, Ordering::Relaxed);
    }

    /// Whether these tokens have replaced refused ones, and were not accepted yet.
    fn have_replaced(&self, name: &AccountName, version: &TokenVersion) -> bool {
        self.lock().get(name).is_some_and(|known| known.replaced_refused && known.version == *version)
    }

    /// Removes the refusals of an account, because the provider has accepted its token.
    pub(super) fn forget(&self, name: &AccountName) {
        if self.has_entries.load(Ordering::Relaxed) {
            let mut refused = self.lock();
            refused.remove(name);
            self.has_entries.store(!refused.is_empty(), Ordering::Relaxed);
        }
    }

    /// Whether the provider named the access token of this version as expired, invalidated or revoked.
    pub(super) fn is_dead(&self, name: &AccountName, version: &TokenVersion) -> bool {
        self.has_entries.load(Ordering::Relaxed)
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

    /// Records whether the provider accepted the access token that had replaced a refused one.
    pub(in crate::app) fn note_retry(&self, name: &AccountName, retried: &ProviderRegistration, is_accepted: bool) {
        let (TokenVersion { login_id, generation }, now) = (&retried.refresh.version, self.now());
        self.note_feedback(name, login_id, |feedback| {
            if is_accepted { feedback.note_helpful_refresh() } else { feedback.note_futile_refresh(*generation, now) }
        });
    }

    /// Returns the account with another access token than the refused one, after a refresh if necessary. Returns None
    /// if there is no other token. Concurrent refusals of one token cause one refresh.
    ///
    /// # Errors
    /// Those of [`Tokens::usable`] if the refused token has been replaced and its successor is not usable.
    /// [`AppError::RefreshUnavailable`] if the token is dead and the refresh failed, but a later one may succeed.
    pub(in crate::app) async fn replace_refused(
        self: &Arc<Self>,
        name: &AccountName,
        refused: &ProviderRegistration,
        unauthorized: Unauthorized,
    ) -> Result<Option<Arc<ProviderRegistration>>, AppError> {
        let (definition, version) = (&refused.definition, &refused.refresh.version);
        match self.refresh_refused(name, definition, version, unauthorized).await {
            // The successor may have expired during a slow response.
            Replacement::Replaced => self.usable(name).await.map(Some),
            Replacement::Failed if unauthorized == Unauthorized::Dead => {
                let error = self.error_without_token(name);
                if matches!(error, AppError::NeedsReauth(_)) { Ok(None) } else { Err(error) }
            }
            Replacement::Failed | Replacement::Useless => Ok(None),
        }
    }

    /// Whether a refresh may replace a refused access token with one that the provider accepts.
    pub(super) fn may_replace_refused(&self, definition: &ProviderDefinition, refresh: &RefreshState) -> bool {
        let feedback = self.feedback(&definition.name, &refresh.version.login_id);
        let is_paused = feedback.refreshes_pause_until() > Some(self.now());
        // A token this new was not refused because of its age.
        let is_new = refresh.obtained_at.until(self.now()) < definition.refresh.backoff_min;
        refresh.refreshable && refresh.state != TokenState::NeedsReauth && !is_new && !is_paused
    }

    /// Refreshes refused tokens, unless a refresh cannot help.
    async fn refresh_refused(
        self: &Arc<Self>,
        name: &AccountName,
        definition: &ProviderDefinition,
        version: &TokenVersion,
        unauthorized: Unauthorized,
    ) -> Replacement {
        let Some(known) = self.registry.get(name) else { return Replacement::Useless };
        if known.refresh.version != *version {
            return Replacement::Replaced;
        }
        if unauthorized == Unauthorized::AccountRefused {
            return Replacement::Useless;
        }
        let is_dead = unauthorized == Unauthorized::Dead;
        let refresh = known.refresh.clone().at(self.now());
        let pause = definition.refresh.backoff_min;
        let was_refused_before = self.refused.note(name, version, is_dead, self.now(), pause);
        if self.refused.have_replaced(name, version) {
            self.note_retry(name, &known, false);
        }
        if !self.may_replace_refused(definition, &refresh) {
            return Replacement::Useless;
        }
        // For an account in doubt, only a dead access token justifies a retry: the provider named it as the reason, or
        // has refused it for a while.
        let trigger = if is_dead || was_refused_before { RefreshTrigger::AccessDead } else { RefreshTrigger::Now };
        tracing::info!(provider.name = %name, version = %version, "access token refused by the provider; refreshing it");
        let outcome = self.refresh(definition, version, trigger).await;
        let retry_at = match outcome {
            RefreshOutcome::Settled => None,
            RefreshOutcome::Waiting(until) => Some(until),
            RefreshOutcome::StoreDown(_) => Some(self.now().plus(STORE_PAUSE)),
        };
        if let Some(at) = retry_at.filter(|_| self.proactive) {
            self.schedule.put(at, name);
        }
        if matches!(outcome, RefreshOutcome::Waiting(_))
            && self.wait_for_other_replica(definition, version).await.is_err()
        {
            return Replacement::Failed;
        }
        let newer = self.registry.get(name).filter(|known| known.refresh.version != *version);
        if let Some(newer) = newer.as_ref().filter(|newer| newer.refresh.version.login_id == version.login_id) {
            self.refused.note_replacement(name, &newer.refresh.version);
        }
        if newer.is_some() { Replacement::Replaced } else { Replacement::Failed }
    }
}
