//! Tell what happened to an account: one line in the log for every row of its history, with the members that a metric is
//! counted by, and a call to the owner if it needs them.

use std::{sync::Arc, time::Duration};

use super::Gateway;
use crate::domain::{
    history::{CredentialEvent, EventKind},
    refresh::Cause,
};

/// Pauses between the tries to tell an owner; after the last, the log and the status have to do.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
];

impl Gateway {
    pub(super) fn tell(&self, event: &CredentialEvent) {
        let CredentialEvent { name, login_id, generation, kind, .. } = event;
        let cause = event.cause.map(Cause::as_str);
        /// A macro of tracing wants its level as a constant.
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    event.id = event.revision.0, event = kind.as_str(), provider.name = %name, login.id = %login_id,
                    credential.generation = generation.0, cause, $message
                )
            };
        }
        match kind {
            EventKind::SignedIn => line!(info, "account signed in"),
            EventKind::SignedOut => line!(info, "account signed out"),
            EventKind::Changed => line!(info, "account changed"),
            EventKind::RefreshStarted => line!(info, "token refresh started"),
            EventKind::Refreshed => line!(info, "tokens refreshed"),
            EventKind::RefreshPostponed => line!(warn, "token refresh did not get through; the access token serves on"),
            EventKind::InDoubt => line!(warn, "token refresh unconfirmed; the access token serves on"),
            EventKind::NeedsReauth => line!(error, "account needs its owner: the refresh token was refused"),
        }
        if matches!(kind, EventKind::InDoubt | EventKind::NeedsReauth) {
            self.call_owner(event.clone());
        }
    }

    /// In a task of its own, which a stop does not wait for: the event is in the history.
    fn call_owner(&self, event: CredentialEvent) {
        let Some(notifier) = self.notifier.clone() else { return };
        let (clock, stopping) = (Arc::clone(&self.clock), self.tasks.stopping().clone());
        let calling = async move {
            for pause in PAUSES.map(Some).into_iter().chain([None]) {
                let Err(error) = notifier.notify(&event).await else { return };
                tracing::warn!(event.id = event.revision.0, error = %error, "the owner could not be told of an event");
                let Some(pause) = pause else { return };
                clock.sleep(pause).await;
            }
        };
        self.tasks.start(async move {
            stopping.run_until_cancelled(calling).await;
        });
    }
}
