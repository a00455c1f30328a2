//! Cancel a login that waits for its callback. Only who started it may.

use std::sync::Arc;

use super::{AppError, Gateway, canonical_name};
use crate::domain::{
    ids::{Principal, ProviderName},
    login_outcome::LoginOutcome,
};

impl Gateway {
    /// True if a login was cancelled, false if none was pending.
    pub async fn cancel_login(self: &Arc<Self>, name: String, principal: Principal) -> Result<bool, AppError> {
        let gateway = Arc::clone(self);
        self.tasks.run(async move { gateway.cancel(&name, &principal).await }).await
    }

    async fn cancel(&self, name: &str, principal: &Principal) -> Result<bool, AppError> {
        let pending = match ProviderName::parse(canonical_name(name)) {
            Ok(name) => self.logins.latest(&name, principal).await?.filter(|login| login.is_open(self.now())),
            Err(_) => None,
        };
        let Some(login) = pending else {
            // Says "unknown provider" if that is what it is.
            self.resolve(name, None).await?;
            return Ok(false);
        };
        let cancelled = self.logins.end(&login.session.id, LoginOutcome::Cancelled, self.now()).await?;
        self.logins_changed();
        tracing::info!(provider.name = %login.session.name, login.id = %login.session.id, "login cancelled");
        Ok(cancelled)
    }
}
