//! Bring in what an earlier process received and could not store: before anything else is refreshed.

use super::{AppError, Gateway};

impl Gateway {
    /// Ends when the database has said what became of every entry. An journal that cannot be read is an error only for its
    /// reader: the gateway starts without it.
    pub(super) async fn replay_journal(&self) -> Result<(), AppError> {
        let entries = match self.journal.list().await {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(error = %error, "the journal cannot be read; tokens in it are not lost");
                return Ok(());
            }
        };
        for entry in entries {
            let provider_type = self.credentials.load(&entry.name).await?.map(|found| found.provider_type);
            // Without an account nothing is stored; whom to tell is known by the name alone.
            let definition = match provider_type {
                Some(provider_type) => self.definition_of(&entry.name, provider_type),
                None => self.catalog.get(&entry.name).cloned(),
            };
            let Some(definition) = definition else { continue };
            tracing::info!(provider.name = %entry.name, "tokens found in the journal");
            self.commit(&definition, entry, true).await;
        }
        Ok(())
    }
}
