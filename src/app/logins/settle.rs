//! Settles the tokens of a code exchange: saves them, asks the owner whether to save them, or revokes them.
//!
//! An authorization code works only once, so its tokens must not be lost. They are written to the token journal before
//! the database is called. If the database fails, they are settled once it works again, or at the next start.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::Logins;
use crate::{
    app::{AppError, Connected, directory::StoredAccount},
    domain::{
        confirmation::{LoginTokens, Replaced, Replaces},
        credential::{NewCredential, SealedCredential},
        login::{LoginSession, SealedLogin},
        login_outcome::{LoginOutcome, LoginProgress},
        provider::ProviderDefinition,
    },
    ports::LoginRecord,
};

/// Pauses between attempts while the database fails: the shortest and the longest.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The sealed tokens of a code exchange, with their login.
pub(super) struct Exchanged {
    pub(super) session: LoginSession,
    pub(super) definition: ProviderDefinition,
    record: LoginRecord,
    /// Whether the journal has the record.
    is_journaled: bool,
}

impl Logins {
    /// Seals the tokens of a login and writes them to the journal. If the write fails, they are in memory only.
    pub(super) async fn journal_tokens(
        &self,
        session: LoginSession,
        definition: ProviderDefinition,
        tokens: LoginTokens,
    ) -> Exchanged {
        let (mut pause, longest) = PAUSES;
        let sealed = loop {
            match self.vault.seal_login_tokens(&session, &tokens) {
                Ok(sealed) => break sealed,
                Err(error) => {
                    tracing::error!(error = %error, "the tokens of a login cannot be sealed; they are kept in memory");
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
            }
        };
        let record = LoginRecord { name: session.name.clone(), login_id: session.id.clone(), tokens: sealed };
        let mut exchanged = Exchanged { session, definition, record, is_journaled: false };
        self.make_safe(&mut exchanged).await;
        exchanged
    }

    /// Writes the record to the journal, unless it was already written.
    async fn make_safe(&self, exchanged: &mut Exchanged) {
        if exchanged.is_journaled {
            return;
        }
        match self.journal.put_login(&exchanged.record).await {
            Ok(()) => exchanged.is_journaled = true,
            Err(error) => {
                tracing::error!(login.id = %exchanged.session.id, error = %error, "the tokens of a login are kept in memory only");
            }
        }
    }

    /// Settles the tokens. If the database fails, a background task continues, and the error is
    /// [`AppError::TokensUnsaved`].
    pub(super) async fn settle(self: &Arc<Self>, exchanged: Exchanged) -> Result<Connected, AppError> {
        match self.settle_once(&exchanged).await {
            Err(source) if source.is_transient() => {
                tracing::error!(provider.name = %exchanged.session.name, login.id = %exchanged.session.id, error = %source,
                    "the tokens of a login wait for the database");
                let error = AppError::TokensUnsaved { is_journaled: exchanged.is_journaled, source: Box::new(source) };
                self.settle_later(exchanged);
                Err(error)
            }
            settled => {
                self.finish(&exchanged, settled.as_ref().err()).await;
                settled
            }
        }
    }

    fn settle_later(self: &Arc<Self>, mut exchanged: Exchanged) {
        let logins = Arc::clone(self);
        logins.unsaved.fetch_add(1, Ordering::Relaxed);
        self.tasks.start(async move {
            let (mut pause, longest) = PAUSES;
            loop {
                tokio::select! {
                    () = logins.clock.sleep(pause) => {}
                    // The next start settles tokens that are in the journal.
                    () = logins.tasks.stopping().cancelled(), if exchanged.is_journaled => break,
                }
                logins.make_safe(&mut exchanged).await;
                let settled = logins.settle_once(&exchanged).await;
                if !settled.as_ref().is_err_and(AppError::is_transient) {
                    logins.finish(&exchanged, settled.as_ref().err()).await;
                    break;
                }
                pause = (pause * 2).min(longest);
            }
            logins.unsaved.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Settles the tokens that an earlier process left in the journal.
    pub(in crate::app) async fn replay_journal(self: &Arc<Self>) -> Result<(), AppError> {
        let records = self.journal.logins().await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the logins in the token journal cannot be read; their tokens are not lost");
            Vec::new()
        });
        let ended = self.journal.ended().await.unwrap_or_default();
        for record in records {
            let login = self.store.by_id(&record.login_id).await?;
            let known = login.and_then(|SealedLogin { session, .. }| {
                let definition = self.directory.definition_of(&session.name, session.provider_type)?;
                Some(Exchanged { session, definition, record: record.clone(), is_journaled: true })
            });
            let Some(exchanged) = known else {
                tracing::warn!(login.id = %record.login_id, "the token journal has the tokens of a login that the database lacks");
                continue;
            };
            let tokens = match self.vault.open_login_tokens(&exchanged.session, &exchanged.record.tokens) {
                Ok(tokens) => tokens,
                Err(error) => {
                    tracing::error!(login.id = %record.login_id, error = %error, "a journal record does not open; it stays");
                    continue;
                }
            };
            // The login has ended. A restored older database still has it.
            if ended.iter().any(|ended| ended.login_id == record.login_id) {
                self.tokens.revoke_unsaved(&exchanged.session, &tokens).await?;
                let has_ended = AppError::LoginEnded(LoginOutcome::Interrupted.into());
                self.finish(&exchanged, Some(&has_ended)).await;
                continue;
            }
            tracing::info!(provider.name = %record.name, login.id = %record.login_id, "tokens of a login found in the journal");
            if let Err(error) = self.settle(exchanged).await {
                tracing::warn!(login.id = %record.login_id, error = %error, "the tokens of a login were not saved");
            }
        }
        Ok(())
    }

    async fn settle_once(&self, exchanged: &Exchanged) -> Result<Connected, AppError> {
        let Exchanged { session, definition, record, .. } = exchanged;
        loop {
            let tokens = self.vault.open_login_tokens(session, &record.tokens)?;
            let account = self.directory.find(&session.name).await?;
            let replaces = match account {
                _ if session.replace => Replaces::Any,
                // A new login replaces an unreadable account.
                Some(StoredAccount::Unreadable(_)) => Replaces::Any,
                Some(StoredAccount::Readable(other)) if is_other_account(&other, session, &tokens) => {
                    return Err(self.ask_owner(exchanged, tokens, &other).await?);
                }
                Some(StoredAccount::Readable(same)) => Replaces::Only(Some(same.login_id().clone())),
                None => Replaces::Only(None),
            };
            let saved = self.tokens.save(credential_of(session, definition, tokens, replaces), definition).await;
            match saved {
                // Another login has replaced the account since it was read, so decide again.
                Err(AppError::StaleConsent(_)) => {}
                saved => return saved,
            }
        }
    }

    /// Makes the login unconfirmed: stores its tokens in its row until the owner has answered. Returns the error to
    /// report, usually [`AppError::ConfirmationNeeded`].
    async fn ask_owner(
        &self,
        exchanged: &Exchanged,
        mut tokens: LoginTokens,
        connected: &SealedCredential,
    ) -> Result<AppError, AppError> {
        let session = &exchanged.session;
        tokens.replaces =
            Some(Replaced { login_id: connected.login_id().clone(), account: connected.metadata.account.clone() });
        let sealed = self.vault.seal_login_tokens(session, &tokens)?;
        self.store.keep_unconfirmed(&session.id, &sealed, self.now()).await?;
        // If an earlier attempt, or another process that replays the journal, has asked already, its question stays.
        let login = self.store.by_id(&session.id).await?;
        let question = login.as_ref().and_then(|login| self.confirmation_of(login));
        match (question, login.map(|login| login.progress)) {
            (Some(question), _) => {
                tracing::warn!(provider.name = %session.name, login.id = %session.id,
                    "another account signed in; the login waits for its owner");
                Ok(AppError::ConfirmationNeeded(Box::new(question)))
            }
            // An earlier attempt, or another process, has settled these tokens.
            (None, Some(LoginProgress::Ended(LoginOutcome::Completed))) => {
                Ok(AppError::LoginEnded(LoginOutcome::Completed.into()))
            }
            // Its question is overdue, or its tokens do not open. The sweep declines it.
            (None, Some(LoginProgress::Unconfirmed)) => Ok(AppError::LoginEnded(LoginOutcome::Expired.into())),
            (None, progress) => {
                self.tokens.revoke_unsaved(session, &tokens).await?;
                let ended = if let Some(LoginProgress::Ended(outcome)) = progress {
                    outcome
                } else {
                    LoginOutcome::Interrupted
                };
                Ok(AppError::LoginEnded(ended.into()))
            }
        }
    }

    /// Deletes the journal record. Ends the login if `error` says that its tokens could not be saved.
    async fn finish(&self, exchanged: &Exchanged, error: Option<&AppError>) {
        let session = &exchanged.session;
        if let Err(error) = self.journal.remove_login(&session.name, &session.id).await {
            tracing::warn!(login.id = %session.id, error = %error, "the token journal is out of date");
        }
        match error {
            None => {
                tracing::info!(provider.name = %session.name, login.id = %session.id, "login completed, tokens saved")
            }
            Some(AppError::LoginEnded(_) | AppError::ConfirmationNeeded(_)) => {}
            Some(error) => {
                tracing::error!(provider.name = %session.name, login.id = %session.id, error = %error,
                    "the tokens of a login could not be saved");
                // If this fails, a sweep ends the login later.
                let _ = self.store.end(&session.id, LoginOutcome::NotSaved, None, &self.author()).await;
            }
        }
        self.notify_changed();
    }
}

/// Whether the account belongs to another user or workspace than the login. Ignores an account of another provider
/// type, because saving the tokens then fails with [`AppError::TypeConflict`].
fn is_other_account(account: &SealedCredential, session: &LoginSession, tokens: &LoginTokens) -> bool {
    account.provider_type == session.provider_type && !tokens.metadata.account.covers(&account.metadata.account)
}

/// Returns the credential to save for the tokens of a login.
pub(super) fn credential_of(
    session: &LoginSession,
    definition: &ProviderDefinition,
    tokens: LoginTokens,
    replaces: Replaces,
) -> NewCredential {
    NewCredential {
        name: session.name.clone(),
        provider_type: session.provider_type,
        display_name: session.display_name.clone(),
        api_base: definition.api_base.clone(),
        login_id: session.id.clone(),
        access_token: tokens.access_token,
        refresh_token: Some(tokens.refresh_token),
        metadata: tokens.metadata,
        replaces,
    }
}
