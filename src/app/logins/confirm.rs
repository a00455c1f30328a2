//! Applies the owner's answer about an unconfirmed login: its tokens replace the connected account, or are revoked.

use std::sync::Arc;

use super::{Logins, settle::credential_of};
use crate::{
    app::{AppError, Connected},
    domain::{
        confirmation::{Confirmation, Replaces},
        ids::{AccountName, LoginId, Principal},
        login::SealedLogin,
        login_outcome::{LoginOutcome, LoginProgress},
    },
};

/// The owner's answer about an unconfirmed login.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The unconfirmed login.
    pub login_id: LoginId,
    /// The connected login that the owner agreed to replace; None for the one that the question named.
    pub replaces: Option<LoginId>,
    /// Whether the new account replaces the connected one.
    pub replace: bool,
}

impl Logins {
    /// Replaces the connected account with the one that signed in, or keeps it. Returns the account if it was replaced.
    ///
    /// # Errors
    /// [`AppError::NoPendingLogin`], [`AppError::OtherPrincipal`], [`AppError::LoginEnded`];
    /// [`AppError::StaleConsent`] if the connected login has changed since the question; [`AppError::Store`].
    pub(in crate::app) async fn confirm(
        self: &Arc<Self>,
        name: AccountName,
        principal: Principal,
        answer: Answer,
    ) -> Result<Option<Connected>, AppError> {
        let logins = Arc::clone(self);
        let answered = self.tasks.run(async move { logins.answer(&name, &principal, answer).await }).await;
        self.notify_changed();
        answered
    }

    async fn answer(
        &self,
        name: &AccountName,
        principal: &Principal,
        answer: Answer,
    ) -> Result<Option<Connected>, AppError> {
        let login = self.store.by_id(&answer.login_id).await?.filter(|login| login.session.name == *name);
        let login = login.ok_or(AppError::NoPendingLogin)?;
        if login.session.principal != *principal && *principal != Principal::gateway_token() {
            return Err(AppError::OtherPrincipal);
        }
        if login.confirm_until(self.now()).is_none() {
            return Err(match login.progress {
                LoginProgress::Unconfirmed => AppError::LoginEnded(LoginOutcome::Expired.into()),
                LoginProgress::Ended(outcome) => AppError::LoginEnded(login.ended_as(outcome)),
                LoginProgress::Pending => AppError::NoPendingLogin,
                LoginProgress::Exchanging => AppError::LoginInProgress,
            });
        }
        if answer.replace {
            return self.replace(&login, answer.replaces).await.map(Some);
        }
        self.decline(&login, LoginOutcome::Cancelled).await?;
        Ok(None)
    }

    async fn replace(&self, login: &SealedLogin, seen: Option<LoginId>) -> Result<Connected, AppError> {
        let session = &login.session;
        let sealed = login.tokens.as_ref().ok_or(AppError::NoPendingLogin)?;
        let mut tokens = self.vault.open_login_tokens(session, sealed)?;
        let named = tokens.replaces.take().ok_or(AppError::NoPendingLogin)?.login_id;
        if seen.is_some_and(|seen| seen != named) {
            return Err(AppError::StaleConsent(session.name.clone()));
        }
        let definition = self
            .directory
            .definition_of(&session.name, session.provider_type)
            .ok_or_else(|| AppError::UnknownProvider(session.name.to_string()))?;
        let credential = credential_of(session, &definition, tokens, Replaces::Confirmed(named));
        let connected = self.tokens.save(credential, &definition).await?;
        tracing::info!(provider.name = %session.name, login.id = %session.id, "the owner confirmed a login of another account");
        Ok(connected)
    }

    /// Ends an unconfirmed login and queues its tokens for revocation.
    pub(super) async fn decline(&self, login: &SealedLogin, outcome: LoginOutcome) -> Result<(), AppError> {
        let tokens = self.vault.open_unconfirmed(login);
        let revocation = tokens.and_then(|tokens| self.tokens.revocation_of_login(&login.session, &tokens));
        if self.store.decline(&login.session.id, outcome, revocation.as_ref(), &self.author()).await? {
            tracing::info!(provider.name = %login.session.name, login.id = %login.session.id, outcome = outcome.as_str(),
                "an unconfirmed login ended; its tokens were not saved");
            if let Some(revocation) = revocation {
                self.tokens.start_revoking(revocation.id);
            }
        }
        Ok(())
    }

    /// Declines the unconfirmed logins of an account, at its logout.
    pub(super) async fn decline_all(&self, name: &AccountName) -> Result<(), AppError> {
        for login in self.list_unconfirmed().await?.iter().filter(|login| login.session.name == *name) {
            self.decline(login, LoginOutcome::Cancelled).await?;
        }
        Ok(())
    }

    /// Declines the unconfirmed logins that were not answered in time.
    pub(super) async fn decline_overdue(&self) -> Result<(), AppError> {
        for login in self.list_unconfirmed().await?.iter().filter(|login| login.confirm_until(self.now()).is_none()) {
            self.decline(login, LoginOutcome::Expired).await?;
        }
        Ok(())
    }

    async fn list_unconfirmed(&self) -> Result<Vec<SealedLogin>, AppError> {
        let mut logins = self.store.unsettled().await?;
        logins.retain(|login| login.progress == LoginProgress::Unconfirmed);
        Ok(logins)
    }

    /// Returns the error for an unconfirmed login: the question, or [`AppError::LoginEnded`] if it is overdue.
    pub(super) fn question_of(&self, login: &SealedLogin) -> AppError {
        match self.confirmation_of(login) {
            Some(question) => AppError::ConfirmationNeeded(Box::new(question)),
            None => AppError::LoginEnded(LoginOutcome::Expired.into()),
        }
    }

    /// Returns the question about a login; None if the login does not wait for an answer.
    pub(in crate::app) fn confirmation_of(&self, login: &SealedLogin) -> Option<Confirmation> {
        let expires_at = login.confirm_until(self.now())?;
        let tokens = self.vault.open_unconfirmed(login)?;
        Some(Confirmation {
            login_id: login.session.id.clone(),
            new_account: tokens.metadata.account,
            replaces: tokens.replaces?,
            expires_at,
        })
    }
}
