//! What the provider knows and decides, without any HTTP: keys, codes, families of tokens, settings, journal. One lock
//! guards all of it, so that every decision (redeem, rotate, revoke) is atomic, as it is with the real provider.

mod claims;
mod codes;
mod families;
mod grants;
mod keys;
mod refusal;
mod secrets;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use codes::{AuthorizationRequest, Codes};
pub(crate) use families::Families;
pub use families::TokenStatus;
pub(crate) use grants::{redeem_code, refresh};
pub(crate) use keys::{KeyRing, SigningKey};
pub(crate) use refusal::Refusal;
pub use secrets::{CANARY, CANARY_IN_JWT};
pub(crate) use secrets::{IssuedSecrets, random_text};

use crate::{
    faults::FaultQueue,
    journal::{FamilyId, Journal, JournalEntry, machine_time},
    settings::Settings,
};

/// The provider, shared by its origins and by the control side.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    initial_settings: Settings,
    state: Mutex<State>,
}

/// Everything that changes.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) keys: KeyRing,
    pub(crate) codes: Codes,
    pub(crate) families: Families,
    pub(crate) faults: FaultQueue,
    pub(crate) journal: Journal,
    pub(crate) issued: IssuedSecrets,
}

impl State {
    /// The provider's clock, since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        let offset = Duration::from_secs(self.settings.clock_offset_seconds.unsigned_abs());
        if self.settings.clock_offset_seconds < 0 {
            machine_time().saturating_sub(offset)
        } else {
            machine_time().saturating_add(offset)
        }
    }
}

impl Provider {
    pub(crate) fn new(issuer: String, settings: Settings, keys: KeyRing) -> Self {
        let state = State {
            settings: settings.clone(),
            keys,
            codes: Codes::default(),
            families: Families::default(),
            faults: FaultQueue::default(),
            journal: Journal::default(),
            issued: IssuedSecrets::default(),
        };
        Self { issuer, initial_settings: settings, state: Mutex::new(state) }
    }

    /// The state, for as long as one decision takes. A panic elsewhere does not take the provider down.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything but the keys, and behaves as at the start.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.settings = self.initial_settings.clone();
        state.codes = Codes::default();
        state.families.forget();
        state.faults.clear();
        state.journal.clear();
        state.issued = IssuedSecrets::default();
    }

    /// Writes the arrival of a request into the journal.
    pub(crate) fn arrival(self: &Arc<Self>, request: &hyper::http::request::Parts) -> Entry {
        Entry { sequence: self.state().journal.arrival(request), provider: Arc::clone(self) }
    }

    /// Counts a refresh as under way until the returned value is dropped.
    pub(crate) fn refresh_under_way(self: &Arc<Self>, family: FamilyId) -> RefreshUnderWay {
        self.state().families.refresh_began(family);
        RefreshUnderWay { family, provider: Arc::clone(self) }
    }
}

/// The journal entry of one request under way.
pub(crate) struct Entry {
    sequence: u64,
    provider: Arc<Provider>,
}

impl Entry {
    pub(crate) fn note(&self, complete: impl FnOnce(&mut JournalEntry)) {
        self.provider.state().journal.note(self.sequence, complete);
    }

    pub(crate) fn outcome(&self, outcome: &str) {
        self.note(|entry| outcome.clone_into(&mut entry.outcome));
    }
}

/// A refresh that has begun and is neither answered nor given up.
pub(crate) struct RefreshUnderWay {
    family: FamilyId,
    provider: Arc<Provider>,
}

impl Drop for RefreshUnderWay {
    fn drop(&mut self) {
        self.provider.state().families.refresh_ended(self.family);
    }
}
