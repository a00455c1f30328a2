//! Joins concurrent refreshes of the same tokens in this process: the first to join runs one for all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use tokio::sync::watch;

use super::slots::IsAwaited;
use crate::{
    domain::{ids::AccountName, refresh::TokenVersion, time::Timestamp},
    ports::StoreTrouble,
};

/// The outcome of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum RefreshOutcome {
    /// The refresh has ended, successfully or not. The account's row has the result.
    Settled,
    /// No refresh can begin before this time, for example because another replica holds the lease.
    Waiting(Timestamp),
    /// The store failed.
    StoreDown(StoreTrouble),
}

type Key = (AccountName, TokenVersion);
type OutcomeReceiver = watch::Receiver<Option<RefreshOutcome>>;

#[derive(Debug, Clone, Default)]
pub(super) struct SingleFlight(Arc<Mutex<HashMap<Key, (OutcomeReceiver, IsAwaited)>>>);

/// The role of a caller, or of the schedule, in a refresh.
pub(super) enum Role {
    /// No refresh was running, so the holder must run one.
    Leader(Leader, Follower),
    Follower(Follower),
}

/// The right to run a refresh. It ends when this value is dropped.
pub(super) struct Leader {
    single_flight: SingleFlight,
    key: Key,
    outcome: watch::Sender<Option<RefreshOutcome>>,
    pub(super) is_awaited: IsAwaited,
}

/// Waits for the outcome of a refresh.
pub(super) struct Follower(OutcomeReceiver);

impl SingleFlight {
    /// Joins or begins a refresh. `is_caller` is set for a caller, and not for the schedule.
    pub(super) fn join(&self, name: &AccountName, version: &TokenVersion, is_caller: bool) -> Role {
        let key = (name.clone(), version.clone());
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((outcome, is_awaited)) = running.get(&key) {
            is_awaited.fetch_or(is_caller, Ordering::SeqCst);
            return Role::Follower(Follower(outcome.clone()));
        }
        let (outcome, receiver) = watch::channel(None);
        let is_awaited = IsAwaited::new(is_caller.into());
        running.insert(key.clone(), (receiver.clone(), Arc::clone(&is_awaited)));
        Role::Leader(Leader { single_flight: self.clone(), key, outcome, is_awaited }, Follower(receiver))
    }

    /// Whether a refresh of these tokens is running in this process.
    pub(super) fn is_running(&self, name: &AccountName, version: &TokenVersion) -> bool {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.contains_key(&(name.clone(), version.clone()))
    }
}

impl Leader {
    pub(super) fn finish(self, outcome: RefreshOutcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Leader {
    /// Also runs if the refresh panics, so that later callers do not join it.
    fn drop(&mut self) {
        self.single_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Follower {
    /// Returns the outcome. A refresh that panicked counts as settled, because the account's row shows its result.
    pub(super) async fn outcome(mut self) -> RefreshOutcome {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.unwrap_or(RefreshOutcome::Settled),
            Err(_leader_panicked) => RefreshOutcome::Settled,
        }
    }
}
