//! Connect an account with a secret its owner hands in: an API key or a session token. The provider is asked first.

use std::sync::Arc;

use secrecy::SecretString;

use super::{AppError, Connected, Gateway};
use crate::domain::{
    credential::NewCredential,
    ids::{DisplayName, LoginId},
    provider::AuthMethod,
    secret::{AccessToken, RefreshToken},
    token_response::pasted_metadata,
};

#[derive(Debug, Clone)]
pub struct PastedSecret {
    /// What it is said to be.
    pub method: AuthMethod,
    pub secret: SecretString,
    /// The cookie that refreshes a session token, if its owner hands it in.
    pub client_cookie: Option<SecretString>,
    pub display_name: Option<String>,
    /// What a name that is not built in is to be.
    pub provider_type: Option<String>,
    /// Save it without asking the provider whether it takes it.
    pub unchecked: bool,
}

impl Gateway {
    pub async fn register_secret(self: &Arc<Self>, name: String, pasted: PastedSecret) -> Result<Connected, AppError> {
        let gateway = Arc::clone(self);
        self.tasks.run(async move { gateway.register(&name, pasted).await }).await
    }

    async fn register(self: &Arc<Self>, name: &str, pasted: PastedSecret) -> Result<Connected, AppError> {
        let definition = self.resolve(name, pasted.provider_type.as_deref()).await?.definition;
        if !definition.enabled {
            return Err(AppError::DisabledByConfiguration(definition.name));
        }
        if definition.descriptor().pasted != Some(pasted.method) {
            let method = definition.descriptor().pasted.unwrap_or(AuthMethod::OAuth);
            return Err(AppError::AuthMethodMismatch { name: definition.name, method });
        }
        let display_name = pasted.display_name.as_deref().map(DisplayName::parse).transpose()?;
        let access_token = AccessToken::from_pasted(&pasted.secret)?;
        let cookie = pasted.client_cookie.as_ref().map(RefreshToken::from_pasted_cookie).transpose()?;
        let metadata =
            pasted_metadata(definition.provider_type, pasted.method, &access_token, cookie.is_some(), self.now())?;
        match &cookie {
            _ if pasted.unchecked => {}
            // The token may be over already: what the cookie opens is what counts.
            Some(cookie) => self.check_cookie(&definition, &access_token, cookie).await?,
            None => self.check_access(&definition, pasted.method, &access_token).await?,
        }
        let login_id = LoginId::from_bytes(self.random_bytes()?);
        let connected = self
            .save_credential(
                NewCredential {
                    name: definition.name.clone(),
                    provider_type: definition.provider_type,
                    display_name: display_name.map(DisplayName::into_string),
                    api_base: definition.api_base.clone(),
                    login_id,
                    access_token,
                    refresh_token: cookie,
                    metadata,
                },
                &definition,
            )
            .await?;
        tracing::info!(provider.name = %connected.name, method = pasted.method.as_str(), unchecked = pasted.unchecked, "secret registered");
        Ok(connected)
    }
}
