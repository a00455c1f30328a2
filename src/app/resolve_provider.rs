//! From the name in a request to the provider it means and the credential it has, if any.

use super::{AppError, Gateway, canonical_name};
use crate::domain::{
    credential::SealedCredential,
    ids::ProviderName,
    provider::{ProviderDefinition, ProviderType},
};

/// An account as a use case needs it.
pub(super) struct Resolved {
    pub(super) definition: ProviderDefinition,
    pub(super) credential: Option<SealedCredential>,
}

impl Gateway {
    /// Finds the account called `name` (or the seed's alias for it). A name that is neither configured nor stored is
    /// known only if `new_type` says what it would be.
    pub(super) async fn resolve(&self, name: &str, new_type: Option<&str>) -> Result<Resolved, AppError> {
        let unknown = || AppError::UnknownProvider(name.to_owned());
        let parsed = match ProviderName::parse(canonical_name(name)) {
            Ok(parsed) => parsed,
            // Asking for a provider that cannot exist is asking for one that does not; naming a new one badly is not.
            Err(bad) if new_type.is_some() => return Err(bad.into()),
            Err(_) => return Err(unknown()),
        };
        let new_type = new_type
            .map(|text| {
                ProviderType::parse(canonical_name(text)).ok_or_else(|| AppError::UnknownProviderType(text.to_owned()))
            })
            .transpose()?;
        let credential = self.credentials.load(&parsed).await?;
        let stored_type = credential.as_ref().map(|credential| credential.provider_type);
        let definition = match self.catalog.get(&parsed) {
            Some(configured) => Some(configured.clone()),
            None => {
                stored_type.or(new_type).and_then(|provider_type| self.catalog.like_built_in(&parsed, provider_type))
            }
        };
        let definition = definition.ok_or_else(unknown)?;
        let existing = stored_type.unwrap_or(definition.provider_type);
        if existing != definition.provider_type || new_type.is_some_and(|wanted| wanted != existing) {
            return Err(AppError::TypeConflict { name: parsed, existing });
        }
        Ok(Resolved { definition, credential })
    }
}
