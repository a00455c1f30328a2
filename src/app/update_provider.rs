//! Rename a connected account for people, or switch it on and off.

use std::sync::Arc;

use super::{AppError, Gateway, ProviderView, list_providers::view};
use crate::{domain::ids::DisplayName, ports::ProfileChange};

impl Gateway {
    pub async fn update_provider(
        self: &Arc<Self>,
        name: String,
        change: ProfileChange,
    ) -> Result<ProviderView, AppError> {
        let gateway = Arc::clone(self);
        self.tasks.run(async move { gateway.update(&name, change).await }).await
    }

    async fn update(&self, name: &str, change: ProfileChange) -> Result<ProviderView, AppError> {
        let definition = self.resolve(name, None).await?.definition;
        if change.enabled == Some(true) && !definition.enabled {
            return Err(AppError::DisabledByConfiguration(definition.name));
        }
        let display_name = change.display_name.as_deref().map(DisplayName::parse).transpose()?;
        let change = ProfileChange { display_name: display_name.map(DisplayName::into_string), ..change };
        let now = self.now();
        let changed = self.credentials.change_profile(&definition.name, &change, now).await?;
        let Some(credential) = changed else { return Err(AppError::NotConnected(definition.name)) };
        self.make_known(&credential)?;
        Ok(view(definition, Some(credential), now))
    }
}
