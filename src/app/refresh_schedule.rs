//! Refresh tokens before somebody needs them, idle ones too.
//!
//! A heap of times, one a change of an account: what it costs does not grow with the number of accounts. What lies in it
//! may be out of date; the account itself says whether its time has come.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, Semaphore};

use super::{Gateway, single_flight::RefreshOutcome};
use crate::domain::{ids::ProviderName, refresh::RefreshTrigger, time::Timestamp};

/// The wall clock may be stepped, so it is looked at this often at least.
const LOOK: Duration = Duration::from_secs(30);
/// After a flight that could not be begun.
const PAUSE: Duration = Duration::from_secs(5);
/// Before the store is asked again.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// Refreshes under way at a time, so that a thousand overdue accounts are no storm.
const AT_A_TIME: usize = 8;

#[derive(Debug)]
pub(super) struct RefreshSchedule {
    times: Mutex<BinaryHeap<Reverse<(Timestamp, ProviderName)>>>,
    sooner: Notify,
    seats: Arc<Semaphore>,
}

impl Default for RefreshSchedule {
    fn default() -> Self {
        Self { times: Mutex::default(), sooner: Notify::new(), seats: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

impl RefreshSchedule {
    pub(super) fn put(&self, at: Timestamp, name: &ProviderName) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = times.peek().is_none_or(|Reverse((first, _))| at < *first);
        times.push(Reverse((at, name.clone())));
        if is_first {
            self.sooner.notify_one();
        }
    }

    fn first(&self) -> Option<Timestamp> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.peek().map(|Reverse((at, _))| *at)
    }

    fn take_due(&self, now: Timestamp) -> Option<ProviderName> {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.peek().filter(|Reverse((at, _))| *at <= now)?;
        times.pop().map(|Reverse((_, name))| name)
    }
}

impl Gateway {
    pub(super) fn start_refreshing(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.tasks.start(async move {
            loop {
                let now = gateway.now();
                let wait = gateway.schedule.first().map_or(LOOK, |first| now.until(first).min(LOOK));
                tokio::select! {
                    () = gateway.clock.sleep(wait) => {}
                    () = gateway.schedule.sooner.notified() => {}
                    () = gateway.tasks.stopping().cancelled() => return,
                }
                while let Some(name) = gateway.schedule.take_due(gateway.now()) {
                    gateway.refresh_if_due(&name);
                }
            }
        });
    }

    fn refresh_if_due(self: &Arc<Self>, name: &ProviderName) {
        let (now, Some(account)) = (self.now(), self.registry.get(name)) else { return };
        let definition = Arc::clone(&account.definition);
        let state = account.refresh.clone().at(now);
        match state.ready_at(&definition.refresh, RefreshTrigger::Due, now) {
            Some(at) if at <= now && account.enabled && definition.enabled => {}
            Some(at) if at > now => return self.schedule.put(at, name),
            _ => return,
        }
        let (gateway, seats) = (Arc::clone(self), Arc::clone(&self.schedule.seats));
        self.tasks.start(async move {
            let Ok(_seat) = seats.acquire().await else { return };
            let name = &definition.name;
            match gateway.refresh_tokens(&definition, &state.version, RefreshTrigger::Due).await {
                // What became of it was registered, and with that its next time was set.
                RefreshOutcome::Settled => {}
                // The store's clock may be behind this one.
                RefreshOutcome::Waiting(until) => gateway.schedule.put(until.max(gateway.now().plus(LEAST_WAIT)), name),
                RefreshOutcome::StoreDown => gateway.schedule.put(gateway.now().plus(PAUSE), name),
            }
        });
    }
}
