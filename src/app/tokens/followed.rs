//! Derives from the events of accounts which logins have ended. The registry cannot show this, because it may be ahead
//! of the events: a refresh registers the account as it is in the store.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::{
    credential::SealedCredential,
    history::{CredentialEvent, EventKind, Revision},
    ids::{AccountName, LoginId},
};

/// The login of each account, as of the last event that was read.
#[derive(Debug, Default)]
pub(super) struct FollowedLogins(Mutex<HashMap<AccountName, FollowedLogin>>);

#[derive(Debug, Default, Clone)]
struct FollowedLogin {
    as_of: Revision,
    login_id: Option<LoginId>,
}

impl FollowedLogin {
    /// Applies an event. Returns the logins that it ended: a replaced one, and one that was logged out or moved.
    fn advance(&mut self, event: &CredentialEvent) -> impl Iterator<Item = End> + use<> {
        let replaced = self.login_id.replace(event.login_id.clone()).filter(|login| *login != event.login_id);
        let replaced = replaced.map(|login| (login, Some(event.login_id.clone())));
        let successor = match event.kind {
            EventKind::SignedOut => Some(None),
            EventKind::MovedAway => Some(Some(LoginId::elsewhere())),
            EventKind::SignedIn
            | EventKind::Changed
            | EventKind::RefreshStarted
            | EventKind::Refreshed
            | EventKind::RefreshPostponed
            | EventKind::InDoubt
            | EventKind::NeedsReauth
            | EventKind::Refused => None,
        };
        let ended = successor.and_then(|successor| Some((self.login_id.take()?, successor)));
        replaced.into_iter().chain(ended)
    }
}

/// Returns the logins of one account that have ended with these events, given oldest first.
pub(super) fn ends_among(events: &[CredentialEvent]) -> Vec<End> {
    let mut followed = FollowedLogin::default();
    events.iter().flat_map(|event| followed.advance(event)).collect()
}

/// An ended login, and the login that replaced it: None after a logout, [`LoginId::elsewhere`] after a move.
pub(super) type End = (LoginId, Option<LoginId>);

impl FollowedLogins {
    /// Replaces all accounts with these stored ones.
    pub(super) fn reset<'a>(&self, stored: impl Iterator<Item = &'a SealedCredential>) {
        self.lock().clear();
        self.add(stored);
    }

    pub(super) fn add<'a>(&self, stored: impl Iterator<Item = &'a SealedCredential>) {
        let to_followed = |account: &SealedCredential| {
            let login_id = Some(account.login_id().clone());
            (account.name.clone(), FollowedLogin { as_of: account.revision, login_id })
        };
        self.lock().extend(stored.map(to_followed));
    }

    /// Applies an account's events, given oldest first. Returns the logins that they ended.
    pub(super) fn ends(&self, name: &AccountName, events: &[&CredentialEvent]) -> Vec<End> {
        let mut logins = self.lock();
        let followed = logins.entry(name.clone()).or_default();
        let as_of = followed.as_of;
        let new = events.iter().filter(|event| event.revision > as_of);
        let ends = new.flat_map(|event| followed.advance(event)).collect();
        if let Some(last) = events.last() {
            followed.as_of = followed.as_of.max(last.revision);
        }
        ends
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountName, FollowedLogin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
