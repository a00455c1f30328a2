//! Start a login: remember a verifier and a state, listen for the callback, and say where to send the browser.

use std::sync::Arc;

use secrecy::SecretString;

use super::{AppError, Gateway};
use crate::{
    domain::{
        credential::{AccountState, SealedCredential},
        ids::{DisplayName, LoginId, Principal, ProviderName},
        login::{LoginSession, PendingLogin},
        login_outcome::LoginOutcome,
        pkce::{STATE_BYTES, VERIFIER_BYTES},
        provider::AuthMethod,
        secret::{OAuthState, PkceVerifier},
        time::Timestamp,
    },
    ports::{BeginOutcome, RandomError},
};

#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Sign in anew although the login is sound. The old one serves until the new one is saved.
    pub force: bool,
    /// How to call the account.
    pub display_name: Option<String>,
    /// What a name that is not built in is to be.
    pub provider_type: Option<String>,
}

#[derive(Debug)]
pub enum StartOutcome {
    AlreadyAuthenticated { name: ProviderName },
    Pending(StartedLogin),
}

/// A login that waits for its owner's approval.
#[derive(Debug)]
pub struct StartedLogin {
    pub name: ProviderName,
    /// Where to approve. It carries the state: show it to the person who asked, log it nowhere.
    pub auth_url: SecretString,
    pub login_id: LoginId,
    /// When it began: earlier than this call if it was pending already.
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
    /// Why the browser cannot come back by itself, if it cannot; the address can be pasted then.
    pub callback_error: Option<String>,
}

impl Gateway {
    /// Starts a login, or returns the one this principal has pending for this account already.
    pub async fn start_login(
        self: &Arc<Self>,
        name: String,
        principal: Principal,
        options: StartOptions,
    ) -> Result<StartOutcome, AppError> {
        let gateway = Arc::clone(self);
        self.tasks.run(async move { gateway.start(&name, principal, options).await }).await
    }

    async fn start(
        self: &Arc<Self>,
        name: &str,
        principal: Principal,
        options: StartOptions,
    ) -> Result<StartOutcome, AppError> {
        let resolved = self.resolve(name, options.provider_type.as_deref()).await?;
        let display_name = options.display_name.as_deref().map(DisplayName::parse).transpose()?;
        let (definition, now) = (resolved.definition, self.now());
        let name = definition.name.clone();
        if !definition.enabled {
            return Err(AppError::DisabledByConfiguration(name));
        }
        let Some(client) = definition.oauth else {
            let method = definition.provider_type.descriptor().pasted.unwrap_or(AuthMethod::ApiKey);
            return Err(AppError::AuthMethodMismatch { name, method });
        };
        if !options.force && resolved.credential.is_some_and(|credential| is_sound(&credential, now)) {
            return Ok(StartOutcome::AlreadyAuthenticated { name });
        }
        let fresh = PendingLogin {
            state: OAuthState::from_bytes(&self.random_bytes::<STATE_BYTES>()?),
            verifier: PkceVerifier::from_bytes(&self.random_bytes::<VERIFIER_BYTES>()?),
            session: LoginSession {
                id: LoginId::from_bytes(self.random_bytes()?),
                provider_type: definition.provider_type,
                display_name: display_name.map(DisplayName::into_string),
                principal,
                client,
                started_at: now,
                expires_at: now.plus(self.login_lifetime),
                name,
            },
        };
        let login = self.begin_or_resume(fresh, now).await?;
        let callback_error = self.open_callback_window().await.err();
        Ok(StartOutcome::Pending(StartedLogin {
            auth_url: login.authorize_url(),
            name: login.session.name,
            login_id: login.session.id,
            started_at: login.session.started_at,
            expires_at: login.session.expires_at,
            callback_error,
        }))
    }

    /// Stores a fresh login, or picks up the one that is pending already.
    async fn begin_or_resume(&self, fresh: PendingLogin, now: Timestamp) -> Result<PendingLogin, AppError> {
        let sealed = self.vault.seal_login(&fresh)?;
        let mut begun = self.logins.begin(&sealed, now).await?;
        if let BeginOutcome::AlreadyPending(earlier) = &begun
            && !earlier.session.client.asks_like(&fresh.session.client)
        {
            // The configuration has changed since: that one asks the wrong server, or for the wrong things.
            self.logins.end(&earlier.session.id, LoginOutcome::Cancelled, now).await?;
            begun = self.logins.begin(&sealed, now).await?;
        }
        match begun {
            BeginOutcome::Begun => {
                tracing::info!(provider.name = %fresh.session.name, login.id = %fresh.session.id, "login started");
                Ok(fresh)
            }
            BeginOutcome::AlreadyPending(earlier) => Ok(self.vault.open_login(*earlier)?),
        }
    }

    /// `N` random bytes.
    pub(super) fn random_bytes<const N: usize>(&self) -> Result<[u8; N], RandomError> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// Whether a new login would be for nothing.
fn is_sound(credential: &SealedCredential, now: Timestamp) -> bool {
    match credential.state(now) {
        AccountState::Active | AccountState::Refreshing => credential.is_usable(now),
        // It may be lost already: a new one ends the doubt.
        AccountState::Absent | AccountState::InDoubt | AccountState::Disabled | AccountState::NeedsReauth => false,
    }
}
