//! Completes a login: validates its callback, exchanges the code at most once, and saves the tokens.

use std::sync::Arc;

use secrecy::SecretString;
use tracing::{Span, field};

use super::{Logins, settle::PAUSES};
use crate::{
    app::{AppError, Connected, actor},
    domain::{
        authorization_response::AuthorizationResponse,
        confirmation::LoginTokens,
        ids::{AccountName, LoginId, Principal},
        login::{CallbackRejection, ExchangingLogin, LoginSession, Received, SealedLogin},
        login_outcome::{LoginDetail, LoginEnd, LoginOutcome, LoginProgress},
        provider::AuthMethod,
        secret::AccessToken,
        token_response::CodeGrant,
    },
    ports::{ClaimOutcome, Doubt, TokenEndpointError},
};

/// How a callback reached the gateway.
#[derive(Debug)]
pub enum Callback {
    /// The gateway's own listener received the callback, whose `state` authenticates it.
    Received(AuthorizationResponse),
    /// The owner pasted the redirect URL. It must belong to a login of this account that this principal started.
    Pasted { name: AccountName, redirect_url: SecretString, principal: Principal },
}

impl Logins {
    /// Accepts a callback and finishes its login, even if the caller disconnects.
    ///
    /// # Errors
    /// - [`AppError::CallbackRejected`]: the `state` matches no login, or the login is still pending.
    /// - [`AppError::LoginFailed`]: this call ended the login without tokens.
    /// - [`AppError::ConfirmationNeeded`]: the login is unconfirmed, and its tokens wait for the owner's answer.
    /// - [`AppError::TokensUnsaved`]: the database failed, and the tokens are saved later.
    /// - [`AppError::LoginEnded`], [`AppError::LoginInProgress`], [`AppError::NoPendingLogin`],
    ///   [`AppError::OtherPrincipal`], [`AppError::InvalidRedirect`]: nothing was changed.
    #[tracing::instrument(name = "logins.complete", skip_all, fields(provider.name, login.id))]
    pub async fn complete(self: &Arc<Self>, callback: Callback) -> Result<Connected, AppError> {
        self.tasks.run(Arc::clone(self).accept(callback)).await
    }

    async fn accept(self: Arc<Self>, callback: Callback) -> Result<Connected, AppError> {
        let (received, session) = match callback {
            Callback::Received(response) => {
                let login = self.store.find(&response.state.digest()).await?;
                let login = login.ok_or(AppError::CallbackRejected(CallbackRejection::InvalidState))?;
                let session = self.session_if_pending(&login)?;
                (self.vault.open_login(login)?.receive(response, self.now()), session)
            }
            Callback::Pasted { name, redirect_url, principal } => {
                let Some((response, login)) = self.login_of(&name, &redirect_url).await? else {
                    return Err(self.no_such_login(&name, &principal).await?);
                };
                if login.session.principal != principal {
                    return Err(AppError::OtherPrincipal);
                }
                let session = self.session_if_pending(&login)?;
                (self.vault.open_login(login)?.receive(response, self.now()), session)
            }
        };
        let span = Span::current();
        span.record("provider.name", field::display(&session.name)).record("login.id", field::display(&session.id));
        match received {
            Received::Exchange(exchanging, grant) => self.exchange(*exchanging, grant).await,
            Received::Ended(outcome, detail) => Err(self.fail(&session, outcome, detail).await),
            Received::Rejected(_, rejection) => Err(AppError::CallbackRejected(rejection)),
        }
    }

    fn session_if_pending(&self, login: &SealedLogin) -> Result<LoginSession, AppError> {
        match login.progress {
            LoginProgress::Pending => Ok(login.session.clone()),
            LoginProgress::Exchanging => Err(AppError::LoginInProgress),
            LoginProgress::Unconfirmed => Err(self.question_of(login)),
            LoginProgress::Ended(outcome) => Err(AppError::LoginEnded(login.ended_as(outcome))),
        }
    }

    /// Parses a pasted text and finds its login; None if it belongs to no login of this account.
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

    /// Returns the error for a pasted redirect URL without a login: none is pending, or the URL belongs to another one.
    async fn no_such_login(&self, name: &AccountName, principal: &Principal) -> Result<AppError, AppError> {
        if self.store.latest(name, principal).await?.is_some_and(|login| login.is_open(self.now())) {
            return Ok(AppError::CallbackRejected(CallbackRejection::InvalidState));
        }
        // An unknown account is another error.
        self.directory.check_known(name).await?;
        Ok(AppError::NoPendingLogin)
    }

    async fn exchange(self: &Arc<Self>, login: ExchangingLogin, grant: CodeGrant) -> Result<Connected, AppError> {
        let session = login.session;
        // Look up the definition before the code is sent: if it were missing afterwards, the tokens would be lost.
        let definition = self
            .directory
            .definition_of(&session.name, session.provider_type)
            .ok_or_else(|| AppError::UnknownProvider(session.name.to_string()))?;
        if self.store.claim(&session.id, self.now()).await? == ClaimOutcome::Taken {
            return Err(AppError::LoginInProgress);
        }
        let response = match self.oauth.exchange_code(&session.name, &session.client, grant).await {
            Ok(response) => response,
            Err(error) => {
                let detail = LoginDetail::new(&error.to_string());
                return Err(self.fail(&session, outcome_of(&error), detail).await);
            }
        };
        let metadata = response.metadata(AuthMethod::OAuth, session.provider_type, &session.client.scopes, self.now());
        let tokens = match (response.access_token, response.refresh_token) {
            (Some(access_token), Some(refresh_token)) => {
                LoginTokens { access_token, refresh_token, metadata, replaces: None }
            }
            // Without a refresh token, the account would stop working when its access token expires.
            (_, refresh_token) => {
                let failed = self.fail(&session, LoginOutcome::InvalidResponse, None).await;
                if let Some(refresh_token) = refresh_token {
                    let access_token = AccessToken::new("");
                    self.discard(&session, &LoginTokens { access_token, refresh_token, metadata, replaces: None })
                        .await;
                }
                return Err(failed);
            }
        };
        let exchanged = self.journal_tokens(session, definition, tokens).await;
        self.settle(exchanged).await
    }

    /// Ends a login without tokens and returns the error to report. If the database fails, a background task stores the
    /// end.
    async fn fail(
        self: &Arc<Self>,
        session: &LoginSession,
        outcome: LoginOutcome,
        detail: Option<LoginDetail>,
    ) -> AppError {
        tracing::warn!(provider.name = %session.name, login.id = %session.id, outcome = outcome.as_str(),
            cause = detail.as_ref().map(LoginDetail::as_str), "login ended without tokens");
        let failed = AppError::LoginFailed(LoginEnd::explained(outcome, detail.as_ref(), &session.name));
        if let Err(error) = self.store.end(&session.id, outcome, detail.as_ref(), &self.author()).await {
            tracing::error!(login.id = %session.id, error = %error, "the end of a login waits for the database");
            self.end_later(session.id.clone(), outcome, detail);
        }
        self.notify_changed();
        failed
    }

    fn end_later(self: &Arc<Self>, id: LoginId, outcome: LoginOutcome, detail: Option<LoginDetail>) {
        let logins = Arc::clone(self);
        self.tasks.start(actor::acting_as(actor::current(), async move {
            let (mut pause, longest) = PAUSES;
            loop {
                tokio::select! {
                    () = logins.clock.sleep(pause) => {}
                    // A sweep after the next start ends the login as expired or interrupted.
                    () = logins.tasks.stopping().cancelled() => return,
                }
                if logins.store.end(&id, outcome, detail.as_ref(), &logins.author()).await.is_ok() {
                    return logins.notify_changed();
                }
                pause = (pause * 2).min(longest);
            }
        }));
    }

    /// Revokes the tokens of a login that has ended without them.
    async fn discard(&self, session: &LoginSession, tokens: &LoginTokens) {
        if let Err(error) = self.tokens.revoke_unsaved(session, tokens).await {
            tracing::warn!(login.id = %session.id, error = %error, "the tokens of a login are left to expire");
        }
    }
}

fn outcome_of(error: &TokenEndpointError) -> LoginOutcome {
    match error {
        TokenEndpointError::Rejected { code: "invalid_grant" | "invalid_request", .. } => LoginOutcome::CodeRefused,
        // Not about the code: a filter in front of the server, or a country that the provider does not serve.
        TokenEndpointError::Rejected { .. } => LoginOutcome::ProviderError,
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
