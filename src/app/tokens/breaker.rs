//! Circuit breakers, one for each token endpoint. Refreshes pause while the server does not respond or fails.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::Tokens;
use crate::domain::{
    provider::{ProviderDefinition, RefreshMethod},
    refresh::{Breaker, Cause, Failure, RefreshState},
    time::Timestamp,
};

#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<String, Breaker>>);

impl Breakers {
    fn with<T>(&self, method: RefreshMethod<'_>, work: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(breakers.entry(server(method).to_owned()).or_default())
    }
}

impl Tokens {
    /// Gets the breaker's permission to call the token endpoint.
    ///
    /// # Errors
    /// The time before which the endpoint must not be called.
    pub(super) fn acquire_permission(&self, definition: &ProviderDefinition) -> Result<(), Timestamp> {
        let Some(method) = self.method_of(definition) else { return Ok(()) };
        self.breakers.with(method, |breaker| {
            breaker.acquire_permission(&definition.name, definition.refresh.backoff_max, self.now())
        })
    }

    /// Returns until when the breaker is open; None if it is closed.
    pub(in crate::app) fn breaker_open_until(&self, definition: &ProviderDefinition) -> Option<Timestamp> {
        self.breakers.with(self.method_of(definition)?, |breaker| breaker.open_until(self.now()))
    }

    /// Returns the time until these tokens can be refreshed, if it is known.
    pub(super) fn pause_before(&self, definition: &ProviderDefinition, refresh: &RefreshState) -> Option<Duration> {
        let now = self.now();
        let ready_at = self.next_attempt(definition, refresh, now);
        ready_at.max(self.breaker_open_until(definition)).map(|at| now.until(at))
    }

    /// Gives up a probe whose result says nothing about the server, or that was not sent.
    pub(super) fn release_probe(&self, definition: &ProviderDefinition) {
        if let Some(method) = self.method_of(definition) {
            self.breakers.with(method, |breaker| breaker.release_probe(&definition.name, self.now()));
        }
    }

    /// Reports the outcome of a call to the breaker. A refused refresh token shows that the server works.
    pub(super) fn note_outcome<T>(&self, definition: &ProviderDefinition, outcome: &Result<T, Failure>) {
        let Some(method) = self.method_of(definition) else { return };
        match outcome {
            Ok(_) | Err(Failure::Rejected(_)) => return self.breakers.with(method, Breaker::record_response),
            Err(Failure::NotConsumed { cause, .. } | Failure::Unknown(cause)) if !is_fault(*cause) => {
                return self.release_probe(definition);
            }
            Err(Failure::NotConsumed { .. } | Failure::Unknown(_)) => {}
        }
        let pause = definition.refresh.backoff_max;
        let accounts = self.registry.names().into_iter().filter_map(|name| self.registry.get(&name));
        let refreshed_there = accounts.filter(|account| {
            account.definition.refresh_method(account.auth_method).is_some_and(|other| server(other) == server(method))
        });
        let is_only_account = refreshed_there.take(2).count() < 2;
        let record = |breaker: &mut Breaker| breaker.record_fault(&definition.name, is_only_account, pause, self.now());
        if self.breakers.with(method, record) {
            tracing::error!(server = server(method), pause = ?pause,
                "the server does not respond or fails; refreshes are paused");
        }
    }

    /// Returns the URL of the endpoint that refreshes an account; empty if there is none.
    pub(super) fn endpoint_of(&self, definition: &ProviderDefinition) -> String {
        self.method_of(definition).map(server).unwrap_or_default().to_owned()
    }

    fn method_of<'d>(&self, definition: &'d ProviderDefinition) -> Option<RefreshMethod<'d>> {
        let account = self.registry.get(&definition.name)?;
        definition.refresh_method(account.auth_method)
    }
}

/// Whether the server caused the failure, and not the request or a proxy in between.
fn is_fault(cause: Cause) -> bool {
    cause.is_unreachable() || matches!(cause, Cause::TimedOut | Cause::ConnectionLost | Cause::ServerError)
}

fn server(method: RefreshMethod<'_>) -> &str {
    match method {
        RefreshMethod::OAuth(client) => client.token_url.as_str(),
        RefreshMethod::Session(client) => client.url.as_str(),
    }
}
