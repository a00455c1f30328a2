//! Refreshes tokens before a caller needs them, even those of idle accounts.
//! [`RefreshState::ready_at`](crate::domain::refresh::RefreshState::ready_at) decides when a refresh is due.
//!
//! A queue has at most one entry for each account, the earliest, so that nothing polls the accounts. An entry may be out
//! of date, so the current registration is checked before a refresh starts.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{RefreshOutcome, Tokens};
use crate::domain::{
    ids::AccountName,
    provider::ProviderDefinition,
    refresh::{RefreshState, RefreshTrigger, TokenVersion},
    time::Timestamp,
};

/// Maximum sleep, because the wall clock may be set during it.
const MAX_SLEEP: Duration = Duration::from_secs(30);
/// Pause after a refresh that could not be begun.
pub(super) const STORE_PAUSE: Duration = Duration::from_secs(5);
/// Minimum pause before the next attempt.
pub(super) const MIN_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct RefreshQueue {
    entries: BTreeSet<(Timestamp, AccountName)>,
    times: HashMap<AccountName, Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct RefreshSchedule {
    queue: Mutex<RefreshQueue>,
    /// Notified when an entry becomes the first one.
    sooner: Notify,
}

impl RefreshSchedule {
    pub(super) fn put(&self, at: Timestamp, name: &AccountName) {
        let mut queue = self.lock();
        if queue.times.get(name).is_some_and(|known| *known <= at) {
            return;
        }
        let is_first = queue.entries.first().is_none_or(|(first, _)| at < *first);
        if let Some(later) = queue.times.insert(name.clone(), at) {
            queue.entries.remove(&(later, name.clone()));
        }
        queue.entries.insert((at, name.clone()));
        if is_first {
            self.sooner.notify_one();
        }
    }

    fn first(&self) -> Option<Timestamp> {
        self.lock().entries.first().map(|(at, _)| *at)
    }

    fn take_due(&self, now: Timestamp) -> Option<AccountName> {
        let mut queue = self.lock();
        queue.entries.first().filter(|(at, _)| *at <= now)?;
        let (_, name) = queue.entries.pop_first()?;
        queue.times.remove(&name);
        Some(name)
    }

    fn lock(&self) -> MutexGuard<'_, RefreshQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// Starts the loop that refreshes accounts as they become due, unless the configuration disables it.
    pub(in crate::app) fn start_refreshing(self: &Arc<Self>) {
        if !self.proactive {
            return;
        }
        let tokens = Arc::clone(self);
        self.tasks.start(async move {
            loop {
                let now = tokens.now();
                let wait = tokens.schedule.first().map_or(MAX_SLEEP, |first| now.until(first).min(MAX_SLEEP));
                tokio::select! {
                    () = tokens.clock.sleep(wait) => {}
                    () = tokens.schedule.sooner.notified() => {}
                    () = tokens.tasks.stopping().cancelled() => return,
                }
                while let Some(name) = tokens.schedule.take_due(tokens.now()) {
                    tokens.refresh_if_due(&name);
                }
            }
        });
    }

    fn refresh_if_due(self: &Arc<Self>, name: &AccountName) {
        let Some((definition, version, at)) = self.next_refresh(name) else { return };
        if at > self.now() {
            return self.schedule.put(at, name);
        }
        let tokens = Arc::clone(self);
        self.tasks.start(async move {
            let name = &definition.name;
            let is_dead = tokens.is_access_dead(name, &version);
            let trigger = if is_dead { RefreshTrigger::AccessDead } else { RefreshTrigger::Due };
            match tokens.refresh_on_schedule(&definition, &version, trigger).await {
                // The account's next refresh was scheduled when the result was registered. If it was due at once, it
                // may have joined this refresh instead of starting.
                RefreshOutcome::Settled if tokens.is_due(name) => {
                    tokens.schedule.put(tokens.now().plus(MIN_WAIT), name);
                }
                RefreshOutcome::Settled => {}
                // Wait at least a moment, because the store's clock may be behind this replica's.
                RefreshOutcome::Waiting(until) => {
                    tokens.schedule.put(until.max(tokens.now().plus(MIN_WAIT)), name);
                }
                RefreshOutcome::StoreDown(_) => tokens.schedule.put(tokens.now().plus(STORE_PAUSE), name),
            }
        });
    }

    /// Returns when the registered tokens of an account are due; None if they are not refreshed.
    fn next_refresh(&self, name: &AccountName) -> Option<(Arc<ProviderDefinition>, TokenVersion, Timestamp)> {
        let (now, account) = (self.now(), self.registry.get(name)?);
        let definition = Arc::clone(&account.definition);
        if !account.enabled || !definition.enabled {
            return None;
        }
        let at = self.next_attempt(&definition, &account.refresh, now)?;
        Some((definition, account.refresh.version.clone(), at))
    }

    /// Returns when the schedule starts the next refresh of an account in the state `stored`; None if it starts none.
    pub(in crate::app) fn next_attempt(
        &self,
        definition: &ProviderDefinition,
        stored: &RefreshState,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let refresh = stored.clone().at(now);
        if refresh.state != stored.state {
            // A lease has lapsed. Begin now, so that the store records the doubt, even if the retry is not yet due.
            return Some(now);
        }
        let is_dead = self.is_access_dead(&definition.name, &refresh.version);
        if is_dead && self.may_replace_refused(definition, &refresh) {
            // No request can use the access token, so do not wait for its expiry.
            let at = refresh.ready_at(&definition.refresh, RefreshTrigger::AccessDead, now)?;
            return Some(refresh.next_attempt_at.map_or(at, |not_before| at.max(not_before)));
        }
        refresh.ready_at(&definition.refresh, RefreshTrigger::Due, now)
    }

    fn is_due(&self, name: &AccountName) -> bool {
        self.next_refresh(name).is_some_and(|(.., at)| at <= self.now())
    }
}
