//! The circuit breakers, one for each server that renews credentials.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::{provider::Renewal, refresh::Breaker, time::Timestamp};

#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<String, Breaker>>);

impl Breakers {
    /// Until when a server is not to be asked; None if it may be.
    pub(super) fn open_until(&self, renewal: Renewal<'_>, now: Timestamp) -> Option<Timestamp> {
        self.breakers().get(server(renewal))?.open_until(now)
    }

    /// Notes a definite answer of a server.
    pub(super) fn note(&self, renewal: Renewal<'_>, was_rejected: bool, now: Timestamp) {
        let server = server(renewal);
        if self.breakers().entry(server.to_owned()).or_default().note(was_rejected, now) {
            tracing::error!(server, "most renewals there are refused now; none is tried for five minutes");
        }
    }

    fn breakers(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn server(renewal: Renewal<'_>) -> &str {
    match renewal {
        Renewal::OAuth(client) => client.token_url.as_str(),
        Renewal::Session(client) => client.url.as_str(),
    }
}
