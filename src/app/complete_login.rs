//! Complete a login: let in the callback that belongs to it, redeem the code once, and save what it yields.

use std::sync::Arc;

use secrecy::SecretString;

use super::{AppError, Gateway};
use crate::{
    domain::{
        authorization_response::{AuthorizationResponse, PastedRedirect},
        credential::NewCredential,
        ids::{Principal, ProviderId, ProviderName},
        login::{CallbackRejection, ExchangingLogin, LoginSession, Received, SealedLogin},
        login_outcome::{LoginOutcome, LoginProgress},
        provider::{AuthMethod, ProviderDefinition},
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{ClaimOutcome, Doubt, SaveOutcome, TokenEndpointError},
};

/// How a callback reached the gateway.
#[derive(Debug)]
pub enum Callback {
    /// The gateway's own listener got it. Knowing the state is what lets it in.
    Received(AuthorizationResponse),
    /// Somebody pasted the address. It must be for a login of that account which the same principal started.
    Pasted { name: String, redirect_url: SecretString, principal: Principal },
}

/// A login whose tokens are saved.
#[derive(Debug, Clone)]
pub struct Connected {
    pub name: ProviderName,
    pub id: ProviderId,
}

impl Gateway {
    /// Lets a callback in and finishes its login. A caller that leaves stops nothing.
    pub async fn complete_login(self: &Arc<Self>, callback: Callback) -> Result<Connected, AppError> {
        let gateway = Arc::clone(self);
        self.tasks.run(async move { gateway.complete(callback).await }).await
    }

    async fn complete(self: &Arc<Self>, callback: Callback) -> Result<Connected, AppError> {
        let (received, login) = match callback {
            Callback::Received(response) => {
                let login = self.logins.find(&response.state.digest()).await?;
                let login = login.ok_or(AppError::CallbackRejected(CallbackRejection::InvalidState))?;
                let session = still_pending(&login)?;
                (self.vault.open_login(login)?.receive(response, self.now()), session)
            }
            Callback::Pasted { name, redirect_url, principal } => {
                let (pasted, response) = PastedRedirect::parse(&redirect_url)?;
                let login = self.logins.find(&response.state.digest()).await?;
                let login = match login {
                    Some(login) if login.session.name.as_str() == super::canonical_name(&name) => login,
                    _ => return Err(self.no_such_login(&name, &principal).await?),
                };
                if login.session.principal != principal {
                    return Err(AppError::OtherPrincipal);
                }
                let session = still_pending(&login)?;
                (self.vault.open_login(login)?.receive_pasted(&pasted, response, self.now()), session)
            }
        };
        match received {
            Received::Exchange(exchanging, grant) => self.redeem(*exchanging, grant).await,
            Received::Ended(outcome) => Err(self.end_login(&login, outcome, None).await?),
            Received::Rejected(_, rejection) => Err(AppError::CallbackRejected(rejection)),
        }
    }

    /// Why a pasted address fits no login: there is none to finish, or it is another one's.
    async fn no_such_login(&self, name: &str, principal: &Principal) -> Result<AppError, AppError> {
        let waiting = match ProviderName::parse(super::canonical_name(name)) {
            Ok(name) => self.logins.latest(&name, principal).await?.is_some_and(|login| login.is_open(self.now())),
            Err(_) => false,
        };
        if waiting {
            return Ok(AppError::CallbackRejected(CallbackRejection::InvalidState));
        }
        // Says "unknown provider" if that is what it is.
        self.resolve(name, None).await?;
        Ok(AppError::NoPendingLogin)
    }

    async fn redeem(self: &Arc<Self>, login: ExchangingLogin, grant: CodeGrant) -> Result<Connected, AppError> {
        let session = login.session;
        // Known before the code is sent: nothing may fail between the exchange and the save.
        let definition = self
            .definition_of(&session.name, session.provider_type)
            .ok_or_else(|| AppError::UnknownProvider(session.name.to_string()))?;
        if self.logins.claim(&session.id, self.now()).await? == ClaimOutcome::Taken {
            return Err(AppError::LoginInProgress);
        }
        let tokens = match self.oauth.exchange_code(&session.client, grant).await {
            Ok(tokens) => tokens,
            Err(error) => {
                let outcome = outcome_of(&error);
                return Err(self.end_login(&session, outcome, Some(error)).await?);
            }
        };
        // Without a refresh token the login would silently end with its first access token.
        if tokens.refresh_token.is_none() || tokens.access_token.is_none() {
            return Err(self.end_login(&session, LoginOutcome::InvalidResponse, None).await?);
        }
        match self.save_tokens(&session, &definition, tokens).await {
            Ok(connected) => Ok(connected),
            Err(error @ AppError::LoginOver(_)) => Err(error),
            Err(error) => {
                tracing::error!(provider.name = %session.name, login.id = %session.id, error = %error,
                    "the tokens of a login could not be saved");
                // The store may be what failed, so this is an attempt; a sweep ends the login otherwise.
                let _ = self.end_login(&session, LoginOutcome::NotSaved, None).await;
                Err(error)
            }
        }
    }

    async fn save_tokens(
        self: &Arc<Self>,
        session: &LoginSession,
        definition: &ProviderDefinition,
        tokens: TokenResponse,
    ) -> Result<Connected, AppError> {
        let metadata = tokens.metadata(AuthMethod::OAuth, session.provider_type, &session.client.scopes, self.now());
        let Some(access_token) = tokens.access_token else {
            return Err(AppError::LoginFailed { outcome: LoginOutcome::InvalidResponse, source: None });
        };
        let connected = self
            .save_credential(
                NewCredential {
                    name: session.name.clone(),
                    provider_type: session.provider_type,
                    display_name: session.display_name.clone(),
                    api_base: definition.api_base.clone(),
                    login_id: session.id.clone(),
                    access_token,
                    refresh_token: tokens.refresh_token,
                    metadata,
                },
                definition,
            )
            .await?;
        self.logins_changed();
        tracing::info!(provider.name = %session.name, login.id = %session.id, "login completed, tokens saved");
        Ok(connected)
    }

    /// Seals and stores a credential and makes it known to this process.
    pub(super) async fn save_credential(
        self: &Arc<Self>,
        new: NewCredential,
        definition: &ProviderDefinition,
    ) -> Result<Connected, AppError> {
        let (now, name) = (self.now(), new.name.clone());
        let order = self.revocation_order(definition)?;
        // Where a revocation ends the whole grant, it would end the new login too.
        let superseded = order.clone().filter(|_| definition.refresh.revocation.allows_revocation(true));
        let id = ProviderId::new(now, &self.random_bytes()?);
        let sealed = self.vault.seal_credential(new, id, superseded.clone())?;
        match self.credentials.save_login(&sealed, now).await? {
            SaveOutcome::Saved(saved) => {
                if let Err(error) = self.make_known(&saved) {
                    // The tokens are safe; the next change or start registers the account.
                    tracing::error!(provider.name = %name, error = %error, "a saved account could not be registered");
                }
                self.start_revoking(superseded);
                Ok(Connected { name, id: saved.id })
            }
            SaveOutcome::TypeConflict(existing) => Err(AppError::TypeConflict { name, existing }),
            SaveOutcome::LoginOver(outcome) => {
                // Its owner has changed their mind while the code was redeemed: nobody is to use what it gave.
                if let (Some(order), Some(token)) = (order, sealed.refresh_token) {
                    let surplus = order.into_pending(name, sealed.provider_type, sealed.login_id, token, now);
                    self.revoke_unstored(surplus).await;
                }
                Err(AppError::LoginOver(outcome))
            }
        }
    }

    /// Ends a login badly and returns the error that says so.
    async fn end_login(
        &self,
        session: &LoginSession,
        outcome: LoginOutcome,
        source: Option<TokenEndpointError>,
    ) -> Result<AppError, AppError> {
        self.logins.end(&session.id, outcome, self.now()).await?;
        self.logins_changed();
        tracing::warn!(provider.name = %session.name, login.id = %session.id, outcome = outcome.as_str(),
            cause = source.as_ref().map(tracing::field::display), "login ended without tokens");
        Ok(AppError::LoginFailed { outcome, source })
    }
}

fn still_pending(login: &SealedLogin) -> Result<LoginSession, AppError> {
    match login.progress {
        LoginProgress::Pending => Ok(login.session.clone()),
        LoginProgress::Exchanging => Err(AppError::LoginInProgress),
        LoginProgress::Ended(outcome) => Err(AppError::LoginOver(outcome)),
    }
}

fn outcome_of(error: &TokenEndpointError) -> LoginOutcome {
    match error {
        TokenEndpointError::Rejected { .. } => LoginOutcome::CodeRefused,
        TokenEndpointError::Unavailable { .. } | TokenEndpointError::RateLimited { .. } => {
            LoginOutcome::ProviderUnavailable
        }
        TokenEndpointError::Indeterminate(Doubt::TimedOut) => LoginOutcome::ProviderTimeout,
        TokenEndpointError::Indeterminate(Doubt::ConnectionLost | Doubt::ServerError(_)) => {
            LoginOutcome::ProviderUnavailable
        }
        TokenEndpointError::Indeterminate(Doubt::Unreadable(_)) => LoginOutcome::InvalidResponse,
    }
}
