//! One refresh from the lease to the commit. The domain's `step` decides what each outcome means for the row; this file
//! keeps the order:
//!
//! 1. The lease is durable before the token is presented.
//! 2. The response is in the journal before the store is called.
//! 3. The commit is retried until the store responds; only then is the journal record removed.

use std::{sync::Arc, time::Duration};

use super::{
    RefreshOutcome, Tokens,
    single_flight::{Follower, Role},
};
use crate::{
    app::AppError,
    domain::{
        account::AccountLabels,
        credential::SealedCredential,
        provider::ProviderDefinition,
        refresh::{Cause, Effect, Failure, LeaseId, RefreshEvent, RefreshTrigger, TokenVersion},
        token_response::TokenResponse,
    },
    ports::{Advanced, JournalRecord, StoreError},
};

/// Pauses between tries to commit: the first and the longest.
const COMMIT_PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Tries of a step that may be given up, and the pause between them.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

impl Tokens {
    /// Joins the refresh of these tokens or starts it, and returns its outcome. It goes on if the caller disconnects.
    pub(in crate::app) fn refresh(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
        trigger: RefreshTrigger,
    ) -> impl Future<Output = RefreshOutcome> + Send + use<> {
        let follower = match self.single_flight.join(&definition.name, seen) {
            Role::Follower(follower) => follower,
            Role::Leader(leader, follower) => {
                let (tokens, definition, seen) = (Arc::clone(self), definition.clone(), seen.clone());
                self.tasks.start(async move {
                    let outcome = tokens.run_refresh(&definition, seen, trigger).await;
                    leader.finish(outcome);
                });
                follower
            }
        };
        Follower::outcome(follower)
    }

    #[tracing::instrument(name = "tokens.refresh", skip_all, fields(provider.name = %definition.name))]
    async fn run_refresh(
        &self,
        definition: &ProviderDefinition,
        seen: TokenVersion,
        trigger: RefreshTrigger,
    ) -> RefreshOutcome {
        if trigger != RefreshTrigger::Consented
            && let Some(until) = self.breaker_open_until(definition)
        {
            return RefreshOutcome::Waiting(until);
        }
        self.acquire_and_present(definition, seen, trigger).await.unwrap_or_else(|error| {
            tracing::warn!(provider.name = %definition.name, error = %error, "a refresh could not be begun or recorded");
            RefreshOutcome::StoreDown
        })
    }

    async fn acquire_and_present(
        &self,
        definition: &ProviderDefinition,
        seen: TokenVersion,
        trigger: RefreshTrigger,
    ) -> Result<RefreshOutcome, AppError> {
        let name = &definition.name;
        let lease = LeaseId::from_bytes(self.random_bytes()?);
        let asked_at = self.now();
        // A retry uses the same lease id, so a lease granted by a failed try belongs to this refresh.
        let begin = RefreshEvent::Begin { seen: seen.clone(), lease: lease.clone(), trigger };
        let begun = self.try_to_advance(definition, &begin).await?;
        let credential = match (begun.effect, begun.credential) {
            (Effect::Send, Some(credential)) => credential,
            (effect, credential) => {
                self.adopt(name, &seen.login_id, credential)?;
                return Ok(if let Effect::Wait(until) = effect {
                    RefreshOutcome::Waiting(until)
                } else {
                    RefreshOutcome::Settled
                });
            }
        };
        let is_late = asked_at.until(self.now()) > definition.refresh.latest_send();
        match self.open_and_present(definition, &credential, is_late).await {
            Ok(response) => return Ok(self.keep(definition, &credential, response).await),
            Err(failure) => {
                let spread = u16::from_be_bytes(self.random_bytes()?);
                let failed = RefreshEvent::Failed { seen: seen.clone(), lease, failure, spread };
                // If this cannot be recorded, the lease lapses and the row is in doubt, which is correct.
                let noted = self.try_to_advance(definition, &failed).await?;
                self.adopt(name, &seen.login_id, noted.credential)?;
            }
        }
        Ok(RefreshOutcome::Settled)
    }

    async fn open_and_present(
        &self,
        definition: &ProviderDefinition,
        credential: &SealedCredential,
        is_late: bool,
    ) -> Result<TokenResponse, Failure> {
        let not_sent = |cause| Failure::NotConsumed { cause, retry_after: None };
        let name = &definition.name;
        match self.vault.open_refresh_token(credential) {
            // The store was slow or this process was paused: another replica may treat the lease as lapsed.
            Ok(Some(_)) if is_late => Err(not_sent(Cause::HeldUp)),
            Ok(Some(token)) => {
                tracing::debug!(provider.name = %name, version = %credential.refresh.version, "refresh token presented");
                self.present(definition, credential, &token).await
            }
            Ok(None) => Err(not_sent(Cause::DecryptionFailed)),
            Err(error) => {
                tracing::error!(provider.name = %name, error = %error, "the stored refresh token cannot be opened");
                Err(not_sent(Cause::DecryptionFailed))
            }
        }
    }

    /// Seals a response, journals it and commits it.
    async fn keep(
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
        let same_account = is_same(&metadata.account, &known.account);
        metadata.account = metadata.account.or(known.account.clone());
        let rotation = loop {
            match self.vault.seal_rotation(presented, &response, metadata.clone(), same_account) {
                Ok(rotation) => break rotation,
                Err(error) => {
                    tracing::error!(error = %error, "new tokens cannot be sealed; they are kept in memory");
                    self.clock.sleep(PAUSE).await;
                }
            }
        };
        drop(response);
        let record = JournalRecord { name: definition.name.clone(), rotation };
        let journaled = self.journal.put(&record).await;
        if let Err(error) = &journaled {
            tracing::error!(provider.name = %record.name, error = %error, "new tokens are kept in memory only");
        }
        self.commit(definition, record, journaled.is_ok()).await
    }

    /// Commits a journal record. Retries until the store responds, or until the gateway stops if the record `is_safe`
    /// in the journal: the next start commits it then.
    pub(super) async fn commit(
        &self,
        definition: &ProviderDefinition,
        record: JournalRecord,
        is_safe: bool,
    ) -> RefreshOutcome {
        let JournalRecord { name, rotation } = record;
        let (seen, succeeded) = (rotation.seen.clone(), RefreshEvent::Succeeded(rotation));
        let (mut pause, longest) = COMMIT_PAUSES;
        let committed = loop {
            match self.advance(definition, &succeeded).await {
                Ok(committed) => break committed,
                Err(error) => {
                    tracing::warn!(provider.name = %name, error = %error, "new tokens wait for the database");
                    if is_safe && self.tasks.stopping().is_cancelled() {
                        return RefreshOutcome::StoreDown;
                    }
                }
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(longest);
        };
        match (committed.effect, &succeeded) {
            (Effect::Stored, _) => {}
            (Effect::Revoke, RefreshEvent::Succeeded(rotation)) => {
                self.revoke_surplus(definition, &seen.next(), rotation.refresh_token.as_ref()).await;
            }
            _ => tracing::warn!(provider.name = %name, version = %seen, "surplus tokens discarded"),
        }
        if let Err(error) = self.adopt(&name, &seen.login_id, committed.credential) {
            tracing::error!(provider.name = %name, error = %error, "tokens that were just stored cannot be opened");
        }
        if let Err(error) = self.journal.remove(&name, &seen).await {
            tracing::warn!(provider.name = %name, error = %error, "committed tokens stay in the journal");
        }
        RefreshOutcome::Settled
    }

    /// Applies one step of the protocol and emits its events.
    async fn advance(&self, definition: &ProviderDefinition, event: &RefreshEvent) -> Result<Advanced, StoreError> {
        let advanced = self.store.advance(&definition.name, event, &definition.refresh, self.now()).await?;
        advanced.events.iter().for_each(|event| self.events.emit(event));
        Ok(advanced)
    }

    /// Applies a step that may be given up: if it is, the lease lapses.
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

/// Whether new tokens belong to the refreshed account: no label that both have differs.
fn is_same(new: &AccountLabels, old: &AccountLabels) -> bool {
    let agree = |new: &Option<String>, old: &Option<String>| new.is_none() || old.is_none() || new == old;
    agree(&new.user_id, &old.user_id) && agree(&new.account_id, &old.account_id)
}
