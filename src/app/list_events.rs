//! List what happened to an account, newest first; also to one that is no longer there.

use super::{AppError, Gateway, canonical_name};
use crate::domain::{history::CredentialEvent, ids::ProviderName};

/// As many as a person reads.
const NEWEST: usize = 200;

impl Gateway {
    pub async fn list_events(&self, name: &str) -> Result<Vec<CredentialEvent>, AppError> {
        let unknown = || AppError::UnknownProvider(name.to_owned());
        let parsed = ProviderName::parse(canonical_name(name)).map_err(|_| unknown())?;
        let events = self.history.of(&parsed, NEWEST).await?;
        if events.is_empty() {
            // Says "unknown provider" if that is what it is.
            self.resolve(name, None).await?;
        }
        Ok(events)
    }
}
