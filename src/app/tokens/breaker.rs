//! Circuit breakers, one for each token endpoint: refreshes pause for a server that refuses most of them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::{provider::RefreshMethod, refresh::Breaker, time::Timestamp};

#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<String, Breaker>>);

impl Breakers {
    /// Returns until when a server must not be called; None if it may be.
    pub(super) fn open_until(&self, method: RefreshMethod<'_>, now: Timestamp) -> Option<Timestamp> {
        self.breakers().get(server(method))?.open_until(now)
    }

    /// Counts a definite response of a server.
    pub(super) fn note(&self, method: RefreshMethod<'_>, was_rejected: bool, now: Timestamp) {
        let server = server(method);
        if self.breakers().entry(server.to_owned()).or_default().note(was_rejected, now) {
            tracing::error!(server, "the server refuses most refreshes; refreshes pause for five minutes");
        }
    }

    fn breakers(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn server(method: RefreshMethod<'_>) -> &str {
    match method {
        RefreshMethod::OAuth(client) => client.token_url.as_str(),
        RefreshMethod::Session(client) => client.url.as_str(),
    }
}
