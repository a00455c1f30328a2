//! Log out: forget both tokens, then ask the provider to forget them too, and report which of it happened.

use std::sync::Arc;

use super::{AppError, Gateway, Revocation};
use crate::domain::ids::ProviderName;

#[derive(Debug, Clone)]
pub struct LoggedOut {
    pub name: ProviderName,
    /// Whether there was anything to remove.
    pub removed: bool,
    /// What became of its refresh token at the provider.
    pub revocation: Revocation,
}

impl Gateway {
    /// Removes the account's tokens, whatever the provider says to their revocation. Idempotent.
    pub async fn logout(self: &Arc<Self>, name: String) -> Result<LoggedOut, AppError> {
        let gateway = Arc::clone(self);
        self.tasks.run(async move { gateway.log_out(&name).await }).await
    }

    async fn log_out(&self, name: &str) -> Result<LoggedOut, AppError> {
        let definition = self.resolve(name, None).await?.definition;
        let order = self.revocation_order(&definition)?;
        let name = definition.name;
        // First, whatever is under way: a login that is saved after this would sign the account in again behind its owner's
        // back, and one that is saved before it is removed with the rest.
        if self.logins.cancel_all(&name, self.now()).await? > 0 {
            self.logins_changed();
        }
        let removed = self.credentials.remove(&name, order.as_ref(), self.now()).await?;
        if let Some(credential) = &removed {
            self.registry.unregister(&name, credential.login_id());
        }
        let had_token = removed.as_ref().is_some_and(|credential| credential.refresh_token.is_some());
        let revocation = match order {
            Some(order) if had_token => self.revoke_queued(&order.id).await,
            _ => Revocation::NotApplicable,
        };
        tracing::info!(provider.name = %name, removed = removed.is_some(), revocation = revocation.as_str(), "logged out");
        Ok(LoggedOut { name, removed: removed.is_some(), revocation })
    }
}
