//! Cancels the pending or unconfirmed login of a principal, or all logins of an account at a logout.

use std::sync::Arc;

use super::Logins;
use crate::{
    app::AppError,
    domain::{
        ids::{AccountName, Principal},
        login_outcome::LoginOutcome,
    },
};

impl Logins {
    /// Cancels the pending or unconfirmed login of this principal for the account. Returns false if there is none.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::Store`].
    #[tracing::instrument(name = "logins.cancel", skip_all, fields(provider.name = %name))]
    pub async fn cancel(self: &Arc<Self>, name: AccountName, principal: Principal) -> Result<bool, AppError> {
        self.tasks.run(Arc::clone(self).cancel_pending(name, principal)).await
    }

    async fn cancel_pending(self: Arc<Self>, name: AccountName, principal: Principal) -> Result<bool, AppError> {
        let latest = self.store.latest(&name, &principal).await?;
        if let Some(unconfirmed) = latest.as_ref().filter(|login| login.confirm_until(self.now()).is_some()) {
            // Cancelling an unconfirmed login revokes its tokens.
            self.decline(unconfirmed, LoginOutcome::Cancelled).await?;
            self.notify_changed();
            return Ok(true);
        }
        let Some(login) = latest.filter(|login| login.is_open(self.now())) else {
            self.directory.check_known(&name).await?;
            return Ok(false);
        };
        let cancelled = self.store.end(&login.session.id, LoginOutcome::Cancelled, None, &self.author()).await?;
        self.notify_changed();
        // False if a callback has claimed the login meanwhile.
        if cancelled {
            tracing::info!(provider.name = %login.session.name, login.id = %login.session.id, "login cancelled");
        }
        Ok(cancelled)
    }

    /// Cancels all logins of an account that have not ended, of all principals.
    pub(in crate::app) async fn cancel_all(&self, name: &AccountName) -> Result<(), AppError> {
        self.decline_all(name).await?;
        if self.store.cancel_all(name, &self.author()).await? > 0 {
            self.notify_changed();
        }
        Ok(())
    }
}
