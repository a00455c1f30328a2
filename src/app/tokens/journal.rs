//! Replays the token journal at the start: commits what an earlier process received and could not store.

use super::Tokens;
use crate::app::AppError;

impl Tokens {
    /// Commits every journal record. A journal that cannot be read is logged, and the gateway starts without it.
    pub(in crate::app) async fn replay_journal(&self) -> Result<(), AppError> {
        let records = match self.journal.list().await {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(error = %error, "the token journal cannot be read; the tokens in it are not lost");
                return Ok(());
            }
        };
        for mut record in records {
            let provider_type = self.store.load(&record.name).await?.map(|found| found.provider_type);
            // The account was removed: its tokens are revoked at the provider that the name configures.
            let definition = match provider_type {
                Some(provider_type) => self.directory.definition_of(&record.name, provider_type),
                None => self.directory.catalog.get(&record.name).cloned(),
            };
            let Some(definition) = definition else { continue };
            tracing::info!(provider.name = %record.name, "tokens found in the journal");
            match self.vault.reseal_rotation(&record.name, definition.provider_type, &record.rotation) {
                Ok(Some(rotation)) => record.rotation = rotation,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(provider.name = %record.name, error = %error, "a journal record does not open; it stays");
                    continue;
                }
            }
            self.commit(&definition, record, true).await;
        }
        Ok(())
    }
}
