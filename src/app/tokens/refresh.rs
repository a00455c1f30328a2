//! One refresh from the lease to the commit. The domain's `step` decides what each outcome means for the row. This file
//! keeps the order:
//!
//! 1. Before the token is presented, the lease is in the store and the presentation is in the journal.
//! 2. Before the store is called with the response, the response is in the journal.
//! 3. The commit is retried until the store responds, by the next start if need be. The journal record is marked as
//!    committed, or deleted if the store did not accept its tokens, only after that response.
//!
//! If the journal cannot be written, the refresh continues, and the new tokens are only in memory until the commit.

use std::{sync::Arc, time::Duration};

use super::{
    RefreshOutcome, Tokens,
    late::LateCall,
    present::{Continuation, PresentationResponse, failure_for},
    run::{NextPresentation, Progress, store_down},
    slots::Slot,
};
use crate::{
    app::{AppError, counters},
    domain::{
        credential::SealedCredential,
        provider::ProviderDefinition,
        refresh::{Cause, Effect, Failure, LeaseId, RefreshEvent, Rotation, TokenVersion},
        secret::RefreshToken,
        token_response::TokenResponse,
        unreadable::UnreadableAccount,
    },
    ports::{Advanced, JournalRecord, StoreError},
};

/// Pauses between attempts to commit: the shortest and the longest.
const COMMIT_PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Number of attempts to store a step that may be given up, and the pause between two attempts.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// A granted lease: the account whose token may be presented, and how.
struct Leased {
    credential: SealedCredential,
    lease: LeaseId,
    /// When the lease was requested, as the time since boot.
    asked_at: Duration,
    continuation: Option<Continuation>,
    slot: Slot,
}

impl Tokens {
    /// Acquires a lease and presents the refresh token once.
    pub(super) async fn acquire_and_present(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        next: NextPresentation,
    ) -> Result<Progress, AppError> {
        let NextPresentation { seen, trigger, continuation, slot } = next;
        let name = &definition.name;
        let lease = LeaseId::from_bytes(self.random_bytes()?);
        let asked_at = self.clock.since_boot();
        // Retries use the same lease id. If an attempt failed after the store had granted the lease, the lease is ours.
        let begin = RefreshEvent::Begin { seen: seen.clone(), lease: lease.clone(), trigger };
        let begun = self.try_to_advance(definition, &begin).await.inspect_err(|_| self.release_probe(definition))?;
        match (begun.effect, begun.credential) {
            (Effect::Present, Some(credential)) => {
                let leased = Leased { credential, lease, asked_at, continuation, slot };
                self.present_and_settle(definition, leased).await
            }
            (effect, credential) => {
                self.release_probe(definition);
                self.register_or_unregister(name, &seen.login_id, credential);
                let outcome = if let Effect::Wait(until) = effect {
                    RefreshOutcome::Waiting(until)
                } else {
                    RefreshOutcome::Settled
                };
                Ok(Progress::Ended(outcome))
            }
        }
    }

    /// Presents the token under its lease. Commits the response, or records the failure.
    async fn present_and_settle(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        leased: Leased,
    ) -> Result<Progress, AppError> {
        let Leased { credential, lease, asked_at, continuation, slot } = leased;
        let (name, seen) = (&definition.name, &credential.refresh.version);
        self.note_presentation(&credential).await;
        let is_held_up = self.clock.since_boot().saturating_sub(asked_at) > definition.refresh.latest_send();
        let failure = match self.open_refresh_token(&credential, is_held_up) {
            Ok(token) => {
                tracing::debug!(provider.name = %name, version = %seen, "refresh token presented");
                counters::presented(definition.provider_type.as_str());
                counters::lease_waited(self.clock.since_boot().saturating_sub(asked_at));
                self.cancel_late_call(name, &lease).await;
                let mut call = self.present(definition, &credential, token, continuation);
                match self.wait_for_outcome(definition, &mut call).await {
                    Some(Ok(PresentationResponse { response, continuation })) => {
                        // Release the slot before the commit, unless the endpoint is called again.
                        let next = continuation.map(|continuation| NextPresentation::after(seen, continuation, slot));
                        return Ok(match (self.keep(definition, &credential, response).await, next) {
                            (RefreshOutcome::Settled, Some(next)) => Progress::Replaced(next),
                            (outcome, _) => Progress::Ended(outcome),
                        });
                    }
                    Some(Err(failure)) => failure,
                    None => {
                        let timed_out = failure_for(&credential, Failure::Unknown(Cause::TimedOut));
                        self.note_outcome::<()>(definition, &Err(timed_out));
                        let recorded = self.record_failure(definition, seen, lease.clone(), timed_out).await;
                        let outcome = recorded.map_or_else(store_down, |()| RefreshOutcome::Settled);
                        return Ok(Progress::Late(outcome, Box::new(LateCall { presented: credential, lease, call })));
                    }
                }
            }
            Err(cause) => {
                self.release_probe(definition);
                Failure::NotConsumed { cause, retry_after: None }
            }
        };
        if matches!(failure, Failure::NotConsumed { .. }) {
            self.take_back_presentation(&credential).await;
        }
        self.record_failure(definition, seen, lease, failure).await?;
        Ok(Progress::Ended(RefreshOutcome::Settled))
    }

    /// Opens the refresh token of a leased account.
    ///
    /// # Errors
    /// The reason for not presenting the token.
    fn open_refresh_token(&self, credential: &SealedCredential, is_held_up: bool) -> Result<RefreshToken, Cause> {
        match self.vault.open_refresh_token(credential) {
            // The store was slow or this process was paused, so another replica may consider the lease lapsed.
            Ok(Some(_)) if is_held_up => Err(Cause::HeldUp),
            Ok(Some(token)) => Ok(token),
            Ok(None) => Err(Cause::DecryptionFailed),
            Err(error) => {
                tracing::error!(provider.name = %credential.name, error = %error, "the stored refresh token cannot be opened");
                Err(Cause::DecryptionFailed)
            }
        }
    }

    /// Records why a presentation failed. If the store does not respond, the lease lapses and the account is in doubt,
    /// which is safe.
    pub(super) async fn record_failure(
        &self,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
        lease: LeaseId,
        failure: Failure,
    ) -> Result<(), AppError> {
        let spread = u16::from_be_bytes(self.random_bytes()?);
        let failed = RefreshEvent::Failed { seen: seen.clone(), lease, failure, spread };
        let noted = self.try_to_advance(definition, &failed).await?;
        self.register_or_unregister(&definition.name, &seen.login_id, noted.credential);
        Ok(())
    }

    /// Seals a response, writes it to the journal and commits it.
    pub(super) async fn keep(
        &self,
        definition: &ProviderDefinition,
        presented: &SealedCredential,
        response: TokenResponse,
    ) -> RefreshOutcome {
        let known = &presented.metadata;
        let mut metadata = response.metadata(known.auth_method, definition.provider_type, &known.scopes, self.now());
        if response.access_token.is_none() {
            // The old access token stays valid, with its own times.
            (metadata.obtained_at, metadata.expires_at) = (known.obtained_at, known.expires_at);
        }
        metadata.cookie_rotates |= known.cookie_rotates;
        let same_account = metadata.account.may_be_same_as(&known.account);
        if !same_account {
            tracing::error!(provider.name = %definition.name, connected = known.account.account_id, returned = metadata.account.account_id,
                "the refresh brought tokens of another user or workspace");
        }
        metadata.account = metadata.account.or(known.account.clone());
        let (mut pause, longest) = COMMIT_PAUSES;
        let rotation = loop {
            match self.vault.seal_rotation(presented, &response, metadata.clone(), same_account) {
                Ok(rotation) => break rotation,
                Err(error) => {
                    tracing::error!(error = %error, "new tokens cannot be sealed; they are kept in memory");
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
            }
        };
        drop(response);
        let record = JournalRecord::unsaved(definition.name.clone(), rotation);
        let journaled = self.journal.put(&record).await;
        if let Err(error) = &journaled {
            tracing::error!(provider.name = %record.name, error = %error, "new tokens are kept in memory only");
        }
        self.commit(definition, record, journaled.is_ok()).await
    }

    /// Commits a journal record. Retries until the store responds. If the record is in the journal (`is_journaled`),
    /// retries only until the gateway stops, because the next start commits it.
    pub(super) async fn commit(
        &self,
        definition: &ProviderDefinition,
        record: JournalRecord,
        is_journaled: bool,
    ) -> RefreshOutcome {
        let (name, version) = (&record.name, &record.rotation.version);
        let succeeded = RefreshEvent::Succeeded(record.rotation.clone());
        let (mut pause, longest) = COMMIT_PAUSES;
        let committed = loop {
            match self.commit_once(definition, &succeeded, &record.rotation).await {
                Ok(committed) => break committed,
                Err(AppError::Store(StoreError::Unreadable(row))) if is_journaled => {
                    self.quarantine(UnreadableAccount { name: name.clone(), row: *row });
                    return RefreshOutcome::Settled;
                }
                Err(error) => {
                    counters::commit_failed();
                    if pause == COMMIT_PAUSES.0 {
                        tracing::warn!(provider.name = %name, error = %error, "new tokens wait for the database");
                    }
                    if is_journaled && self.tasks.stopping().is_cancelled() {
                        return store_down(error);
                    }
                }
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(longest);
        };
        // Whether the tokens are stored: by this call, by an earlier attempt, or by another process that replayed them.
        let is_stored = committed.credential.as_ref().is_some_and(|account| account.has_tokens_of(&record.rotation));
        if committed.effect == Effect::Revoke {
            let user_id = record.rotation.metadata.account.user_id.as_deref();
            let token = record.rotation.refresh_token.as_ref();
            if let Err(error) = self.revoke_surplus(definition, version, token, user_id).await {
                tracing::warn!(provider.name = %name, error = %error, "surplus tokens are left to expire");
            }
        } else if committed.effect != Effect::Stored && !is_stored {
            tracing::warn!(provider.name = %name, version = %version, "surplus tokens discarded");
        }
        self.register_or_unregister(name, &version.login_id, committed.credential);
        self.settle_record(&record, is_stored).await;
        RefreshOutcome::Settled
    }

    async fn commit_once(
        &self,
        definition: &ProviderDefinition,
        succeeded: &RefreshEvent,
        rotation: &Rotation,
    ) -> Result<Advanced, AppError> {
        let committed = self.advance(definition, succeeded).await?;
        match &committed.credential {
            Some(account) if *account.login_id() != rotation.version.login_id => {
                Ok(self.replace_returned_login(definition, account, rotation).await?.unwrap_or(committed))
            }
            Some(_) | None => Ok(committed),
        }
    }

    /// Applies one step of the protocol and emits its events.
    pub(super) async fn advance(
        &self,
        definition: &ProviderDefinition,
        event: &RefreshEvent,
    ) -> Result<Advanced, StoreError> {
        let advanced = self.store.advance(&definition.name, event, &definition.refresh, self.now()).await?;
        advanced.events.iter().for_each(|event| self.events.emit(event));
        Ok(advanced)
    }

    /// Applies a step, and gives up after [`TRIES`] attempts. The lease then lapses.
    async fn try_to_advance(
        &self,
        definition: &ProviderDefinition,
        event: &RefreshEvent,
    ) -> Result<Advanced, StoreError> {
        let mut tries = 1;
        loop {
            match self.advance(definition, event).await {
                Err(_) if tries < TRIES => self.clock.sleep(PAUSE).await,
                result => return result,
            }
            tries += 1;
        }
    }
}
