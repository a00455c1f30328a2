//! Reports an account's status from the store and from memory, without a request to the provider.

use super::{
    Accounts,
    reasons::{SWITCHED_OFF_TEXT, type_problem, with_store_down},
};
use crate::{
    app::{AppError, directory::Resolved},
    domain::{
        account::AccountLabels,
        confirmation::{CONFIRM_WITHIN, Confirmation},
        credential::{AccountState, SealedCredential},
        ids::{AccountName, Generation, LoginId, Principal},
        login::SealedLogin,
        login_outcome::{LoginEnd, LoginOutcome, LoginProgress},
        provider::ProviderDefinition,
        provider_feedback::{PlanLimit, ProviderFeedback},
        refresh::{RefreshState, TokenVersion},
        time::Timestamp,
        unreadable::{UnreadableAccount, UnreadableRow},
    },
    ports::StoreTrouble,
};

/// The outcome of the last login that the principal started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLogin {
    pub login_id: LoginId,
    pub end: LoginEnd,
    pub at: Timestamp,
}

/// A login that waits for its callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLogin {
    pub login_id: LoginId,
    pub expires_at: Timestamp,
}

impl From<&SealedLogin> for WaitingLogin {
    fn from(login: &SealedLogin) -> Self {
        Self { login_id: login.session.id.clone(), expires_at: login.session.expires_at }
    }
}

/// Who switched an account off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum SwitchedOffBy {
    Owner,
    Configuration,
}

impl SwitchedOffBy {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Debug, Clone)]
pub struct AccountStatus {
    pub name: AccountName,
    pub state: AccountState,
    /// Whether there is a usable access token.
    pub authenticated: bool,
    /// The problem and the next step; None if the account works.
    pub reason: Option<String>,
    /// The unreadable row; set in the state `Unreadable`.
    pub unreadable: Option<UnreadableRow>,
    /// Set while the plan is used up. The provider resets the plan without any action of the owner.
    pub limited: Option<PlanLimit>,
    /// `Configuration` if both did; None if the account is switched on.
    pub switched_off_by: Option<SwitchedOffBy>,
    pub login_id: Option<LoginId>,
    pub generation: Option<Generation>,
    pub expires_at: Option<Timestamp>,
    /// When the tokens were last refreshed; None if not since the login.
    pub last_refresh_at: Option<Timestamp>,
    /// The earliest time of the next refresh; None if the tokens cannot be refreshed.
    pub next_refresh_at: Option<Timestamp>,
    /// The granted scopes (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    pub account: AccountLabels,
    /// Other names under which the same user and workspace is connected.
    pub other_names: Vec<AccountName>,
    pub pending: Option<WaitingLogin>,
    /// The question to the owner, if the principal's last login is unconfirmed.
    pub confirmation: Option<Confirmation>,
    pub last_login: Option<LastLogin>,
}

impl Accounts {
    /// Returns the status of an account, and the last login that this principal started for it. While the store cannot
    /// be reached, the status comes from memory.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::Store`].
    #[tracing::instrument(name = "accounts.status", skip_all, fields(provider.name = %name))]
    pub async fn status(&self, name: &AccountName, principal: &Principal) -> Result<AccountStatus, AppError> {
        match self.stored_status(name, principal).await {
            Err(AppError::Store(error)) => match error.trouble() {
                Some(trouble) => self.remembered_status(name, trouble).ok_or(error.into()),
                None => Err(error.into()),
            },
            status => status,
        }
    }

    async fn stored_status(&self, name: &AccountName, principal: &Principal) -> Result<AccountStatus, AppError> {
        let now = self.now();
        let latest = self.login_store.latest(name, principal).await?;
        let resolved = match (self.directory.resolve(name, None).await, &latest) {
            (Err(AppError::AccountUnreadable(account)), _) => return Ok(self.status_of_unreadable(*account, latest)),
            // A new account has no row until its first login completes, so the login provides the type.
            (Err(AppError::UnknownProvider(_)), Some(login)) => {
                self.directory.resolve(name, Some(login.session.provider_type)).await?
            }
            (resolved, _) => resolved?,
        };
        let Resolved { definition, mut credential, unreadable } = resolved;
        if let Some(unreadable) = unreadable {
            return Ok(self.status_of_unreadable(unreadable, latest));
        }
        if self.tokens.end_quarantine(&definition.name).await? {
            credential = self.directory.resolve(&definition.name, None).await?.credential;
        }
        let credential = credential.as_ref();
        let status = match credential {
            Some(found) => self.status_of(&definition, found.enabled, &found.refresh, found.account_mismatch()),
            None => AccountStatus::absent(&definition),
        };
        Ok(AccountStatus {
            expires_at: credential.and_then(|found| found.metadata.expires_at),
            scopes: credential.map(|found| found.metadata.scopes.clone()).unwrap_or_default(),
            account: credential.map(|found| found.metadata.account.clone()).unwrap_or_default(),
            other_names: self.tokens.registry().other_names(&definition.name),
            confirmation: latest.as_ref().and_then(|login| self.logins.confirmation_of(login)),
            pending: latest.as_ref().filter(|login| login.is_open(now)).map(WaitingLogin::from),
            last_login: latest.and_then(|login| last_login(login, credential, now)),
            ..status
        })
    }

    /// Returns the status of an unreadable account, and quarantines the account in this process.
    fn status_of_unreadable(&self, account: UnreadableAccount, latest: Option<SealedLogin>) -> AccountStatus {
        self.tokens.quarantine(account.clone());
        let (UnreadableAccount { name, row }, now) = (account, self.now());
        AccountStatus {
            state: AccountState::Unreadable,
            reason: Some(format!(
                "The stored account cannot be read ({row}). To use it again, {}. Other accounts are not affected.",
                row.remedy()
            )),
            unreadable: Some(row),
            confirmation: latest.as_ref().and_then(|login| self.logins.confirmation_of(login)),
            pending: latest.as_ref().filter(|login| login.is_open(now)).map(WaitingLogin::from),
            last_login: latest.and_then(|login| last_login(login, None, now)),
            ..AccountStatus::with_name(name)
        }
    }

    /// Returns the status from memory, without the fields that only the store has.
    fn remembered_status(&self, name: &AccountName, trouble: StoreTrouble) -> Option<AccountStatus> {
        let known = self.tokens.registry().get(name)?;
        let status = self.status_of(&known.definition, known.enabled, &known.refresh, None);
        Some(AccountStatus { reason: Some(with_store_down(trouble, status.reason)), ..status })
    }

    /// Returns the status of a connected account. `mismatch` is set if a refresh returned another account's tokens.
    fn status_of(
        &self,
        definition: &ProviderDefinition,
        enabled: bool,
        refresh: &RefreshState,
        mismatch: Option<String>,
    ) -> AccountStatus {
        let now = self.now();
        let next_refresh_at = self.tokens.next_attempt(definition, refresh, now);
        let refresh = refresh.clone().at(now);
        let TokenVersion { login_id, generation } = refresh.version.clone();
        let feedback = self.tokens.feedback(&definition.name, &login_id);
        // The provider may have ended the access token before its expiry.
        let is_access_dead = self.tokens.is_access_dead(&definition.name, &refresh.version);
        let state = state_of(definition, Some(AccountState::of(enabled, &refresh, now)), &feedback);
        let is_refused = self.tokens.is_refused(&definition.name, &refresh.version);
        let owner = (state == AccountState::Disabled).then_some(SwitchedOffBy::Owner);
        let not_before = self.tokens.breaker_open_until(definition).unwrap_or(now);
        AccountStatus {
            reason: match self.directory.catalog.conflicting_type(&definition.name, definition.provider_type) {
                Some(configured) => Some(type_problem(definition, configured)),
                None if definition.enabled => {
                    self.reason(definition, state, &refresh, &feedback, is_access_dead, mismatch)
                }
                None => Some(SWITCHED_OFF_TEXT.to_owned()),
            },
            state,
            limited: feedback.limit(now).cloned(),
            switched_off_by: if definition.enabled { owner } else { Some(SwitchedOffBy::Configuration) },
            authenticated: definition.enabled && enabled && !is_refused && !refresh.access_token_expired(now),
            last_refresh_at: (generation > Generation::FIRST).then_some(refresh.obtained_at),
            next_refresh_at: next_refresh_at.filter(|_| definition.enabled).map(|at| at.max(not_before)),
            login_id: Some(login_id),
            generation: Some(generation),
            expires_at: refresh.expires_at,
            ..AccountStatus::absent(definition)
        }
    }
}

impl AccountStatus {
    /// Returns the status of an account that is not connected.
    fn absent(definition: &ProviderDefinition) -> Self {
        Self {
            reason: (!definition.enabled).then(|| SWITCHED_OFF_TEXT.to_owned()),
            switched_off_by: (!definition.enabled).then_some(SwitchedOffBy::Configuration),
            ..Self::with_name(definition.name.clone())
        }
    }

    /// Returns a status that has only a name.
    fn with_name(name: AccountName) -> Self {
        Self {
            name,
            state: AccountState::Absent,
            authenticated: false,
            reason: None,
            unreadable: None,
            limited: None,
            switched_off_by: None,
            login_id: None,
            generation: None,
            expires_at: None,
            last_refresh_at: None,
            next_refresh_at: None,
            scopes: Vec::new(),
            account: AccountLabels::default(),
            other_names: Vec::new(),
            pending: None,
            confirmation: None,
            last_login: None,
        }
    }
}

/// Combines the state of an account's row, `stored`, with its configuration and the provider's last refusal.
pub(in crate::app) fn state_of(
    definition: &ProviderDefinition,
    stored: Option<AccountState>,
    feedback: &ProviderFeedback,
) -> AccountState {
    match stored {
        None => AccountState::Absent,
        Some(_) if !definition.enabled => AccountState::Disabled,
        // The other states have their own next step for the owner, so a refusal does not replace them.
        Some(AccountState::Active | AccountState::Refreshing) if feedback.refusal().is_some() => AccountState::Refused,
        Some(state) => state,
    }
}

fn last_login(login: SealedLogin, credential: Option<&SealedCredential>, now: Timestamp) -> Option<LastLogin> {
    let saved = credential.is_some_and(|credential| *credential.login_id() == login.session.id);
    let (outcome, at) = match login.progress {
        LoginProgress::Ended(outcome) => (outcome, login.progress_since),
        // The login completed after its row was read and before the account was read.
        LoginProgress::Exchanging if saved => (LoginOutcome::Completed, login.progress_since),
        LoginProgress::Unconfirmed => match login.confirm_until(now) {
            Some(_) => (LoginOutcome::ConfirmationNeeded, login.progress_since),
            None => (LoginOutcome::Expired, login.progress_since.plus(CONFIRM_WITHIN)),
        },
        LoginProgress::Pending if !login.is_open(now) => (LoginOutcome::Expired, login.session.expires_at),
        LoginProgress::Pending | LoginProgress::Exchanging => return None,
    };
    Some(LastLogin { end: login.ended_as(outcome), login_id: login.session.id, at })
}
