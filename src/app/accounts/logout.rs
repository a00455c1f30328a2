//! Logs an account out: removes its tokens and asks the provider to revoke the refresh token.

use std::sync::Arc;

use super::Accounts;
use crate::{
    app::{AppError, Revocation, directory::Resolved},
    domain::ids::AccountName,
};

#[derive(Debug, Clone)]
pub struct LoggedOut {
    pub name: AccountName,
    /// Whether there was an account to remove.
    pub removed: bool,
    /// The result of revoking the refresh token.
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
        let definition = match self.directory.resolve(&name, None).await {
            Ok(Resolved { unreadable: Some(_), .. }) | Err(AppError::AccountUnreadable(_)) => {
                return self.remove_unreadable(name).await;
            }
            resolved => resolved?.definition,
        };
        // Cancel pending logins first. One that completes after the removal would connect the account again.
        self.logins.cancel_all(&definition.name).await?;
        let removed = self.tokens.remove(&definition).await?;
        let revocation = match &removed {
            Some((_, Some(queued))) => self.tokens.revoke_queued(queued).await,
            // No revocation was queued, because the stored token cannot be opened.
            Some((account, None)) if account.refresh_token.is_some() && definition.revoking_client().is_some() => {
                Revocation::Failed
            }
            Some((_, None)) | None => Revocation::NotApplicable,
        };
        let (name, removed) = (definition.name, removed.is_some());
        tracing::info!(provider.name = %name, removed, revocation = revocation.as_str(), "logged out");
        Ok(LoggedOut { name, removed, revocation })
    }

    async fn remove_unreadable(&self, name: AccountName) -> Result<LoggedOut, AppError> {
        self.logins.cancel_all(&name).await?;
        self.tokens.remove_unreadable(&name).await?;
        tracing::info!(provider.name = %name, "logged out of an account that could not be read");
        Ok(LoggedOut { name, removed: true, revocation: Revocation::Failed })
    }
}
