//! Say truthfully where an account stands. Reads the store, never the network.

use super::{AppError, Gateway, canonical_name};
use crate::domain::{
    account::AccountLabels,
    credential::{AccountState, SealedCredential},
    ids::{Generation, LoginId, Principal, ProviderName},
    login::SealedLogin,
    login_outcome::{LoginOutcome, LoginProgress},
    refresh::{Cause, RefreshState, RefreshTrigger},
    time::Timestamp,
};

/// How this principal's last login went.
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

/// Whose word it is that an account serves nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchedOffBy {
    Owner,
    Configuration,
}

#[derive(Debug, Clone)]
pub struct AccountStatus {
    pub name: ProviderName,
    pub state: AccountState,
    /// Whether there is an access token that may be used now.
    pub authenticated: bool,
    /// What there is to know or do about it, in words; None when all is well.
    pub reason: Option<String>,
    /// Of both, the one that only a new start changes; None if it is switched on.
    pub switched_off_by: Option<SwitchedOffBy>,
    pub login_id: Option<LoginId>,
    pub generation: Option<Generation>,
    pub expires_at: Option<Timestamp>,
    /// When the access token was refreshed last; None if it is still the login's.
    pub last_refresh_at: Option<Timestamp>,
    /// When it is to be refreshed next; None if nothing but its owner can.
    pub next_refresh_at: Option<Timestamp>,
    /// What the provider granted (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    pub account: AccountLabels,
    pub pending: Option<WaitingLogin>,
    pub last_login: Option<LastLogin>,
}

impl Gateway {
    pub async fn account_status(&self, name: &str, principal: &Principal) -> Result<AccountStatus, AppError> {
        let now = self.now();
        let latest = match ProviderName::parse(canonical_name(name)) {
            Ok(name) => self.logins.latest(&name, principal).await?,
            Err(_) => None,
        };
        let resolved = match (self.resolve(name, None).await, &latest) {
            // A new account is known by its first login, before there is anything stored, and if that fails.
            (Err(AppError::UnknownProvider(_)), Some(login)) => {
                self.resolve(name, Some(login.session.provider_type.as_str())).await?
            }
            (resolved, _) => resolved?,
        };
        let credential = resolved.credential;
        let refresh = credential.as_ref().map(|found| found.refresh.clone().at(now));
        let mut state = credential.as_ref().map_or(AccountState::Absent, |found| found.state(now));
        if !resolved.definition.enabled && state != AccountState::Absent {
            state = AccountState::Disabled;
        }
        let is_on = resolved.definition.enabled;
        let switched_off_by = match state {
            _ if !is_on => Some(SwitchedOffBy::Configuration),
            AccountState::Disabled => Some(SwitchedOffBy::Owner),
            AccountState::Absent
            | AccountState::Active
            | AccountState::Refreshing
            | AccountState::InDoubt
            | AccountState::NeedsReauth => None,
        };
        // What this gateway heard from the provider itself: the clock alone would call it good.
        let is_dead =
            refresh.as_ref().is_some_and(|state| self.refused.are_dead(&resolved.definition.name, &state.version));
        let authenticated = is_on && !is_dead && credential.as_ref().is_some_and(|found| found.is_usable(now));
        let next = |state: &RefreshState| state.ready_at(&resolved.definition.refresh, RefreshTrigger::Due, now);
        Ok(AccountStatus {
            reason: if is_on && is_dead {
                Some(
                    "The provider refuses the access token as dead. Sign in again; nothing is deleted until then."
                        .to_owned(),
                )
            } else if is_on {
                refresh.as_ref().and_then(|refresh| reason(state, refresh, now))
            } else {
                Some("The configuration switches this provider off.".to_owned())
            },
            switched_off_by,
            authenticated,
            last_refresh_at: refresh
                .as_ref()
                .filter(|refresh| refresh.version.generation > Generation::FIRST)
                .map(|refresh| refresh.obtained_at),
            next_refresh_at: refresh.as_ref().and_then(next).filter(|_| is_on).map(|at| at.max(now)),
            name: resolved.definition.name,
            state,
            login_id: credential.as_ref().map(|found| found.login_id().clone()),
            generation: credential.as_ref().map(|found| found.generation()),
            expires_at: credential.as_ref().and_then(|found| found.metadata.expires_at),
            scopes: credential.as_ref().map(|found| found.metadata.scopes.clone()).unwrap_or_default(),
            account: credential.as_ref().map(|found| found.metadata.account.clone()).unwrap_or_default(),
            pending: latest.as_ref().filter(|login| login.is_open(now)).map(waiting),
            last_login: latest.and_then(|login| last_login(login, credential.as_ref(), now)),
        })
    }
}

/// What there is to know or to do, for a state that does not speak for itself.
fn reason(state: AccountState, refresh: &RefreshState, now: Timestamp) -> Option<String> {
    let because = refresh.cause.map(|cause| format!(": {}", Cause::in_words(cause))).unwrap_or_default();
    let ended = refresh.has_ended(now);
    let sentence = match state {
        AccountState::Active if ended => {
            "The access token has ended; it is refreshed as soon as the provider can be reached.".to_owned()
        }
        AccountState::Active => match refresh.cause {
            None => return None,
            Some(_) => format!("The last refresh did not get through{because}. It is tried again."),
        },
        AccountState::Disabled => "This provider is switched off. Nothing is deleted.".to_owned(),
        AccountState::InDoubt if ended => {
            format!("Refresh unconfirmed{because}. The access token has ended; the refresh is tried again.")
        }
        AccountState::InDoubt => format!(
            "Refresh unconfirmed{because}. The access token works until it ends; signing in now avoids an interruption."
        ),
        AccountState::NeedsReauth if ended => {
            format!("The access token has expired{because}. Sign in again; nothing is deleted until then.")
        }
        AccountState::NeedsReauth => {
            format!("It cannot be refreshed{because}. The access token works until it ends; sign in again before that.")
        }
        AccountState::Absent | AccountState::Refreshing => return None,
    };
    Some(sentence)
}

fn waiting(login: &SealedLogin) -> WaitingLogin {
    WaitingLogin { login_id: login.session.id.clone(), expires_at: login.session.expires_at }
}

fn last_login(login: SealedLogin, credential: Option<&SealedCredential>, now: Timestamp) -> Option<LastLogin> {
    let saved = credential.is_some_and(|credential| *credential.login_id() == login.session.id);
    let (outcome, at) = match login.progress {
        LoginProgress::Ended(outcome) => (outcome, login.progress_since),
        // Saved, but the process died before it could be marked as completed.
        LoginProgress::Exchanging if saved => (LoginOutcome::Completed, login.progress_since),
        LoginProgress::Pending if !login.is_open(now) => (LoginOutcome::Expired, login.session.expires_at),
        LoginProgress::Pending | LoginProgress::Exchanging => return None,
    };
    Some(LastLogin { login_id: login.session.id, outcome, at })
}
