//! Starts a login: stores a new PKCE verifier and `state`, opens the callback window, and returns the authorize URL.

use std::sync::Arc;

use secrecy::SecretString;

use super::{CallbackUnavailable, Logins};
use crate::{
    app::AppError,
    domain::{
        credential::{AccountState, SealedCredential},
        ids::{AccountName, DisplayName, LoginId, Principal},
        login::{LoginSession, PendingLogin},
        login_outcome::LoginOutcome,
        oauth_client::OAuthClient,
        pkce::{STATE_BYTES, VERIFIER_BYTES},
        provider::{AuthMethod, ProviderType},
        secret::{OAuthState, PkceVerifier},
        time::Timestamp,
    },
    ports::BeginOutcome,
};

/// Maximum number of attempts to begin a login, while concurrent starts with other options begin one.
const TRIES: usize = 3;

#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Starts a login even if the account is connected. The old tokens stay in use until the new ones are saved.
    pub force: bool,
    /// Replaces the account without confirmation, even if another user or workspace signs in.
    pub replace: bool,
    pub display_name: Option<String>,
    /// Required for a name that is neither configured nor stored.
    pub provider_type: Option<ProviderType>,
}

#[derive(Debug)]
pub enum StartOutcome {
    AlreadyAuthenticated { name: AccountName },
    Pending(StartedLogin),
}

/// A pending login.
#[derive(Debug)]
pub struct StartedLogin {
    pub name: AccountName,
    /// The authorize URL. It contains the `state`, so only the person who started the login may see it. Never log it.
    pub auth_url: SecretString,
    pub login_id: LoginId,
    /// Before this call if the login was already pending.
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
    /// Why the callback port could not be opened; None if it is open. The redirect URL can be pasted instead.
    pub callback_error: Option<CallbackUnavailable>,
}

impl Logins {
    /// Starts a login, or returns the one that is pending for this account and principal.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::TypeConflict`], [`AppError::DisabledByConfiguration`],
    /// [`AppError::AuthMethodMismatch`] if the account does not connect through OAuth, [`AppError::LoginInProgress`] if
    /// other starts interfere, [`AppError::CallerRevoked`] if the caller's token was revoked meanwhile,
    /// [`AppError::Store`].
    #[tracing::instrument(name = "logins.start", skip_all, fields(provider.name = %name))]
    pub async fn start(
        self: &Arc<Self>,
        name: AccountName,
        principal: Principal,
        options: StartOptions,
    ) -> Result<StartOutcome, AppError> {
        self.tasks.run(Arc::clone(self).start_or_resume(name, principal, options)).await
    }

    async fn start_or_resume(
        self: Arc<Self>,
        name: AccountName,
        principal: Principal,
        options: StartOptions,
    ) -> Result<StartOutcome, AppError> {
        let resolved = self.directory.resolve(&name, options.provider_type).await?;
        let display_name = options.display_name.as_deref().map(DisplayName::parse).transpose()?;
        let (definition, now) = (resolved.definition, self.now());
        let name = definition.name.clone();
        self.directory.check_enabled(&definition)?;
        let Some(client) = definition.oauth else {
            let method = definition.provider_type.descriptor().pasted.unwrap_or(AuthMethod::ApiKey);
            return Err(AppError::AuthMethodMismatch { name, method });
        };
        let works = |credential: &SealedCredential| {
            has_valid_tokens(credential, now) && !self.tokens.is_refused(&name, &credential.refresh.version)
        };
        if !options.force && resolved.credential.as_ref().is_some_and(works) {
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
                client: OAuthClient::clone(&client),
                replace: options.replace,
                started_at: now,
                expires_at: now.plus(self.lifetime),
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

    /// Stores a fresh login, or opens the pending one if it can be used instead.
    async fn begin_or_resume(&self, fresh: PendingLogin, now: Timestamp) -> Result<PendingLogin, AppError> {
        let (sealed, author) = (self.vault.seal_login(&fresh)?, &self.vault.author(now));
        for _ in 0..TRIES {
            let earlier = match self.store.begin(&sealed, author).await? {
                BeginOutcome::Begun => {
                    tracing::info!(provider.name = %fresh.session.name, login.id = %fresh.session.id, "login started");
                    return Ok(fresh);
                }
                BeginOutcome::CallerGone => return Err(AppError::CallerRevoked),
                BeginOutcome::AlreadyPending(earlier) => earlier,
            };
            let id = earlier.session.id.clone();
            match self.vault.open_login(*earlier) {
                Ok(login) if can_stand_in(&login.session, &fresh.session) => return Ok(login),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(login.id = %id, error = %error, "cancelled a pending login that does not open");
                }
            }
            self.store.end(&id, LoginOutcome::Cancelled, None, author).await?;
        }
        Err(AppError::LoginInProgress)
    }
}

/// Whether a pending login can be used instead of a fresh one: it has the same OAuth client, it replaces the connected
/// account exactly if the fresh one does, and it gives the account the requested display name.
fn can_stand_in(pending: &LoginSession, fresh: &LoginSession) -> bool {
    pending.client.is_equivalent_to(&fresh.client)
        && pending.replace == fresh.replace
        && (fresh.display_name.is_none() || pending.display_name == fresh.display_name)
}

/// Whether the account has a usable token and no new login is needed. An account in doubt may need one.
fn has_valid_tokens(credential: &SealedCredential, now: Timestamp) -> bool {
    match credential.state(now) {
        AccountState::Active | AccountState::Refreshing => credential.is_usable(now),
        AccountState::Absent
        | AccountState::InDoubt
        | AccountState::Disabled
        | AccountState::NeedsReauth
        | AccountState::Refused
        | AccountState::Unreadable => false,
    }
}
