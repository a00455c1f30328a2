//! Moves accounts between installations. Only one installation may hold a single-use refresh token. So an account is
//! removed from this installation before another one can import the file with the tokens.

use std::{collections::HashSet, sync::Arc};

use super::{AppError, JournalCheck, JournalCoverage, ProviderCatalog, Vault, VaultError, random_bytes};
use crate::{
    domain::{
        audit::{AuditAction, AuditEvent},
        confirmation::Replaces,
        credential::{NewCredential, SealedCredential},
        ids::{AccountName, DisplayName, LoginId, ProviderId},
        provider::{ProviderDefinition, ProviderType},
        provider_settings::TokenMetadata,
        refresh::{RevocationScope, TokenState, TokenVersion},
        revocation::RevocationId,
        secret::{AccessToken, RefreshToken},
    },
    ports::{
        AuditLog, Author, Clock, EndedLogin, JournalError, JournalRecord, MoveRequest, ProfileChange, Random,
        RecordState, RevocationQueue, SaveOutcome, StoreError, TokenJournal, TokenStore,
    },
};

/// The use cases of `goclaw export` and `goclaw import`. They work on the database directly, even while gateways run.
pub struct Moving {
    pub store: Arc<dyn TokenStore>,
    pub revocations: Arc<dyn RevocationQueue>,
    pub journal: Arc<dyn TokenJournal>,
    pub audit: Arc<dyn AuditLog>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub vault: Vault,
    pub catalog: ProviderCatalog,
}

/// An account to move, with plaintext tokens.
#[derive(Debug)]
pub struct PlaintextAccount {
    pub name: AccountName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    pub enabled: bool,
    pub access_token: AccessToken,
    pub refresh_token: Option<RefreshToken>,
    pub metadata: TokenMetadata,
}

impl PlaintextAccount {
    /// Returns the id of the login that an import of an archive creates; None if the account is from another program.
    fn login_of(&self, origin: Origin<'_>) -> Option<LoginId> {
        let exported_at = origin.exported_at?;
        Some(match &self.refresh_token {
            Some(token) => LoginId::of_import(&self.name, exported_at, token),
            None => LoginId::of_import(&self.name, exported_at, &self.access_token),
        })
    }
}

/// Where imported accounts come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// For the audit log.
    pub description: &'a str,
    /// When the archive was made, in Unix milliseconds; None if the accounts come from another program.
    pub exported_at: Option<i64>,
}

/// Accounts that are ready to be moved to another installation.
#[derive(Debug, Default)]
pub struct OpenedAccounts {
    pub accounts: Vec<PlaintextAccount>,
    versions: Vec<(AccountName, TokenVersion)>,
}

/// Why an account cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("no account {0} is connected here")]
    NotConnected(AccountName),
    #[error("the account {0} cannot be read; sign in again, or restore a backup")]
    Unreadable(AccountName),
    #[error("the account {0} is being refreshed; try again in a minute")]
    Busy(AccountName),
    #[error(
        "the refresh token of {0} may be spent ({1}), so it cannot be moved; refresh it or sign in again here, or sign in \
         there instead"
    )]
    NotAtRest(AccountName, &'static str),
    #[error(
        "the token journal has newer tokens of {0} than the database; start the gateway once, which writes them back"
    )]
    Outdated(AccountName),
    #[error(
        "the login of {0} has ended according to the token journal; start the gateway once, which ends it here too"
    )]
    Ended(AccountName),
    #[error("the account {0} is connected here; log it out first, or run this again with --replace")]
    Connected(AccountName),
    #[error("an account {0} of type {1} is connected here")]
    OtherType(AccountName, &'static str),
    #[error("the accounts changed with every attempt; try again")]
    Contended,
    #[error("{name} is connected here, but its record is incomplete; see: goclaw auth status {name}")]
    Incomplete { name: AccountName, source: StoreError },
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for MoveError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl From<VaultError> for MoveError {
    fn from(error: VaultError) -> Self {
        Self::App(error.into())
    }
}

impl From<JournalError> for MoveError {
    fn from(error: JournalError) -> Self {
        Self::App(error.into())
    }
}

impl Moving {
    /// Opens the tokens of the accounts `names`, or of all accounts if it is None. In the latter case, also returns why
    /// some accounts cannot be moved.
    ///
    /// # Errors
    /// [`MoveError`] if an account in `names` cannot be moved.
    pub async fn open(&self, names: Option<&[AccountName]>) -> Result<(OpenedAccounts, Vec<MoveError>), MoveError> {
        let check = JournalCheck::of(self.journal.as_ref()).await?;
        let stored = self.store.list().await?;
        let (mut opened, mut errors) = (OpenedAccounts::default(), Vec::new());
        if let Some(names) = names {
            // A name and its alias may both be given.
            let mut seen = HashSet::new();
            for name in names.iter().filter(|name| seen.insert(*name)) {
                if stored.unreadable.iter().any(|account| account.name == *name) {
                    return Err(MoveError::Unreadable(name.clone()));
                }
                let found = stored.readable.iter().find(|account| account.name == *name);
                let account = found.ok_or_else(|| MoveError::NotConnected(name.clone()))?;
                self.add(&mut opened, account, &check)?;
            }
            return Ok((opened, errors));
        }
        errors.extend(stored.unreadable.into_iter().map(|account| MoveError::Unreadable(account.name)));
        for account in &stored.readable {
            errors.extend(self.add(&mut opened, account, &check).err());
        }
        Ok((opened, errors))
    }

    fn add(
        &self,
        opened: &mut OpenedAccounts,
        account: &SealedCredential,
        check: &JournalCheck,
    ) -> Result<(), MoveError> {
        let (name, refresh) = (account.name.clone(), account.refresh.clone().at(self.clock.now()));
        if let TokenState::Refreshing(_) = refresh.state {
            return Err(MoveError::Busy(name));
        }
        if !refresh.is_at_rest() {
            return Err(MoveError::NotAtRest(name, refresh.cause.map_or("unknown", |cause| cause.in_words())));
        }
        match check.coverage(account) {
            JournalCoverage::NewerTokens => return Err(MoveError::Outdated(name)),
            JournalCoverage::InDoubt => {
                return Err(MoveError::NotAtRest(name, "the database is older than the token journal"));
            }
            JournalCoverage::Ended => return Err(MoveError::Ended(name)),
            JournalCoverage::Reusable | JournalCoverage::Newest | JournalCoverage::Unknown => {}
        }
        opened.accounts.push(PlaintextAccount {
            name: name.clone(),
            provider_type: account.provider_type,
            display_name: account.display_name.clone(),
            enabled: account.enabled,
            access_token: self.vault.open_access_token(account)?,
            refresh_token: self.vault.open_refresh_token(account)?,
            metadata: account.metadata.clone(),
        });
        opened.versions.push((name, account.refresh.version.clone()));
        Ok(())
    }

    /// Removes the accounts here, without revoking their tokens. Returns false and changes nothing if the tokens of one
    /// have changed, or if it is being refreshed.
    ///
    /// # Errors
    /// [`AppError::Store`]. Whether the accounts were removed is then unknown.
    pub async fn remove(&self, opened: &OpenedAccounts, archive: &str) -> Result<bool, AppError> {
        let request = MoveRequest {
            accounts: opened.versions.clone(),
            revocations: self.revocations_that_would_end(opened).await?,
            archive: archive.to_owned(),
        };
        if !self.store.move_away(&request, &self.vault.author(self.clock.now())).await? {
            return Ok(false);
        }
        for (name, version) in &opened.versions {
            let login_id = version.login_id.clone();
            let ended = EndedLogin { name: name.clone(), login_id, successor: Some(LoginId::elsewhere()) };
            // The account is removed all the same. But a restored database could bring it back, unnoticed.
            if let Err(error) = self.journal.end(&ended).await {
                tracing::warn!(provider.name = %name, error = %error, "the tokens of a moved account stay in the journal");
            }
        }
        Ok(true)
    }

    /// Returns the queued revocations that would end the grant of a moved account. They were held back as long as the
    /// account was connected here.
    async fn revocations_that_would_end(&self, opened: &OpenedAccounts) -> Result<Vec<RevocationId>, StoreError> {
        let queued = self.revocations.all().await?;
        let would_end = |account: &PlaintextAccount| {
            let definition = self.catalog.of_account(&account.name, account.provider_type);
            let definition = definition.filter(|definition| definition.refresh.revocation == RevocationScope::Grant);
            let client = definition.as_ref().and_then(ProviderDefinition::revoking_client).cloned();
            let user_id = account.metadata.account.user_id.clone();
            let queued = queued.iter().filter(move |revocation| {
                client.as_ref().is_some_and(|client| revocation.may_share_grant(client, user_id.as_deref()))
            });
            queued.map(|revocation| revocation.id.clone()).collect::<Vec<_>>()
        };
        Ok(opened.accounts.iter().flat_map(would_end).collect())
    }

    /// Checks all accounts of an import, before the first one is connected. Returns those that this archive's earlier
    /// import connected. Their tokens in the archive may be spent, so they must not be connected again.
    ///
    /// # Errors
    /// [`MoveError::Connected`] if a name is connected and `replace` is false, [`MoveError::OtherType`],
    /// [`MoveError::App`].
    pub async fn check_import(
        &self,
        accounts: &[PlaintextAccount],
        replace: bool,
        origin: Origin<'_>,
    ) -> Result<Vec<AccountName>, MoveError> {
        let (journal, mut repeated) = (JournalCheck::of(self.journal.as_ref()).await?, Vec::new());
        for account in accounts {
            let PlaintextAccount { name, provider_type, .. } = account;
            self.definition_of(name, *provider_type)?;
            account.display_name.as_deref().map(DisplayName::parse).transpose().map_err(AppError::from)?;
            let imported = account.login_of(origin);
            let stored = match self.store.load(name).await {
                Err(StoreError::Unreadable(_)) if replace => None,
                Err(StoreError::Unreadable(_)) => return Err(MoveError::Connected(name.clone())),
                found => found?,
            };
            let is_imported = |login: &LoginId| {
                // A secret that can be used again is never spent, so an ended login may be connected once more.
                stored.as_ref().is_some_and(|stored| stored.login_id() == login)
                    || (account.refresh_token.is_some() && journal.has_used(name, login))
            };
            if imported.as_ref().is_some_and(is_imported) {
                repeated.push(name.clone());
                continue;
            }
            let Some(stored) = stored else { continue };
            if stored.provider_type != *provider_type {
                return Err(MoveError::OtherType(name.clone(), stored.provider_type.as_str()));
            }
            if !replace {
                return Err(MoveError::Connected(name.clone()));
            }
        }
        Ok(repeated)
    }

    /// Connects a moved account under another login id.
    ///
    /// # Errors
    /// [`MoveError::Connected`] if the name is connected and `replace` is false, [`MoveError::OtherType`],
    /// [`MoveError::Incomplete`] if the tokens were saved and a later step failed. After [`MoveError::App`], they may
    /// have been saved.
    pub async fn connect(&self, account: PlaintextAccount, replace: bool, origin: Origin<'_>) -> Result<(), MoveError> {
        let PlaintextAccount { name, provider_type, .. } = &account;
        let login_id = match account.login_of(origin) {
            Some(login_id) => login_id,
            None => LoginId::from_bytes(random_bytes(self.random.as_ref()).map_err(AppError::from)?),
        };
        let definition = self.definition_of(name, *provider_type)?;
        let (name, enabled, now) = (name.clone(), account.enabled, self.clock.now());
        let display_name = account.display_name.as_deref().map(DisplayName::parse).transpose();
        let new = NewCredential {
            name: name.clone(),
            provider_type: definition.provider_type,
            display_name: display_name.map_err(AppError::from)?.map(DisplayName::into_string),
            // Use the API base of this installation's settings, so that the file cannot redirect tokens.
            api_base: definition.api_base,
            login_id,
            access_token: account.access_token,
            refresh_token: account.refresh_token,
            metadata: account.metadata,
            replaces: if replace { Replaces::Any } else { Replaces::Only(None) },
        };
        let id = ProviderId::new(now, &random_bytes(self.random.as_ref()).map_err(AppError::from)?);
        let sealed = self.vault.seal_credential(new, id, None)?;
        let author = self.vault.author(now);
        let saved = match self.store.save_login(&sealed, &author).await? {
            SaveOutcome::Saved(saved) => saved,
            SaveOutcome::TypeConflict(other) => return Err(MoveError::OtherType(name, other.as_str())),
            SaveOutcome::OtherLogin => return Err(MoveError::Connected(name)),
            // Neither occurs: no login was started with this id, and there is no revocation order.
            SaveOutcome::LoginEnded(_) | SaveOutcome::Changed => return Err(MoveError::Contended),
        };
        let record = JournalRecord { name: name.clone(), rotation: saved.rotation(), state: RecordState::Committed };
        if let Err(error) = self.journal.confirm(&record).await {
            tracing::warn!(provider.name = %name, error = %error, "the token journal is out of date");
        }
        let completed = self.complete(&name, enabled, origin.description, &author).await;
        completed.map_err(|source| MoveError::Incomplete { name, source })
    }

    /// Returns the definition of an account to connect. The configuration may name another type for it.
    fn definition_of(&self, name: &AccountName, known: ProviderType) -> Result<ProviderDefinition, MoveError> {
        match self.catalog.conflicting_type(name, known) {
            Some(other) => Err(MoveError::OtherType(name.clone(), other.as_str())),
            None => self.catalog.of_account(name, known).ok_or_else(|| MoveError::NotConnected(name.clone())),
        }
    }

    /// Switches a connected account off if it was off before the move, and appends the audit entry.
    async fn complete(
        &self,
        name: &AccountName,
        enabled: bool,
        source: &str,
        author: &Author,
    ) -> Result<(), StoreError> {
        if !enabled {
            let off = ProfileChange { display_name: None, enabled: Some(false) };
            self.store.change_profile(name, &off, author).await?;
        }
        let imported = AuditEvent::done(AuditAction::Imported, name.as_str(), Some(source.to_owned()));
        self.audit.append(imported, author).await
    }
}
