//! Connected accounts in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        credential::{NewSealedCredential, SealedCredential},
        history::{EventKind, Revision},
        ids::ProviderName,
        provider_settings::ProviderSettings,
        refresh::{Effect, RefreshEvent, RefreshPolicy, RefreshState, step},
        revocation::RevocationOrder,
        time::Timestamp,
    },
    ports::{Advanced, ProfileChange, SaveOutcome, StoreError, TokenStore},
};

use super::MemoryStore;

#[async_trait]
impl TokenStore for MemoryStore {
    async fn load(&self, name: &ProviderName) -> Result<Option<SealedCredential>, StoreError> {
        Ok(self.tables_to("load an account").await?.credentials.get(name).cloned())
    }

    async fn list(&self) -> Result<Vec<SealedCredential>, StoreError> {
        Ok(self.tables_to("list the accounts").await?.credentials.values().cloned().collect())
    }

    async fn save_login(&self, new: &NewSealedCredential, now: Timestamp) -> Result<SaveOutcome, StoreError> {
        let _ = self.saves_hang.subscribe().wait_for(|hang| !hang).await;
        let mut tables = self.tables_to("save a login").await?;
        let before = tables.credentials.get(&new.name);
        if let Some(other) = before.filter(|account| account.provider_type != new.provider_type) {
            return Ok(SaveOutcome::TypeConflict(other.provider_type));
        }
        if let Some(outcome) = tables.complete(&new.login_id, now) {
            return Ok(SaveOutcome::LoginOver(outcome));
        }
        let before = tables.credentials.get(&new.name).cloned();
        let before = before.as_ref();
        tables.queue(new.superseded.as_ref(), before, now);
        let settings = before.map_or_else(ProviderSettings::default, |account| account.settings.clone());
        let account = SealedCredential {
            id: before.map_or_else(|| new.id.clone(), |account| account.id.clone()),
            name: new.name.clone(),
            provider_type: new.provider_type,
            display_name: new.display_name.clone().or_else(|| before?.display_name.clone()),
            api_base: new.api_base.clone(),
            enabled: true,
            refresh: RefreshState::signed_in(
                new.login_id.clone(),
                new.refresh_token.is_some(),
                new.metadata.obtained_at,
                new.metadata.expires_at,
            ),
            revision: Revision::default(),
            access_token: new.access_token.clone(),
            refresh_token: new.refresh_token.clone(),
            metadata: new.metadata.clone(),
            settings: settings.with_metadata(&new.metadata),
            created_at: before.map_or(now, |account| account.created_at),
            updated_at: now,
        };
        let saved = tables.put(account, EventKind::SignedIn, now);
        Ok(SaveOutcome::Saved(Box::new(saved)))
    }

    async fn change_profile(
        &self,
        name: &ProviderName,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let mut tables = self.tables_to("change an account").await?;
        let Some(mut account) = tables.credentials.get(name).cloned() else { return Ok(None) };
        account.display_name = change.display_name.clone().or(account.display_name);
        account.enabled = change.enabled.unwrap_or(account.enabled);
        account.updated_at = now;
        Ok(Some(tables.put(account, EventKind::Changed, now)))
    }

    async fn advance(
        &self,
        name: &ProviderName,
        event: &RefreshEvent,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        let mut tables = self.tables_to("refresh an account").await?;
        let account = tables.credentials.get(name).cloned();
        let stepped = step(account.as_ref().map(|account| &account.refresh), event, policy, now);
        let (Some(mut account), Some(after)) = (account, stepped.row) else {
            return Ok(Advanced { effect: stepped.effect, credential: None, events: Vec::new() });
        };
        if let (RefreshEvent::Answered(rotation), Effect::Stored) = (event, stepped.effect) {
            account.access_token = rotation.access_token.clone();
            account.refresh_token = rotation.refresh_token.clone().or(account.refresh_token);
            account.settings = account.settings.with_metadata(&rotation.metadata);
            account.metadata = rotation.metadata.clone();
            account.updated_at = now;
        }
        let (first, then) = (account.refresh.clone(), account.refresh.clone().at(now));
        let seen = tables.recorded;
        for (from, to) in [(&first, &then), (&then, &after)] {
            account.refresh = to.clone();
            if let Some(kind) = EventKind::between(from, to) {
                account.updated_at = now;
                account = tables.put(account, kind, now);
            }
        }
        tables.credentials.insert(name.clone(), account.clone());
        let events = tables.events.iter().filter(|event| event.revision.0 > seen).cloned().collect();
        Ok(Advanced { effect: stepped.effect, credential: Some(account), events })
    }

    async fn remove(
        &self,
        name: &ProviderName,
        revocation: Option<&RevocationOrder>,
        now: Timestamp,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let mut tables = self.tables_to("remove an account").await?;
        let Some(account) = tables.credentials.remove(name) else { return Ok(None) };
        tables.queue(revocation, Some(&account), now);
        tables.record(&account, EventKind::SignedOut, now);
        Ok(Some(account))
    }
}
