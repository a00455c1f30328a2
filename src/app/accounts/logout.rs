//! Logs out: removes both tokens, asks the provider to revoke the refresh token, and reports the result.

use std::sync::Arc;

use super::Accounts;
use crate::{
    app::{AppError, Revocation},
    domain::ids::AccountName,
};

#[derive(Debug, Clone)]
pub struct LoggedOut {
    pub name: AccountName,
    /// Whether there was an account to remove.
    pub removed: bool,
    /// The result of the revocation at the provider.
    pub revocation: Revocation,
}

impl Accounts {
    /// Removes the account's tokens, even if their revocation fails. Idempotent.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::Store`].
    #[tracing::instrument(name = "accounts.logout", skip_all, fields(provider.name = %name))]
    pub async fn logout(self: &Arc<Self>, name: AccountName) -> Result<LoggedOut, AppError> {
        self.tasks.run(Arc::clone(self).remove(name)).await
    }

    async fn remove(self: Arc<Self>, name: AccountName) -> Result<LoggedOut, AppError> {
        let definition = self.directory.resolve(&name, None).await?.definition;
        let order = self.tokens.revocation_order(&definition)?;
        let name = definition.name;
        // Pending logins first: a login that is saved after the removal would connect the account again.
        self.logins.cancel_all(&name).await?;
        let removed = self.tokens.remove(&name, order.as_ref()).await?;
        let had_token = removed.as_ref().is_some_and(|credential| credential.refresh_token.is_some());
        let revocation = match order {
            Some(order) if had_token => self.tokens.revoke_queued(&order.id).await,
            _ => Revocation::NotApplicable,
        };
        tracing::info!(provider.name = %name, removed = removed.is_some(), revocation = revocation.as_str(), "logged out");
        Ok(LoggedOut { name, removed: removed.is_some(), revocation })
    }
}
