//! Reports the status of an account. Reads the store and memory, never the network.

use super::Accounts;
use crate::{
    app::{AppError, directory::Resolved},
    domain::{
        account::AccountLabels,
        credential::{AccountState, SealedCredential},
        ids::{AccountName, Generation, LoginId, Principal},
        login::SealedLogin,
        login_outcome::{LoginOutcome, LoginProgress},
        provider::ProviderDefinition,
        provider_feedback::PlanLimit,
        refresh::{RefreshState, RefreshTrigger},
        time::Timestamp,
        unreadable::{UnreadableAccount, UnreadableRow},
    },
};

/// The last login that the principal started, if it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLogin {
    pub login_id: LoginId,
    pub outcome: LoginOutcome,
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

/// The side that switched an account off.
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
    /// The row that cannot be used, in the state `Unreadable`.
    pub unreadable: Option<UnreadableRow>,
    /// Set while the plan is used up. The account works again without help.
    pub limited: Option<PlanLimit>,
    /// `Configuration` if both did; None if the account is switched on.
    pub switched_off_by: Option<SwitchedOffBy>,
    pub login_id: Option<LoginId>,
    pub generation: Option<Generation>,
    pub expires_at: Option<Timestamp>,
    /// When the access token was last refreshed; None if it was not refreshed since the login.
    pub last_refresh_at: Option<Timestamp>,
    /// When the next refresh is scheduled; None if only a new login helps.
    pub next_refresh_at: Option<Timestamp>,
    /// The granted scopes (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    pub account: AccountLabels,
    pub pending: Option<WaitingLogin>,
    pub last_login: Option<LastLogin>,
}

impl Accounts {
    /// Returns the status of an account, and the last login that this principal started for it.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::Store`].
    #[tracing::instrument(name = "accounts.status", skip_all, fields(provider.name = %name))]
    pub async fn status(&self, name: &AccountName, principal: &Principal) -> Result<AccountStatus, AppError> {
        let now = self.now();
        let latest = self.login_store.latest(name, principal).await?;
        let resolved = match (self.directory.resolve(name, None).await, &latest) {
            // Nothing is stored before the first login of a new account completes, so the login names its type.
            (Err(AppError::AccountUnreadable(account)), _) => return Ok(self.status_of_unreadable(*account, latest)),
            (Err(AppError::UnknownProvider(_)), Some(login)) => {
                self.directory.resolve(name, Some(login.session.provider_type)).await?
            }
            (resolved, _) => resolved?,
        };
        let Resolved { definition, credential, unreadable } = resolved;
        if let Some(unreadable) = unreadable {
            return Ok(self.status_of_unreadable(unreadable, latest));
        }
        credential.iter().for_each(|credential| self.tokens.end_quarantine(credential));
        let credential = credential.as_ref();
        let refresh = credential.map(|found| found.refresh.clone().at(now));
        let refresh = refresh.as_ref();
        // A token that the provider refused is dead even if it has not expired.
        let is_dead = refresh.is_some_and(|refresh| self.tokens.are_refused(&definition.name, &refresh.version));
        let feedback = credential.map(|found| self.tokens.feedback(&definition.name, found.login_id()));
        let state = state_of(&definition, credential, now);
        let switched_off_by = if definition.enabled {
            (state == AccountState::Disabled).then_some(SwitchedOffBy::Owner)
        } else {
            Some(SwitchedOffBy::Configuration)
        };
        let next_refresh = |refresh: &RefreshState| refresh.ready_at(&definition.refresh, RefreshTrigger::Due, now);
        Ok(AccountStatus {
            reason: if !definition.enabled {
                Some("The account is switched off in the configuration.".to_owned())
            } else if is_dead {
                Some("The provider rejected the access token. Sign in again; nothing is deleted until then.".to_owned())
            } else {
                refresh.and_then(|refresh| reason(state, refresh, now))
            },
            state,
            limited: feedback.as_ref().and_then(|feedback| feedback.limit(now).cloned()),
            switched_off_by,
            authenticated: definition.enabled && !is_dead && credential.is_some_and(|found| found.is_usable(now)),
            last_refresh_at: refresh
                .filter(|refresh| refresh.version.generation > Generation::FIRST)
                .map(|refresh| refresh.obtained_at),
            next_refresh_at: refresh.filter(|_| definition.enabled).and_then(next_refresh).map(|at| at.max(now)),
            login_id: credential.map(|found| found.login_id().clone()),
            generation: credential.map(SealedCredential::generation),
            expires_at: credential.and_then(|found| found.metadata.expires_at),
            scopes: credential.map(|found| found.metadata.scopes.clone()).unwrap_or_default(),
            account: credential.map(|found| found.metadata.account.clone()).unwrap_or_default(),
            pending: latest.as_ref().filter(|login| login.is_open(now)).map(WaitingLogin::from),
            last_login: latest.and_then(|login| last_login(login, credential, now)),
            name: definition.name,
            unreadable: None,
        })
    }

    /// Returns the status of an account whose row cannot be used, and takes the account out of use here too.
    fn status_of_unreadable(&self, account: UnreadableAccount, latest: Option<SealedLogin>) -> AccountStatus {
        self.tokens.quarantine(account.clone());
        let (UnreadableAccount { name, row }, now) = (account, self.now());
        AccountStatus {
            name,
            state: AccountState::Unreadable,
            authenticated: false,
            reason: Some(format!(
                "The stored account cannot be read ({row}). Sign in again, or restore the database from a backup. Other \
                 accounts are not affected."
            )),
            unreadable: Some(row),
            switched_off_by: None,
            login_id: None,
            generation: None,
            expires_at: None,
            last_refresh_at: None,
            next_refresh_at: None,
            scopes: Vec::new(),
            account: AccountLabels::default(),
            pending: latest.as_ref().filter(|login| login.is_open(now)).map(WaitingLogin::from),
            last_login: latest.and_then(|login| last_login(login, None, now)),
        }
    }
}

/// Returns the state of an account, its configuration included.
pub(super) fn state_of(
    definition: &ProviderDefinition,
    credential: Option<&SealedCredential>,
    now: Timestamp,
) -> AccountState {
    match credential {
        None => AccountState::Absent,
        Some(_) if !definition.enabled => AccountState::Disabled,
        Some(credential) => credential.state(now),
    }
}

/// Returns the problem and the next step, if the state has a problem.
fn reason(state: AccountState, refresh: &RefreshState, now: Timestamp) -> Option<String> {
    let because = refresh.cause.map(|cause| format!(": {}", cause.in_words())).unwrap_or_default();
    let has_expired = refresh.has_ended(now);
    Some(match state {
        AccountState::Active if has_expired => {
            "The access token has expired. It is refreshed as soon as the provider can be reached.".to_owned()
        }
        AccountState::Active if refresh.cause.is_some() => {
            format!("The last refresh failed{because}. It is retried automatically.")
        }
        AccountState::Disabled => "The account is switched off. Nothing is deleted.".to_owned(),
        AccountState::InDoubt if refresh.is_restored() => format!(
            "The refresh token is unconfirmed{because}. Sign in again. Only a refresh that you request is tried, and it may \
             end the login."
        ),
        AccountState::InDoubt if has_expired => {
            format!("The last refresh is unconfirmed{because}. The access token has expired. The refresh is retried.")
        }
        AccountState::InDoubt => format!(
            "The last refresh is unconfirmed{because}. The access token works until it expires. Sign in now to avoid an \
             interruption."
        ),
        AccountState::NeedsReauth if has_expired => format!(
            "The access token has expired and cannot be refreshed{because}. Sign in again; nothing is deleted until then."
        ),
        AccountState::NeedsReauth => format!(
            "The account cannot be refreshed{because}. The access token works until it expires. Sign in again before that."
        ),
        AccountState::Active | AccountState::Absent | AccountState::Refreshing | AccountState::Unreadable => {
            return None;
        }
    })
}

fn last_login(login: SealedLogin, credential: Option<&SealedCredential>, now: Timestamp) -> Option<LastLogin> {
    let saved = credential.is_some_and(|credential| *credential.login_id() == login.session.id);
    let (outcome, at) = match login.progress {
        LoginProgress::Ended(outcome) => (outcome, login.progress_since),
        // The tokens were saved, but the process died before it marked the login as completed.
        LoginProgress::Exchanging if saved => (LoginOutcome::Completed, login.progress_since),
        LoginProgress::Pending if !login.is_open(now) => (LoginOutcome::Expired, login.session.expires_at),
        LoginProgress::Pending | LoginProgress::Exchanging => return None,
    };
    Some(LastLogin { login_id: login.session.id, outcome, at })
}
