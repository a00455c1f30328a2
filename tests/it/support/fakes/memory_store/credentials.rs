//! Connected accounts in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        credential::{NewSealedCredential, SealedCredential},
        ids::{Generation, ProviderName},
        provider_settings::ProviderSettings,
        time::Timestamp,
    },
    ports::{CredentialStore, ProfileChange, SaveOutcome, StoreError},
};

use super::MemoryStore;

#[async_trait]
impl CredentialStore for MemoryStore {
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
        let settings = before.map_or_else(ProviderSettings::default, |account| account.settings.clone());
        let account = SealedCredential {
            id: before.map_or_else(|| new.id.clone(), |account| account.id.clone()),
            name: new.name.clone(),
            provider_type: new.provider_type,
            display_name: new.display_name.clone().or_else(|| before?.display_name.clone()),
            api_base: new.api_base.clone(),
            enabled: true,
            login_id: new.login_id.clone(),
            generation: Generation::FIRST,
            access_token: new.access_token.clone(),
            refresh_token: new.refresh_token.clone(),
            facts: new.facts.clone(),
            settings: settings.with_facts(&new.facts),
            created_at: before.map_or(now, |account| account.created_at),
            updated_at: now,
        };
        let id = account.id.clone();
        tables.credentials.insert(account.name.clone(), account);
        Ok(SaveOutcome::Saved(id))
    }

    async fn change_profile(
        &self,
        name: &ProviderName,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let mut tables = self.tables_to("change an account").await?;
        let Some(account) = tables.credentials.get_mut(name) else { return Ok(None) };
        account.display_name = change.display_name.clone().or_else(|| account.display_name.clone());
        account.enabled = change.enabled.unwrap_or(account.enabled);
        account.updated_at = now;
        Ok(Some(account.clone()))
    }

    async fn remove(&self, name: &ProviderName) -> Result<Option<SealedCredential>, StoreError> {
        Ok(self.tables_to("remove an account").await?.credentials.remove(name))
    }
}
