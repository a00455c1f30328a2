//! Waits for the response to a presentation beyond its timeout. The account is already in doubt, but the response may
//! still bring the only valid tokens.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{Tokens, present::Presentation};
use crate::domain::{
    credential::SealedCredential,
    ids::AccountName,
    provider::ProviderDefinition,
    refresh::{LeaseId, TokenState},
};

/// How long to wait for a cancelled call to close its connection.
const CLOSE_WAIT: Duration = Duration::from_millis(100);
/// How much longer than `http_timeout` a shutdown waits for a late response.
const GRACE_AT_STOP: Duration = Duration::from_secs(5);

/// A presentation whose response did not arrive in time.
pub(super) struct LateCall {
    pub(super) presented: SealedCredential,
    pub(super) lease: LeaseId,
    pub(super) call: Presentation,
}

/// The late calls by account, each with the lease under which it began.
#[derive(Debug, Default)]
pub(super) struct LateCalls(Mutex<HashMap<AccountName, (LeaseId, CancellationToken)>>);

impl LateCalls {
    fn put(&self, name: &AccountName, lease: &LeaseId) -> CancellationToken {
        let cancelled = CancellationToken::new();
        self.lock().insert(name.clone(), (lease.clone(), cancelled.clone()));
        cancelled
    }

    fn remove(&self, name: &AccountName, lease: &LeaseId) {
        let mut calls = self.lock();
        if calls.get(name).is_some_and(|(known, _)| known == lease) {
            calls.remove(name);
        }
    }

    /// Cancels the account's late call if it began under another lease. Returns whether there was one.
    fn cancel_other(&self, name: &AccountName, lease: &LeaseId) -> bool {
        let calls = self.lock();
        let other = calls.get(name).filter(|(known, _)| known != lease);
        other.inspect(|(_, cancelled)| cancelled.cancel()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountName, (LeaseId, CancellationToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// Waits for a late response and applies it like a timely one: stores new tokens if the row still has the presented
    /// version. Gives up when the call times out, when the token is presented again, or `http_timeout` plus
    /// [`GRACE_AT_STOP`] after a shutdown began.
    pub(super) async fn await_late(&self, definition: &ProviderDefinition, late: LateCall) {
        let LateCall { presented, lease, mut call } = late;
        let name = &definition.name;
        let cancelled = self.late_calls.put(name, &lease);
        let response = tokio::select! {
            // Poll the call first, so that a response that has arrived is used.
            biased;
            response = &mut call => Some(response),
            () = cancelled.cancelled() => None,
            () = self.wait_for_shutdown_grace(definition) => None,
        };
        self.late_calls.remove(name, &lease);
        match response {
            Some(Ok(late)) => {
                tracing::info!(provider.name = %name, version = %presented.refresh.version, "late token response");
                self.keep(definition, &presented, late.response).await;
            }
            Some(Err(failure)) => {
                let version = &presented.refresh.version;
                if let Err(error) = self.record_failure(definition, version, lease, failure).await {
                    tracing::debug!(provider.name = %name, error = %error, "a late refusal was not recorded");
                }
            }
            None => {}
        }
    }

    async fn wait_for_shutdown_grace(&self, definition: &ProviderDefinition) {
        self.tasks.stopping().cancelled().await;
        self.clock.sleep(definition.refresh.http_timeout + GRACE_AT_STOP).await;
    }

    /// Cancels the account's late call before the token is presented again under `lease`, and gives it time to close
    /// its connection, so that this gateway has only one presentation of a token in flight.
    pub(super) async fn cancel_late_call(&self, name: &AccountName, lease: &LeaseId) {
        if self.late_calls.cancel_other(name, lease) {
            self.clock.sleep(CLOSE_WAIT).await;
        }
    }

    /// Cancels the late call of an account whose token another replica presents.
    pub(super) fn cancel_late_call_for_other_replica(&self, credential: &SealedCredential) {
        if let TokenState::Refreshing(lease) = &credential.refresh.state {
            self.late_calls.cancel_other(&credential.name, &lease.id);
        }
    }
}
