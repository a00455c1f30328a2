//! Connects an account with a pasted API key, session token or client cookie, after a check with the provider.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use super::Accounts;
use crate::{
    app::{AppError, Connected, actor, directory::Resolved, random_bytes},
    domain::{
        confirmation::Replaces,
        credential::{NewCredential, SealedCredential},
        ids::{AccountName, DisplayName, LoginId},
        provider::{AuthMethod, ProviderDefinition, ProviderType},
        secret::{AccessToken, RefreshToken},
        token_response::pasted_metadata,
    },
};

/// Pauses between attempts while the database fails: the shortest and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

#[derive(Debug, Clone)]
pub struct PastedSecret {
    pub secret: Secret,
    pub display_name: Option<String>,
    /// Required for a name that is neither configured nor stored.
    pub provider_type: Option<ProviderType>,
    /// Saves the secret without a check with the provider.
    pub unchecked: bool,
}

/// A secret as it was pasted.
#[derive(Debug, Clone)]
pub enum Secret {
    ApiKey(SecretString),
    SessionToken(SecretString),
    /// The cookie that refreshes a session token, and the current token if there is one.
    ClientCookie {
        cookie: SecretString,
        session_token: Option<SecretString>,
    },
}

/// The parsed secrets of an account before it is saved.
pub(super) struct ParsedSecrets {
    /// None if only a cookie was pasted. A refresh with the cookie gets the token.
    pub(super) access_token: Option<AccessToken>,
    pub(super) cookie: Option<RefreshToken>,
    /// Whether the provider replaced the cookie during the check.
    pub(super) cookie_rotates: bool,
}

impl Secret {
    fn method(&self) -> AuthMethod {
        match self {
            Self::ApiKey(_) => AuthMethod::ApiKey,
            Self::SessionToken(_) | Self::ClientCookie { .. } => AuthMethod::SessionToken,
        }
    }

    fn parse(&self, definition: &ProviderDefinition) -> Result<ParsedSecrets, AppError> {
        let (token, cookie) = match self {
            Self::ApiKey(token) | Self::SessionToken(token) => (Some(token), None),
            Self::ClientCookie { cookie, session_token } => (session_token.as_ref(), Some(cookie)),
        };
        // A provider without a session endpoint has no cookie name, and the gateway never sends it a cookie.
        let name = definition.sessions.as_ref().map_or("", |client| client.cookie);
        Ok(ParsedSecrets {
            access_token: token.map(AccessToken::from_pasted).transpose()?,
            cookie: cookie.map(|cookie| RefreshToken::from_pasted_cookie(cookie, name)).transpose()?,
            cookie_rotates: false,
        })
    }
}

impl Accounts {
    /// Checks a secret with the provider and saves it.
    ///
    /// # Errors
    /// [`AppError::InvalidSecret`], [`AppError::ExpiredSecret`], [`AppError::SecretRefused`], [`AppError::NotChecked`]
    /// if the check failed, [`AppError::AuthMethodMismatch`], [`AppError::DisabledByConfiguration`],
    /// [`AppError::UnknownProvider`], [`AppError::TypeConflict`], [`AppError::Store`]. Nothing is saved on any of them.
    /// [`AppError::SecretUnsaved`] if the provider has replaced the cookie, which is saved later.
    #[tracing::instrument(name = "accounts.register_secret", skip_all, fields(provider.name = %name))]
    pub async fn register_secret(
        self: &Arc<Self>,
        name: AccountName,
        pasted: PastedSecret,
    ) -> Result<Connected, AppError> {
        self.tasks.run(Arc::clone(self).check_and_save(name, pasted)).await
    }

    async fn check_and_save(self: Arc<Self>, name: AccountName, pasted: PastedSecret) -> Result<Connected, AppError> {
        let Resolved { definition, credential: before, .. } =
            self.directory.resolve(&name, pasted.provider_type).await?;
        self.directory.check_enabled(&definition)?;
        let method = pasted.secret.method();
        if definition.descriptor().pasted != Some(method) {
            let method = definition.descriptor().pasted.unwrap_or(AuthMethod::OAuth);
            return Err(AppError::AuthMethodMismatch { name: definition.name, method });
        }
        let display_name = pasted.display_name.as_deref().map(DisplayName::parse).transpose()?;
        let metadata_of = |ParsedSecrets { access_token, cookie, .. }: &ParsedSecrets| {
            pasted_metadata(definition.provider_type, method, access_token.as_ref(), cookie.is_some(), self.now())
        };
        let mut secrets = pasted.secret.parse(&definition)?;
        // An expired token without a cookie is an error; do not ask the provider about it.
        metadata_of(&secrets)?;
        if !pasted.unchecked {
            secrets = self.check_secrets(&definition, method, secrets).await?;
        }
        let mut metadata = metadata_of(&secrets)?;
        metadata.cookie_rotates = secrets.cookie_rotates;
        let needs_token = secrets.access_token.is_none() && !pasted.unchecked;
        let credential = NewCredential {
            name: definition.name.clone(),
            provider_type: definition.provider_type,
            display_name: display_name.map(DisplayName::into_string),
            api_base: definition.api_base.clone(),
            login_id: LoginId::from_bytes(random_bytes(self.random.as_ref())?),
            access_token: secrets.access_token.unwrap_or_else(|| AccessToken::new("")),
            refresh_token: secrets.cookie,
            metadata,
            replaces: Replaces::Any,
        };
        let mut connected = self.save_secret(credential, definition, before).await?;
        tracing::info!(provider.name = %connected.name, method = method.as_str(), unchecked = pasted.unchecked,
            "secret saved");
        if needs_token {
            connected.authenticated = self.tokens.usable(&connected.name).await.is_ok();
        }
        Ok(connected)
    }

    /// Saves a secret that replaces the login of `before`. If the database fails after the provider has replaced the
    /// cookie, a background task continues.
    async fn save_secret(
        self: &Arc<Self>,
        credential: NewCredential,
        definition: ProviderDefinition,
        before: Option<SealedCredential>,
    ) -> Result<Connected, AppError> {
        let retry = credential.metadata.cookie_rotates.then(|| NewCredential {
            // A later attempt must not replace a login that was made meanwhile.
            replaces: Replaces::Only(before.map(|account| account.login_id().clone())),
            ..credential.clone()
        });
        let saved = self.tokens.save(credential, &definition).await;
        match (saved, retry) {
            (Err(source), Some(credential)) if source.is_transient() => {
                tracing::error!(provider.name = %definition.name, error = %source,
                    "a replaced cookie waits for the database");
                self.save_later(credential, definition);
                Err(AppError::SecretUnsaved(Box::new(source)))
            }
            (saved, _) => saved,
        }
    }

    /// Saves a secret once the database works again. The owner cannot paste it, because the provider has replaced it.
    fn save_later(self: &Arc<Self>, credential: NewCredential, definition: ProviderDefinition) {
        let accounts = Arc::clone(self);
        self.tasks.start(actor::acting_as(actor::current(), async move {
            let (mut pause, longest) = PAUSES;
            loop {
                // A shutdown gets one last attempt.
                let is_last = tokio::select! {
                    () = accounts.clock.sleep(pause) => false,
                    () = accounts.tasks.stopping().cancelled() => true,
                };
                match accounts.tokens.save(credential.clone(), &definition).await {
                    Ok(saved) => return tracing::info!(provider.name = %saved.name, "replaced cookie saved"),
                    Err(error) if error.is_transient() && !is_last => {}
                    Err(error) => {
                        return tracing::error!(provider.name = %definition.name, error = %error,
                            "a replaced cookie could not be saved; paste the browser's current one");
                    }
                }
                pause = (pause * 2).min(longest);
            }
        }));
    }
}
