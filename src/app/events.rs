//! Emits account events: logs and counts each one, and calls the webhook if the owner has to act.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{Ports, Tasks, counters};
use crate::{
    domain::{
        history::{CredentialEvent, EventKind},
        ids::AccountName,
        provider_feedback::ProviderCode,
        refresh::{Cause, TokenVersion},
    },
    ports::{Clock, Notifier},
};

/// Pauses between attempts to call the webhook. After the last attempt, the event is only in the history and the log.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
];

/// Maximum number of events that wait for the webhook. It is not called for further ones.
const MAX_WAITING: usize = 1_000;

#[derive(Clone)]
pub(super) struct Events {
    notifier: Option<Arc<dyn Notifier>>,
    waiting: Arc<Semaphore>,
    /// The last doubt of each account that the webhook was called for, and whether it came from a restored database.
    doubts: Arc<Mutex<HashMap<AccountName, (TokenVersion, bool)>>>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
}

impl Events {
    pub(super) fn new(ports: &Ports, tasks: &Tasks) -> Self {
        Self {
            notifier: ports.notifier.clone(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            doubts: Arc::default(),
            clock: Arc::clone(&ports.clock),
            tasks: tasks.clone(),
        }
    }

    pub(super) fn emit(&self, event: &CredentialEvent) {
        let CredentialEvent { name, login_id, generation, kind, .. } = event;
        counters::account_event(event);
        let (cause, code) = (event.cause.map(Cause::as_str), event.code.as_ref().map(ProviderCode::as_str));
        /// A macro, because tracing's macros need a constant level.
        macro_rules! log {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    event.id = event.revision.0, event = kind.as_str(), provider.name = %name, login.id = %login_id,
                    credential.generation = generation.0, cause, code, $message
                )
            };
        }
        match kind {
            EventKind::SignedIn => log!(info, "account signed in"),
            EventKind::SignedOut => log!(info, "account signed out"),
            EventKind::MovedAway => log!(info, "account moved to another installation"),
            EventKind::Changed => log!(info, "account changed"),
            EventKind::RefreshStarted => log!(info, "token refresh started"),
            EventKind::Refreshed => log!(info, "tokens refreshed"),
            EventKind::RefreshPostponed => log!(warn, "token refresh postponed; the access token is still used"),
            EventKind::InDoubt => log!(warn, "token refresh unconfirmed; the access token is still used"),
            EventKind::NeedsReauth => log!(error, "the refresh token was refused; the account needs a new login"),
            EventKind::Refused => log!(error, "the provider refuses the account"),
        }
        let is_for_owner = match kind {
            EventKind::InDoubt => self.is_new_doubt(event),
            EventKind::NeedsReauth | EventKind::Refused => true,
            EventKind::SignedIn
            | EventKind::SignedOut
            | EventKind::MovedAway
            | EventKind::Changed
            | EventKind::RefreshStarted
            | EventKind::Refreshed
            | EventKind::RefreshPostponed => false,
        };
        if is_for_owner {
            self.notify(event.clone());
        }
    }

    /// Returns false for further retries of a token in doubt, which the owner knows of.
    fn is_new_doubt(&self, event: &CredentialEvent) -> bool {
        let version = TokenVersion { login_id: event.login_id.clone(), generation: event.generation };
        let doubt = (version, event.cause == Some(Cause::Restored));
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.insert(event.name.clone(), doubt.clone()) != Some(doubt)
    }

    /// Calls the webhook in the background. A shutdown cancels the call; the event stays in the history.
    fn notify(&self, event: CredentialEvent) {
        let Some(notifier) = self.notifier.clone() else { return };
        let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() else {
            counters::webhook_failed();
            tracing::warn!(event.id = event.revision.0, "the webhook is not called: too many events wait for it");
            return;
        };
        let (clock, stopping) = (Arc::clone(&self.clock), self.tasks.stopping().clone());
        let calling = async move {
            for pause in PAUSES.map(Some).into_iter().chain([None]) {
                let Err(error) = notifier.notify(&event).await else { return };
                counters::webhook_failed();
                tracing::warn!(event.id = event.revision.0, error = %error, "the webhook did not accept an event");
                let Some(pause) = pause else { return };
                clock.sleep(pause).await;
            }
        };
        self.tasks.start(async move {
            stopping.run_until_cancelled(calling).await;
            drop(permit);
        });
    }
}
