//! Say truthfully where an account stands. Reads the store, never the network.

use super::{AppError, Gateway, canonical_name};
use crate::domain::{
    account::AccountLabels,
    credential::{SealedCredential, Standing},
    ids::{Generation, LoginId, Principal, ProviderName},
    login::SealedLogin,
    login_outcome::{LoginOutcome, LoginPhase},
    refresh::{Cause, Demand, RefreshState},
    time::Timestamp,
};

/// Where an account stands, "not there" included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Absent,
    Connected(Standing),
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Connected(standing) => standing.as_str(),
        }
    }
}

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
pub struct LoginStatus {
    pub name: ProviderName,
    pub state: State,
    /// Whether there is an access token that may be used now.
    pub authenticated: bool,
    /// What there is to know or do about it, in words; None when all is well.
    pub reason: Option<String>,
    /// Of both, the one that only a new start changes; None if it is switched on.
    pub switched_off_by: Option<SwitchedOffBy>,
    pub login_id: Option<LoginId>,
    pub generation: Option<Generation>,
    pub expires_at: Option<Timestamp>,
    /// When the access token was renewed last; None if it is still the login's.
    pub last_refresh_at: Option<Timestamp>,
    /// When it is to be renewed next; None if nothing but its owner can.
    pub next_refresh_at: Option<Timestamp>,
    /// What the provider granted (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    pub account: AccountLabels,
    pub pending: Option<WaitingLogin>,
    pub last_login: Option<LastLogin>,
}

impl Gateway {
    pub async fn login_status(&self, name: &str, principal: &Principal) -> Result<LoginStatus, AppError> {
        let now = self.now();
        let latest = match ProviderName::parse(canonical_name(name)) {
            Ok(name) => self.logins.latest(&name, principal).await?,
            Err(_) => None,
        };
        let resolved = match (self.resolve(name, None).await, &latest) {
            // A new account is known by its first login, before there is anything stored, and if that fails.
            (Err(AppError::UnknownProvider(_)), Some(login)) => {
                self.resolve(name, Some(login.ticket.provider_type.as_str())).await?
            }
            (resolved, _) => resolved?,
        };
        let credential = resolved.credential;
        let refresh = credential.as_ref().map(|found| found.refresh.clone().at(now));
        let mut state = credential.as_ref().map_or(State::Absent, |found| State::Connected(found.standing(now)));
        if !resolved.definition.enabled && state != State::Absent {
            state = State::Connected(Standing::Disabled);
        }
        let is_on = resolved.definition.enabled;
        let switched_off_by = match state {
            _ if !is_on => Some(SwitchedOffBy::Configuration),
            State::Connected(Standing::Disabled) => Some(SwitchedOffBy::Owner),
            State::Absent | State::Connected(_) => None,
        };
        // What this gateway heard from the provider itself: the clock alone would call it good.
        let is_dead =
            refresh.as_ref().is_some_and(|state| self.refused.are_dead(&resolved.definition.name, &state.version));
        let authenticated = is_on && !is_dead && credential.as_ref().is_some_and(|found| found.is_usable(now));
        let next = |state: &RefreshState| state.ready_at(&resolved.definition.refresh, Demand::Due, now);
        Ok(LoginStatus {
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
            expires_at: credential.as_ref().and_then(|found| found.facts.expires_at),
            scopes: credential.as_ref().map(|found| found.facts.scopes.clone()).unwrap_or_default(),
            account: credential.as_ref().map(|found| found.facts.account.clone()).unwrap_or_default(),
            pending: latest.as_ref().filter(|login| login.is_open(now)).map(waiting),
            last_login: latest.and_then(|login| last_login(login, credential.as_ref(), now)),
        })
    }
}

/// What there is to know or to do, for a state that does not speak for itself.
fn reason(state: State, refresh: &RefreshState, now: Timestamp) -> Option<String> {
    let because = refresh.cause.map(|cause| format!(": {}", Cause::in_words(cause))).unwrap_or_default();
    let ended = refresh.has_ended(now);
    let sentence = match state {
        State::Connected(Standing::Active) if ended => {
            "The access token has ended; it is renewed as soon as the provider can be reached.".to_owned()
        }
        State::Connected(Standing::Active) => match refresh.cause {
            None => return None,
            Some(_) => format!("The last renewal did not get through{because}. It is tried again."),
        },
        State::Connected(Standing::Disabled) => "This provider is switched off. Nothing is deleted.".to_owned(),
        State::Connected(Standing::InDoubt) if ended => {
            format!("Renewal unconfirmed{because}. The access token has ended; the renewal is tried again.")
        }
        State::Connected(Standing::InDoubt) => format!(
            "Renewal unconfirmed{because}. The access token works until it ends; signing in now avoids an interruption."
        ),
        State::Connected(Standing::NeedsReauth) if ended => {
            format!("The access token has expired{because}. Sign in again; nothing is deleted until then.")
        }
        State::Connected(Standing::NeedsReauth) => {
            format!("It cannot be renewed{because}. The access token works until it ends; sign in again before that.")
        }
        State::Absent | State::Connected(Standing::Refreshing) => return None,
    };
    Some(sentence)
}

fn waiting(login: &SealedLogin) -> WaitingLogin {
    WaitingLogin { login_id: login.ticket.id.clone(), expires_at: login.ticket.expires_at }
}

fn last_login(login: SealedLogin, credential: Option<&SealedCredential>, now: Timestamp) -> Option<LastLogin> {
    let saved = credential.is_some_and(|credential| *credential.login_id() == login.ticket.id);
    let (outcome, at) = match login.phase {
        LoginPhase::Ended(outcome) => (outcome, login.phase_since),
        // Saved, but the process died before it could be marked as completed.
        LoginPhase::Exchanging if saved => (LoginOutcome::Completed, login.phase_since),
        LoginPhase::Pending if !login.is_open(now) => (LoginOutcome::Expired, login.ticket.expires_at),
        LoginPhase::Pending | LoginPhase::Exchanging => return None,
    };
    Some(LastLogin { login_id: login.ticket.id, outcome, at })
}
