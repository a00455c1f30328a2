//! Connects an account with an API key or a session token that its owner pastes, after a check with the provider.

use std::sync::Arc;

use secrecy::SecretString;

use super::Accounts;
use crate::{
    app::{AppError, Connected, random_bytes},
    domain::{
        confirmation::Replaces,
        credential::NewCredential,
        ids::{AccountName, DisplayName, LoginId},
        provider::{AuthMethod, ProviderType},
        secret::{AccessToken, RefreshToken},
        token_response::pasted_metadata,
    },
};

#[derive(Debug, Clone)]
pub struct PastedSecret {
    /// The kind of secret.
    pub method: AuthMethod,
    pub secret: SecretString,
    /// The cookie that refreshes a session token, if there is one.
    pub client_cookie: Option<SecretString>,
    pub display_name: Option<String>,
    /// The provider type of a name that is neither configured nor stored.
    pub provider_type: Option<ProviderType>,
    /// Save the secret without asking the provider whether it accepts it.
    pub unchecked: bool,
}

impl Accounts {
    /// Checks a secret with the provider and saves it.
    ///
    /// # Errors
    /// [`AppError::InvalidSecret`], [`AppError::ExpiredSecret`], [`AppError::SecretRefused`], [`AppError::NotChecked`]
    /// if the check failed, [`AppError::AuthMethodMismatch`], [`AppError::DisabledByConfiguration`],
    /// [`AppError::UnknownProvider`], [`AppError::TypeConflict`], [`AppError::Store`]. With each of them nothing is
    /// saved.
    #[tracing::instrument(name = "accounts.register_secret", skip_all, fields(provider.name = %name))]
    pub async fn register_secret(
        self: &Arc<Self>,
        name: AccountName,
        pasted: PastedSecret,
    ) -> Result<Connected, AppError> {
        self.tasks.run(Arc::clone(self).check_and_save(name, pasted)).await
    }

    async fn check_and_save(self: Arc<Self>, name: AccountName, pasted: PastedSecret) -> Result<Connected, AppError> {
        let definition = self.directory.resolve(&name, pasted.provider_type).await?.definition;
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
            // The session token may have expired, so only the cookie is checked.
            Some(cookie) => self.check_cookie(&definition, &access_token, cookie).await?,
            None => self.check_access(&definition, pasted.method, &access_token).await?,
        }
        let credential = NewCredential {
            name: definition.name.clone(),
            provider_type: definition.provider_type,
            display_name: display_name.map(DisplayName::into_string),
            api_base: definition.api_base.clone(),
            login_id: LoginId::from_bytes(random_bytes(self.random.as_ref())?),
            access_token,
            refresh_token: cookie,
            metadata,
            replaces: Replaces::Any,
        };
        let connected = self.tokens.save(credential, &definition).await?;
        tracing::info!(provider.name = %connected.name, method = pasted.method.as_str(), unchecked = pasted.unchecked,
            "secret saved");
        Ok(connected)
    }
}
