//! One refresh from the lease to the commit, as a straight line: take the lease, present the token once, keep what comes
//! back. What each outcome means for the row is the domain's `step`; here is only the order of things.
//!
//! 1. The lease is durable before the token is sent.
//! 2. What comes back is in the journal before the database is asked.
//! 3. The commit is tried until the database answers; only then the journal forgets.

use std::{sync::Arc, time::Duration};

use super::{
    AppError, Gateway,
    single_flight::{RefreshOutcome, Role},
};
use crate::{
    domain::{
        account::AccountLabels,
        credential::SealedCredential,
        ids::ProviderName,
        provider::ProviderDefinition,
        refresh::{Cause, Effect, Failure, LeaseId, RefreshEvent, RefreshTrigger, Rotation, TokenVersion},
        token_response::TokenResponse,
    },
    ports::{Advanced, JournalRecord, StoreError},
};

/// Pauses between tries to commit: the first, and the longest.
const COMMIT_PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often a step that may be given up is tried, and the pause between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

impl Gateway {
    /// Joins the refresh of these tokens, or starts it; tells how it ends. Nobody's leaving cancels it.
    pub(super) fn refresh_tokens(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
        trigger: RefreshTrigger,
    ) -> impl Future<Output = RefreshOutcome> + Send + use<> {
        let follower = match self.single_flight.join(&definition.name, seen) {
            Role::Follower(follower) => follower,
            Role::Leader(leader, follower) => {
                let (gateway, definition, seen) = (Arc::clone(self), definition.clone(), seen.clone());
                self.tasks.start(async move {
                    let outcome = gateway.run_refresh(&definition, seen, trigger).await;
                    leader.finish(outcome);
                });
                follower
            }
        };
        follower.outcome()
    }

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
        match self.present(definition, seen, trigger).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(provider.name = %definition.name, error = %error, "a refresh could not be begun or recorded");
                RefreshOutcome::StoreDown
            }
        }
    }

    async fn present(
        &self,
        definition: &ProviderDefinition,
        seen: TokenVersion,
        trigger: RefreshTrigger,
    ) -> Result<RefreshOutcome, AppError> {
        let (name, policy) = (&definition.name, &definition.refresh);
        let lease = LeaseId::from_bytes(self.random_bytes()?);
        let asked_at = self.now();
        // Asked again after an error, with the same name: if the first one was granted, it is ours.
        let begin = RefreshEvent::Begin { seen: seen.clone(), lease: lease.clone(), trigger };
        let begun = self.try_to_advance(definition, &begin).await?;
        let credential = match (begun.effect, begun.credential) {
            (Effect::Send, Some(credential)) => credential,
            (effect, credential) => {
                self.adopt(name, &seen, credential)?;
                return Ok(if let Effect::Wait(until) = effect {
                    RefreshOutcome::Waiting(until)
                } else {
                    RefreshOutcome::Settled
                });
            }
        };
        let outcome = match self.vault.open_refresh_token(&credential) {
            // Too late to be sure of being the only one: the store took its time, or this process was paused.
            Ok(Some(_)) if asked_at.until(self.now()) > policy.latest_send() => {
                Err(Failure::NotConsumed { cause: Cause::HeldUp, retry_after: None })
            }
            Ok(Some(token)) => {
                tracing::debug!(provider.name = %name, version = %seen, "refresh token presented");
                self.present_token(definition, &credential, &token).await
            }
            Ok(None) => Err(Failure::NotConsumed { cause: Cause::DecryptionFailed, retry_after: None }),
            Err(error) => {
                tracing::error!(provider.name = %name, error = %error, "the stored refresh token cannot be opened");
                Err(Failure::NotConsumed { cause: Cause::DecryptionFailed, retry_after: None })
            }
        };
        match outcome {
            Ok(grant) => return Ok(self.keep(definition, &credential, grant).await),
            Err(failure) => {
                let spread = u16::from_be_bytes(self.random_bytes()?);
                let failed = RefreshEvent::Failed { seen: seen.clone(), lease, failure, spread };
                // If it cannot be written down, the lease runs out and leaves doubt, which is true.
                let noted = self.try_to_advance(definition, &failed).await?;
                self.adopt(name, &seen, noted.credential)?;
            }
        }
        Ok(RefreshOutcome::Settled)
    }

    /// Makes sure that what came back is not lost, whatever fails from here on.
    async fn keep(
        &self,
        definition: &ProviderDefinition,
        presented: &SealedCredential,
        grant: TokenResponse,
    ) -> RefreshOutcome {
        let mut metadata = grant.metadata(
            presented.metadata.auth_method,
            definition.provider_type,
            &presented.metadata.scopes,
            self.now(),
        );
        if grant.access_token.is_none() {
            // Nothing is known of the one that stays in force but what was.
            (metadata.obtained_at, metadata.expires_at) =
                (presented.metadata.obtained_at, presented.metadata.expires_at);
        }
        let same_account = is_same(&metadata.account, &presented.metadata.account);
        metadata.account = metadata.account.or(presented.metadata.account.clone());
        let rotation = loop {
            match self.vault.seal_rotation(presented, &grant, metadata.clone(), same_account) {
                Ok(rotation) => break rotation,
                Err(error) => {
                    tracing::error!(error = %error, "new tokens cannot be sealed; they are kept in memory");
                    self.clock.sleep(PAUSE).await;
                }
            }
        };
        drop(grant);
        let entry = JournalRecord { name: definition.name.clone(), rotation };
        let is_safe = match self.journal.put(&entry).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(provider.name = %entry.name, error = %error, "new tokens are kept in memory only");
                false
            }
        };
        self.commit(definition, entry, is_safe).await
    }

    /// Brings an entry of the journal into the database. Ends only when the database has said what became of it, or, if it
    /// `is_safe` in the journal, when the gateway stops: the next start goes on.
    pub(super) async fn commit(
        &self,
        definition: &ProviderDefinition,
        entry: JournalRecord,
        is_safe: bool,
    ) -> RefreshOutcome {
        let JournalRecord { name, rotation } = entry;
        let (seen, answered) = (rotation.seen.clone(), RefreshEvent::Answered(rotation));
        let (mut pause, longest) = COMMIT_PAUSES;
        let committed = loop {
            match self.advance(definition, &answered).await {
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
        match (committed.effect, &answered) {
            (Effect::Stored, _) => {}
            (Effect::Revoke, RefreshEvent::Answered(rotation)) => self.revoke_surplus(definition, rotation).await,
            _ => tracing::warn!(provider.name = %name, version = %seen, "surplus tokens thrown away"),
        }
        if let Err(error) = self.adopt(&name, &seen, committed.credential) {
            tracing::error!(provider.name = %name, error = %error, "tokens that were just stored cannot be opened");
        }
        if let Err(error) = self.journal.remove(&name, &seen).await {
            tracing::warn!(provider.name = %name, error = %error, "committed tokens stay in the journal");
        }
        RefreshOutcome::Settled
    }

    /// Nobody may use what came back after a logout, so the provider is told to forget it.
    async fn revoke_surplus(&self, definition: &ProviderDefinition, rotation: &Rotation) {
        let order = self.revocation_order(definition).ok().flatten();
        let (Some(order), Some(token)) = (order, rotation.refresh_token.clone()) else { return };
        let (name, login_id) = (definition.name.clone(), rotation.seen.login_id.clone());
        self.revoke_unstored(order.into_pending(name, definition.provider_type, login_id, token, self.now())).await;
    }

    /// One step of the protocol, told to whom it may concern.
    async fn advance(&self, definition: &ProviderDefinition, event: &RefreshEvent) -> Result<Advanced, StoreError> {
        let advanced = self.credentials.advance(&definition.name, event, &definition.refresh, self.now()).await?;
        advanced.events.iter().for_each(|event| self.tell(event));
        Ok(advanced)
    }

    /// A step that may be given up: if nobody takes it, the lease runs out.
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

    /// Takes over what the store says about an account.
    pub(super) fn adopt(
        &self,
        name: &ProviderName,
        seen: &TokenVersion,
        credential: Option<SealedCredential>,
    ) -> Result<(), AppError> {
        match credential {
            Some(credential) => self.make_known(&credential)?,
            None => self.registry.unregister(name, &seen.login_id),
        }
        Ok(())
    }
}

/// Whether new tokens are of the account that was refreshed, as far as both tell.
fn is_same(new: &AccountLabels, old: &AccountLabels) -> bool {
    let agree = |new: &Option<String>, old: &Option<String>| new.is_none() || old.is_none() || new == old;
    agree(&new.user_id, &old.user_id) && agree(&new.account_id, &old.account_id)
}
