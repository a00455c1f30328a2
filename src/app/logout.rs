//! Log out: forget both tokens, then ask the provider to forget them too, and report which of it happened.

use std::sync::Arc;

use super::{AppError, Gateway};
use crate::domain::{credential::SealedCredential, ids::ProviderName, oauth_client::OAuthClient};

/// What became of the tokens at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The provider confirmed that they are revoked.
    Revoked,
    /// It did not: they live there until they expire, though nobody holds them any more.
    Failed,
    /// There was nothing that this provider can revoke.
    NotApplicable,
}

impl Revocation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }
}

#[derive(Debug, Clone)]
pub struct LoggedOut {
    pub name: ProviderName,
    /// Whether there was anything to remove.
    pub removed: bool,
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
        let name = definition.name;
        let removed = self.credentials.remove(&name, self.now()).await?;
        if let Some(credential) = &removed {
            self.registry.unregister(&name, credential.login_id());
        }
        // A login that is still waiting would sign the account in again behind its owner's back.
        if self.logins.cancel_pending(&name, self.now()).await? > 0 {
            self.desk.logins_changed();
        }
        let revocation = match (&removed, &definition.oauth) {
            (Some(credential), Some(client)) => self.revoke(credential, client).await,
            _ => Revocation::NotApplicable,
        };
        tracing::info!(provider.name = %name, removed = removed.is_some(), revocation = revocation.as_str(), "logged out");
        Ok(LoggedOut { name, removed: removed.is_some(), revocation })
    }

    async fn revoke(&self, credential: &SealedCredential, client: &OAuthClient) -> Revocation {
        if client.revoke_url.is_none() {
            return Revocation::NotApplicable;
        }
        let token = match self.vault.open_refresh_token(credential) {
            Ok(Some(token)) => token,
            Ok(None) => return Revocation::NotApplicable,
            Err(error) => {
                tracing::warn!(provider.name = %credential.name, error = %error, "a token that does not open was removed unrevoked");
                return Revocation::Failed;
            }
        };
        match self.oauth.revoke(client, &token).await {
            Ok(()) => Revocation::Revoked,
            Err(error) => {
                tracing::warn!(provider.name = %credential.name, error = %error, "the provider did not confirm the revocation");
                Revocation::Failed
            }
        }
    }
}
