//! Completes a login: accepts the callback that belongs to it, exchanges the code once, and saves the tokens.

use std::sync::Arc;

use secrecy::SecretString;
use tracing::{Span, field};

use super::Logins;
use crate::{
    app::{AppError, Connected},
    domain::{
        authorization_response::AuthorizationResponse,
        credential::NewCredential,
        ids::{AccountName, Principal},
        login::{CallbackRejection, ExchangingLogin, LoginSession, Received, SealedLogin},
        login_outcome::{LoginDetail, LoginEnd, LoginOutcome, LoginProgress},
        provider::{AuthMethod, ProviderDefinition},
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{ClaimOutcome, Doubt, TokenEndpointError},
};

/// How a callback reached the gateway.
#[derive(Debug)]
pub enum Callback {
    /// The gateway's own listener received it. The state authenticates it.
    Received(AuthorizationResponse),
    /// The owner pasted the address. It must belong to a login of that account which the same principal started.
    Pasted { name: AccountName, redirect_url: SecretString, principal: Principal },
}

impl Logins {
    /// Accepts a callback and finishes its login, even if the caller disconnects.
    ///
    /// # Errors
    /// [`AppError::CallbackRejected`] leaves the login pending, [`AppError::LoginFailed`] has ended it.
    /// [`AppError::LoginEnded`], [`AppError::LoginInProgress`], [`AppError::NoPendingLogin`],
    /// [`AppError::OtherPrincipal`] and [`AppError::InvalidRedirect`] change nothing.
    #[tracing::instrument(name = "logins.complete", skip_all, fields(provider.name, login.id))]
    pub async fn complete(self: &Arc<Self>, callback: Callback) -> Result<Connected, AppError> {
        self.tasks.run(Arc::clone(self).accept(callback)).await
    }

    async fn accept(self: Arc<Self>, callback: Callback) -> Result<Connected, AppError> {
        let (received, session) = match callback {
            Callback::Received(response) => {
                let login = self.store.find(&response.state.digest()).await?;
                let login = login.ok_or(AppError::CallbackRejected(CallbackRejection::InvalidState))?;
                let session = still_pending(&login)?;
                (self.vault.open_login(login)?.receive(response, self.now()), session)
            }
            Callback::Pasted { name, redirect_url, principal } => {
                let Some((response, login)) = self.login_of(&name, &redirect_url).await? else {
                    return Err(self.no_such_login(&name, &principal).await?);
                };
                if login.session.principal != principal {
                    return Err(AppError::OtherPrincipal);
                }
                let session = still_pending(&login)?;
                (self.vault.open_login(login)?.receive(response, self.now()), session)
            }
        };
        let span = Span::current();
        span.record("provider.name", field::display(&session.name)).record("login.id", field::display(&session.id));
        match received {
            Received::Exchange(exchanging, grant) => self.exchange(*exchanging, grant).await,
            Received::Ended(outcome, detail) => Err(self.fail(&session, outcome, detail).await?),
            Received::Rejected(_, rejection) => Err(AppError::CallbackRejected(rejection)),
        }
    }

    /// Returns the response in a pasted text, with its login; None if it belongs to no login of this account.
    async fn login_of(
        &self,
        name: &AccountName,
        pasted: &SecretString,
    ) -> Result<Option<(AuthorizationResponse, SealedLogin)>, AppError> {
        for response in AuthorizationResponse::from_pasted(pasted)? {
            let login = self.store.find(&response.state.digest()).await?;
            if let Some(login) = login.filter(|login| login.session.name == *name) {
                return Ok(Some((response, login)));
            }
        }
        Ok(None)
    }

    /// Returns why a pasted address matches no login: none is pending, or the address belongs to another one.
    async fn no_such_login(&self, name: &AccountName, principal: &Principal) -> Result<AppError, AppError> {
        if self.store.latest(name, principal).await?.is_some_and(|login| login.is_open(self.now())) {
            return Ok(AppError::CallbackRejected(CallbackRejection::InvalidState));
        }
        // An unknown account is reported as such.
        self.directory.check_known(name).await?;
        Ok(AppError::NoPendingLogin)
    }

    async fn exchange(&self, login: ExchangingLogin, grant: CodeGrant) -> Result<Connected, AppError> {
        let session = login.session;
        // Looked up before the code is sent: nothing may fail between the exchange and the save.
        let definition = self
            .directory
            .definition_of(&session.name, session.provider_type)
            .ok_or_else(|| AppError::UnknownProvider(session.name.to_string()))?;
        if self.store.claim(&session.id, self.now()).await? == ClaimOutcome::Taken {
            return Err(AppError::LoginInProgress);
        }
        let response = match self.oauth.exchange_code(&session.client, grant).await {
            Ok(response) => response,
            Err(error) => {
                let detail = LoginDetail::new(&error.to_string());
                return Err(self.fail(&session, outcome_of(&error), detail).await?);
            }
        };
        // Without a refresh token the login would silently end with its first access token.
        if response.refresh_token.is_none() || response.access_token.is_none() {
            return Err(self.fail(&session, LoginOutcome::InvalidResponse, None).await?);
        }
        match self.save(&session, &definition, response).await {
            Ok(connected) => Ok(connected),
            Err(error @ AppError::LoginEnded(_)) => Err(error),
            Err(error) => {
                tracing::error!(provider.name = %session.name, login.id = %session.id, error = %error,
                    "the tokens of a login could not be saved");
                // The store may have failed, so this may fail too; the sweep ends the login then.
                let _ = self.fail(&session, LoginOutcome::NotSaved, None).await;
                Err(error)
            }
        }
    }

    async fn save(
        &self,
        session: &LoginSession,
        definition: &ProviderDefinition,
        response: TokenResponse,
    ) -> Result<Connected, AppError> {
        let metadata = response.metadata(AuthMethod::OAuth, session.provider_type, &session.client.scopes, self.now());
        let Some(access_token) = response.access_token else {
            return Err(AppError::LoginFailed(LoginEnd::of(LoginOutcome::InvalidResponse)));
        };
        let credential = NewCredential {
            name: session.name.clone(),
            provider_type: session.provider_type,
            display_name: session.display_name.clone(),
            api_base: definition.api_base.clone(),
            login_id: session.id.clone(),
            access_token,
            refresh_token: response.refresh_token,
            metadata,
        };
        let connected = self.tokens.save(credential, definition).await?;
        self.notify_changed();
        tracing::info!(provider.name = %session.name, login.id = %session.id, "login completed, tokens saved");
        Ok(connected)
    }

    /// Ends a login without tokens and returns the error that says so.
    async fn fail(
        &self,
        session: &LoginSession,
        outcome: LoginOutcome,
        detail: Option<LoginDetail>,
    ) -> Result<AppError, AppError> {
        self.store.end(&session.id, outcome, detail.as_ref(), &self.author()).await?;
        self.notify_changed();
        tracing::warn!(provider.name = %session.name, login.id = %session.id, outcome = outcome.as_str(),
            cause = detail.as_ref().map(LoginDetail::as_str), "login ended without tokens");
        Ok(AppError::LoginFailed(LoginEnd::explained(outcome, detail.as_ref(), &session.name)))
    }
}

fn still_pending(login: &SealedLogin) -> Result<LoginSession, AppError> {
    match login.progress {
        LoginProgress::Pending => Ok(login.session.clone()),
        LoginProgress::Exchanging => Err(AppError::LoginInProgress),
        LoginProgress::Ended(outcome) => Err(AppError::LoginEnded(login.ended_as(outcome))),
    }
}

fn outcome_of(error: &TokenEndpointError) -> LoginOutcome {
    match error {
        TokenEndpointError::Rejected { .. } => LoginOutcome::CodeRefused,
        TokenEndpointError::Unavailable { .. }
        | TokenEndpointError::Unreachable(_)
        | TokenEndpointError::RateLimited { .. }
        | TokenEndpointError::Indeterminate(Doubt::ConnectionLost | Doubt::ServerError(_)) => {
            LoginOutcome::ProviderUnavailable
        }
        TokenEndpointError::Indeterminate(Doubt::TimedOut) => LoginOutcome::ProviderTimeout,
        TokenEndpointError::Indeterminate(Doubt::Unreadable(_)) => LoginOutcome::InvalidResponse,
    }
}
