//! Renames a connected account, or switches it on and off.

use std::sync::Arc;

use super::{AccountView, Accounts};
use crate::{
    app::{AppError, directory::Resolved},
    domain::ids::{AccountName, DisplayName},
    ports::ProfileChange,
};

impl Accounts {
    /// Applies a change and returns the changed account.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::NotConnected`], [`AppError::InvalidDisplayName`],
    /// [`AppError::Store`], and [`AppError::DisabledByConfiguration`] if the change would switch on an account that the
    /// configuration switches off.
    #[tracing::instrument(name = "accounts.update", skip_all, fields(provider.name = %name))]
    pub async fn update(self: &Arc<Self>, name: AccountName, change: ProfileChange) -> Result<AccountView, AppError> {
        self.tasks.run(Arc::clone(self).change_profile(name, change)).await
    }

    async fn change_profile(
        self: Arc<Self>,
        name: AccountName,
        change: ProfileChange,
    ) -> Result<AccountView, AppError> {
        let Resolved { definition, unreadable, .. } = self.directory.resolve(&name, None).await?;
        if let Some(unreadable) = unreadable {
            return Err(unreadable.into());
        }
        if change.enabled == Some(true) {
            self.directory.check_enabled(&definition)?;
        }
        let display_name = change.display_name.as_deref().map(DisplayName::parse).transpose()?;
        let change = ProfileChange { display_name: display_name.map(DisplayName::into_string), ..change };
        let changed = self.tokens.change_profile(&definition.name, &change).await?;
        let Some(credential) = changed else { return Err(AppError::NotConnected(definition.name)) };
        let other_names = self.tokens.registry().other_names(&definition.name);
        Ok(self.view(definition, Some(credential), other_names))
    }
}
