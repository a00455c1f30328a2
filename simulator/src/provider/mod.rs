//! The provider's state and decisions, without HTTP: keys, codes, token families, settings, journal. One lock guards
//! all of it, so every decision (redeem, rotate, revoke) is atomic, as at the real provider.

mod access;
mod browsers;
mod claims;
mod codes;
mod entry;
mod families;
mod grants;
mod keys;
mod refusal;
mod secrets;
mod token_response;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use access::{AccessRefusal, check_access};
pub use browsers::{BrowserLedger, CookieRotation, SignedInBrowser};
pub(crate) use browsers::{
    Browsers, RefreshRefusal, SessionRefusal, SessionView, check_session, refresh_session, rotate_cookie,
    sign_in_browser,
};
pub(crate) use codes::{AuthorizationRequest, Codes};
pub(crate) use entry::Entry;
pub(crate) use families::Families;
pub use families::TokenStatus;
pub(crate) use grants::{redeem_code, refresh};
pub use keys::KeysError;
pub(crate) use keys::{SigningKey, SigningKeys};
pub(crate) use refusal::Refusal;
pub use secrets::{CANARY, CANARY_IN_JWT};
pub(crate) use secrets::{IssuedSecrets, random_text};
pub(crate) use token_response::UnsignedTokenResponse;

use crate::{
    backend::BackendMemory,
    dashscope::Tasks,
    faults::FaultQueue,
    journal::{FamilyId, Journal, machine_time, token_sha256},
    presentations::{PresentationTotals, Presentations},
    scripts::ScriptQueue,
    settings::Settings,
    site::Site,
    steps::Steps,
    streams::StreamCounts,
};

/// The provider, shared by its origins and the control API.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    /// The `iss` of session tokens.
    pub(crate) sessions_issuer: String,
    pub(crate) steps: Arc<Steps>,
    initial_settings: Settings,
    state: Mutex<State>,
}

/// The mutable state.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) keys: SigningKeys,
    pub(crate) codes: Codes,
    pub(crate) families: Families,
    pub(crate) browsers: Browsers,
    pub(crate) presentations: Presentations,
    pub(crate) streams: StreamCounts,
    pub(crate) faults: FaultQueue,
    pub(crate) scripts: ScriptQueue,
    pub(crate) backend: BackendMemory,
    pub(crate) tasks: Tasks,
    pub(crate) journal: Journal,
    pub(crate) issued: IssuedSecrets,
}

impl State {
    /// Returns the provider's clock, since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        let offset = Duration::from_secs(self.settings.clock_offset_seconds.unsigned_abs());
        if self.settings.clock_offset_seconds < 0 {
            machine_time().saturating_sub(offset)
        } else {
            machine_time().saturating_add(offset)
        }
    }

    /// Returns the settings and the time, so that a response can be built without the lock.
    pub(crate) fn settings_and_time(&self) -> (Settings, Duration) {
        (self.settings.clone(), self.now())
    }
}

impl Provider {
    pub(crate) fn new(issuer: String, sessions_issuer: String, settings: Settings, keys: SigningKeys) -> Self {
        let state = State {
            settings: settings.clone(),
            keys,
            codes: Codes::default(),
            families: Families::default(),
            browsers: Browsers::default(),
            presentations: Presentations::default(),
            streams: StreamCounts::default(),
            faults: FaultQueue::default(),
            scripts: ScriptQueue::default(),
            backend: BackendMemory::default(),
            tasks: Tasks::default(),
            journal: Journal::default(),
            issued: IssuedSecrets::default(),
        };
        let steps = Arc::new(Steps::default());
        Self { issuer, sessions_issuer, steps, initial_settings: settings, state: Mutex::new(state) }
    }

    /// Locks the state for one decision. Ignores poisoning, so a panic elsewhere does not stop the provider.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resets everything but the keys to the state at the start.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.settings = self.initial_settings.clone();
        state.codes = Codes::default();
        state.families.forget();
        state.browsers = Browsers::default();
        state.presentations = Presentations::default();
        state.streams.forget();
        state.faults.clear();
        state.scripts.clear();
        state.backend = BackendMemory::default();
        state.tasks = Tasks::default();
        state.journal.clear();
        state.issued = IssuedSecrets::default();
        drop(state);
        self.steps.clear();
    }

    /// Records the arrival of a request in the journal.
    pub(crate) fn record_arrival(self: &Arc<Self>, site: Site, request: &hyper::http::request::Parts) -> Entry {
        Entry::new(self, self.state().journal.record_arrival(site, request))
    }

    /// Records that a refresh token is presented. The refresh counts as in flight until the returned value is dropped.
    pub(crate) fn begin_presentation(self: &Arc<Self>, entry: &Entry, refresh_token: &str) -> RefreshInFlight {
        let mut state = self.state();
        let family = state.families.family_of(refresh_token);
        let generation = state.families.generation_of(refresh_token);
        state.presentations.record_begin(entry.sequence(), token_sha256(refresh_token), family, generation);
        if let Some(family) = family {
            state.families.begin_refresh(family);
        }
        RefreshInFlight { presentation: entry.sequence(), family, provider: Arc::clone(self) }
    }

    pub(crate) fn presentation_totals(&self) -> PresentationTotals {
        let state = self.state();
        state.presentations.totals(state.families.max_concurrent_refreshes())
    }
}

/// A refresh in flight.
pub(crate) struct RefreshInFlight {
    pub(crate) presentation: u64,
    pub(crate) family: Option<FamilyId>,
    provider: Arc<Provider>,
}

impl Drop for RefreshInFlight {
    fn drop(&mut self) {
        let mut state = self.provider.state();
        state.presentations.record_end(self.presentation);
        if let Some(family) = self.family {
            state.families.end_refresh(family);
        }
    }
}
